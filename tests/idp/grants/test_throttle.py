"""Guessing client credentials at the IdP is slowed down, and nobody else is."""

from __future__ import annotations

from pathlib import Path

from idjag.idp.endpoint import ClientEndpoint
from idjag.idp.throttle import Throttle
from idjag.idp.token import Token
from idjag.ledger.entry import Key
from tests.idp.grants.acme import ISSUER, NOW, SECRETS, Acme, Answer, acme, ledger_in
from tests.proofs import proof

GUESSER, ELSEWHERE = "203.0.113.5", "198.51.100.9"


def ask(idp: Acme, secret: str, *, client: str = "wiki", source: str = GUESSER) -> Answer:
    """A request whose answer shows whether the client was let in: invalid_request is."""
    return idp.post("grant_type=authorization_code", credentials=(client, secret), source=source)


def guess(idp: Acme, times: int, *, client: str = "wiki", source: str = GUESSER) -> list[str]:
    return [ask(idp, f"guess-{number}", client=client, source=source).error for number in range(times)]


def test_twenty_wrong_secrets_stop_the_client_at_that_source(idp: Acme) -> None:
    """XCH-63, attack case 38."""
    assert guess(idp, 20) == ["invalid_client"] * 20

    stopped = ask(idp, SECRETS["wiki"])
    assert (stopped.status, stopped.error) == (429, "temporarily_unavailable")
    assert 0 < int(stopped.header("retry-after") or "0") <= 60


def test_nineteen_wrong_secrets_stop_nobody(idp: Acme) -> None:
    guess(idp, 19)

    assert ask(idp, SECRETS["wiki"]).error == "invalid_request"


def test_the_right_secret_from_another_address_still_works(idp: Acme) -> None:
    """Attack case 38: whoever guesses locks out nobody else."""
    guess(idp, 30)

    assert ask(idp, SECRETS["wiki"], source=ELSEWHERE).error == "invalid_request"


def test_another_client_at_the_same_address_still_works(idp: Acme) -> None:
    """Attack case 38."""
    guess(idp, 30)

    assert ask(idp, SECRETS["notes"], client="notes").error == "invalid_request"


def test_the_pause_ends(idp: Acme) -> None:
    guess(idp, 20)
    idp.clock.now += 59
    before = ask(idp, SECRETS["wiki"]).status
    idp.clock.now += 1

    assert (before, ask(idp, SECRETS["wiki"]).error) == (429, "invalid_request")


def test_failures_long_ago_do_not_count(idp: Acme) -> None:
    guess(idp, 15)
    idp.clock.now += 60
    guess(idp, 15)

    assert ask(idp, SECRETS["wiki"]).error == "invalid_request"


def test_being_stopped_does_not_tell_which_clients_exist(idp: Acme) -> None:
    """Attack case 35: a name that no client has is stopped as any other, and stops no other."""
    assert guess(idp, 21, client="nobody") == ["invalid_client"] * 20 + ["temporarily_unavailable"]
    assert guess(idp, 20) == ["invalid_client"] * 20
    assert [ask(idp, "x", client=name).status for name in ("nobody", "wiki", "notes")] == [429, 429, 401]


def test_whoever_tries_every_name_is_stopped_under_every_name(idp: Acme) -> None:
    """XCH-63: what strangers make us remember is bounded, whatever they call themselves."""
    idp.endpoint = ClientEndpoint(idp.services, Token(idp.grants), throttle=Throttle(limit=5))
    statuses = [ask(idp, "x", client=f"nobody-{number}").status for number in range(64 * 16)]

    assert (statuses[0], set(statuses[-50:])) == (401, {429})
    assert ask(idp, SECRETS["wiki"], source=ELSEWHERE).error == "invalid_request"


def test_who_presents_nothing_is_not_counted(idp: Acme) -> None:
    """Promise P12: no commits for those who have not even guessed."""
    for _ in range(40):
        idp.post("grant_type=authorization_code", credentials=None, source=GUESSER)
        idp.send("grant_type=authorization_code", [(b"authorization", b"Basic ?")], source=GUESSER)

    every = Key("throttle", "tenant_id", idp.tenant)
    assert idp.ledger.read((every,))(every) == ()
    assert ask(idp, "x").status == 401


def test_a_network_of_ipv6_is_one_source(idp: Acme) -> None:
    for number in range(20):
        guess(idp, 1, source=f"2001:db8::{number:x}")

    assert ask(idp, SECRETS["wiki"], source="2001:db8::ffff").status == 429
    assert ask(idp, SECRETS["wiki"], source="2001:db8:0:1::1").error == "invalid_request"


def test_what_an_authenticated_client_gets_wrong_stops_nobody(idp: Acme) -> None:
    """One person's ended session must not keep everybody else of the app out."""
    assert {idp.exchange("x", source=GUESSER).error for _ in range(30)} == {"invalid_grant"}

    assert idp.exchange(idp.sign_in(), source=GUESSER).error == "issued"


def test_a_clock_that_ran_ahead_stops_nobody_for_longer(idp: Acme) -> None:
    """Attack case 210."""
    idp.clock.now += 86_400
    guess(idp, 20)
    idp.clock.now -= 86_400

    assert ask(idp, SECRETS["wiki"]).error == "invalid_request"


def test_failures_at_two_nodes_count_together(tmp_path: Path) -> None:
    """XCH-63: the counters are rows that all nodes share."""
    database = tmp_path / "idjag.db"
    with acme(database=database) as one, ledger_in(database) as second, ledger_in(database) as third:
        two, elsewhere = Acme(second, one.clock), Acme(third, one.clock)
        assert [*guess(one, 10), *guess(two, 10)] == ["invalid_client"] * 20

        # a node that has seen no failure refuses the right secret, and says so in the audit log
        stopped = elsewhere.exchange(one.sign_in(), source=GUESSER)
        assert (stopped.status, stopped.error) == (429, "temporarily_unavailable")
        assert [event["reason"] for event in one.events("id_jag.denied")] == ["too_many_failures"]
        assert elsewhere.exchange(one.sign_in(), source=ELSEWHERE).error == "issued"


def test_who_is_told_to_wait_may_come_again_with_the_same_proof(tmp_path: Path) -> None:
    """XCH-63, attack case 38: a pause made by strangers burns nothing of the client's."""
    database = tmp_path / "idjag.db"
    with acme(database=database) as one, ledger_in(database) as second:
        elsewhere = Acme(second, one.clock)
        brought = proof(f"{ISSUER}/token", now=NOW)
        body = one.form(one.sign_in())
        guess(one, 20)

        statuses = []
        for source in (GUESSER, ELSEWHERE, ELSEWHERE):
            credentials = ("wiki", SECRETS["wiki"])
            statuses.append(elsewhere.post(body, credentials=credentials, source=source, dpop=brought).status)

        assert statuses == [429, 200, 400]


def test_the_counter_names_neither_client_nor_address(idp: Acme) -> None:
    guess(idp, 20)

    row = idp.row("throttle", "tenant_id", idp.tenant)
    assert not any(text in repr(row) for text in ("wiki", GUESSER))
    assert (row["failures"], row["until"]) == (20, NOW + 60)


def test_being_stopped_is_recorded_once_a_minute(idp: Acme) -> None:
    """Contract section 9: strangers cannot fill the log."""
    guess(idp, 60)

    reasons = [event["reason"] for event in idp.events("refused.before_authentication")]
    assert reasons == ["client_secret_wrong", "too_many_failures"]
