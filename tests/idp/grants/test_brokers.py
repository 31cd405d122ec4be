"""An app exchanges the ID tokens of a broker, through which people sign in for it (XCH-38)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Delete, Insert, Row
from tests.idp.grants.acme import NOW, TENANT, Acme, Answer, acme
from tests.idp.grants.acme_state import app, state
from tests.idp.grants.offline import OFFLINE, claims_of, code, redeem, refresh

LINK = {"subject_tokens_from": ["gateway"]}


def linked(*others: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The wiki may exchange what the gateway got; ``changes`` are the gateway's."""
    gateway = app("gateway", **{**OFFLINE, **changes})
    return state(apps=[app("wiki", **LINK), app("notes"), gateway, *others])


@pytest.fixture
def site() -> Iterator[Acme]:
    """Acme with a gateway."""
    with acme(linked()) as running:
        yield running


def signed_in(idp: Acme, username: str = "alice") -> str:
    """The ID token that the gateway got for a code."""
    answer = redeem(idp, code(idp, username, client="gateway")[0], client="gateway")
    assert answer.status == 200, answer.json
    return str(answer.json["id_token"])


def reason(idp: Acme, answer: Answer) -> tuple[str, str]:
    """What the client reads, and why."""
    return answer.error, str(idp.events("id_jag.denied")[-1]["reason"])


def test_the_wiki_exchanges_an_id_token_of_the_gateway(site: Acme) -> None:
    """XCH-38, A-05: azp is the gateway, and the wiki is in aud, because an administrator linked them."""
    token = signed_in(site)
    claims = claims_of(token)
    assert (claims["aud"], claims["azp"]) == (["gateway", "wiki"], "gateway")

    grant = site.exchange(token).grant

    assert (grant["client_id"], grant["sub"]) == ("wiki-at-chat", claims["sub"])
    issued = site.events("id_jag.issued")[-1]
    assert (issued["requesting_app"], issued["subject"]) == (site.app_id("wiki"), site.person("alice"))
    assert issued["inputs"]["broker"] == site.app_id("gateway")


def test_without_a_link_a_token_has_one_audience_and_serves_nobody_else() -> None:
    """XCH-37, XCH-38, OIDC-12."""
    with acme(state(apps=[app("wiki"), app("gateway", **OFFLINE)])) as idp:
        token = signed_in(idp)
        assert (claims_of(token)["aud"], "azp" in claims_of(token)) == ("gateway", False)
        assert reason(idp, idp.exchange(token)) == ("invalid_grant", "subject_token_audience")
        several = idp.sign_in(client="gateway", aud=["gateway", "wiki"], azp="gateway")
        assert reason(idp, idp.exchange(several)) == ("invalid_grant", "subject_token_audience")


def test_only_the_linked_app_may(site: Acme) -> None:
    """XCH-38: the other app is not in aud; and if somebody put it there, it has no link."""
    forged = site.sign_in(client="gateway", aud=["gateway", "notes"], azp="gateway")
    for token in (signed_in(site), forged):
        answer = site.exchange(token, client="notes")
        assert reason(site, answer) == ("invalid_grant", "subject_token_audience")


def test_a_link_goes_one_way(site: Acme) -> None:
    """XCH-38: the gateway may not present what the wiki got."""
    token = site.sign_in(aud=["wiki", "gateway"], azp="wiki")
    answer = site.exchange(token, client="gateway")
    assert reason(site, answer) == ("invalid_grant", "subject_token_audience")


def test_the_gateway_may_present_its_own_token_itself() -> None:
    """XCH-36: what names others is still the gateway's."""
    text = linked()
    text["connections"].append(
        {**text["connections"][0], "id": "gateway-chat", "from": "gateway", "client_id": "gateway-at-chat"}
    )
    with acme(text) as idp:
        assert idp.exchange(signed_in(idp), client="gateway").grant["client_id"] == "gateway-at-chat"


def test_the_session_is_the_one_at_the_gateway(site: Acme) -> None:
    """XCH-43: sid and sub belong together there; it ends with the next request."""
    token = signed_in(site)
    other = site.sign_in("bob", client="gateway")
    for sid in (claims_of(other)["sid"], claims_of(site.sign_in())["sid"]):
        mixed = site.sign_in(client="gateway", aud=["gateway", "wiki"], azp="gateway", sid=sid)
        assert site.exchange(mixed).error == "invalid_grant"
    assert site.exchange(token).status == 200
    # the gateway may stay, so that signing out alone would not end it
    site.write(Delete("session_app", {"sid": claims_of(token)["sid"]}))
    assert reason(site, site.exchange(token)) == ("invalid_grant", "session_ended")


def test_a_refreshed_id_token_names_the_wiki_too(site: Acme) -> None:
    """OIDC-19: as the one of the sign-in does."""
    answer = redeem(site, code(site, client="gateway")[0], client="gateway")
    again = refresh(site, answer.json["refresh_token"], client="gateway").json["id_token"]
    assert claims_of(again)["aud"] == ["gateway", "wiki"]
    assert site.exchange(again).status == 200


def hold(idp: Acme, kind: str, target: str, within: str = "") -> None:
    words: Row = {"tenant_id": TENANT, "reason": "", "by": "", "since": NOW, "until": None}
    row = {"id": idp.new_id(), "kind": kind, "target": target, "app": within}
    idp.write(Insert("hold", {**row, **words}))


@pytest.mark.parametrize(
    ("stop", "why"),
    [
        pytest.param(lambda idp: idp.apply(linked(status="disabled")), "app_disabled", id="disabled"),
        pytest.param(lambda idp: idp.apply(linked(assigned=None)), "not_assigned", id="nobody assigned"),
        pytest.param(lambda idp: hold(idp, "app", idp.app_id("gateway")), "held", id="held"),
        pytest.param(
            lambda idp: hold(idp, "user-in-app", idp.person("alice"), idp.app_id("gateway")),
            "held",
            id="this person is held there",
        ),
    ],
)
def test_what_stops_people_at_the_gateway_stops_its_tokens_everywhere(
    site: Acme, stop: Any, why: str
) -> None:
    """XCH-38, attack case 161; positive control: the wiki's own sign-ins go on."""
    token = signed_in(site)
    assert site.exchange(token).status == 200
    stop(site)
    assert reason(site, site.exchange(token)) == ("access_denied", why)
    assert site.exchange(site.sign_in()).status == 200


def test_a_hold_in_another_app_is_not_the_gateways(site: Acme) -> None:
    token = signed_in(site)
    hold(site, "user-in-app", site.person("alice"), site.app_id("notes"))
    assert site.exchange(token).status == 200


def test_a_link_that_is_taken_back_is_gone_with_the_next_request(site: Acme) -> None:
    """XCH-21, XCH-38."""
    token = signed_in(site)
    text = linked()
    del text["apps"][0]["subject_tokens_from"]
    site.apply(text)
    assert reason(site, site.exchange(token)) == ("invalid_grant", "subject_token_audience")
    assert claims_of(signed_in(site))["aud"] == "gateway"
    site.apply(linked())
    assert site.exchange(token).status == 200


def test_a_disabled_app_is_in_nobodys_audience(site: Acme) -> None:
    text = linked()
    text["apps"][0]["status"] = "disabled"
    site.apply(text)
    assert claims_of(signed_in(site))["aud"] == "gateway"


def test_the_person_is_found_in_the_sector_of_the_gateway() -> None:
    """JAG-05, XCH-43: its sub is pairwise, and the wiki's is not."""
    with acme(linked(subject_type="pairwise")) as idp:
        public = claims_of(idp.sign_in())["sub"]
        started = code(idp, client="gateway")[0]
        token = redeem(idp, started, client="gateway").json["id_token"]
        assert claims_of(token)["sub"] != public
        assert idp.exchange(token).grant["sub"] == public
        idp.apply(linked())  # another sector now: the sub of then is nobody's
        assert reason(idp, idp.exchange(token)) == ("invalid_grant", "subject_unknown")


def test_the_snapshot_that_catches_up_knows_what_a_whole_load_knows(site: Acme) -> None:
    """XCH-21: links are looked up by both ends."""
    site.apply(linked(app("chat-rp", **LINK)))
    caught_up = site.snapshot
    assert caught_up.lent == {site.app_id("gateway"): ("chat-rp", "wiki")}
    known = [brokers(caught_up, name) for name in ("wiki", "notes", "gateway")]
    assert known == [{"gateway"}, set(), {"gateway"}]


def brokers(snapshot: Snapshot, client_id: str) -> set[str]:
    return set(snapshot.brokers(snapshot.clients[client_id]))
