"""Client secrets that we make: shown once, two at a time, over when they say so (CAU-15)."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from idjag.idp.app_secrets import SecretRefused, listed, make, new_secret, retire
from idjag.idp.questions import UnknownName
from idjag.idp.state.current import load
from idjag.idp.state.export import export
from idjag.idp.state.plan import Problems
from tests.idp.grants.acme import NOW, SECRETS, Acme, acme, app, state

ACTOR = {"kind": "operator", "id": "1000@host"}
DAY = 86_400


def known(idp: Acme, secret: str, client: str = "wiki") -> bool:
    """Whether the client is let in with this secret: invalid_request is."""
    idp.clock.now += 0
    answer = idp.post("grant_type=authorization_code", credentials=(client, secret))
    assert answer.error in {"invalid_request", "invalid_client"}
    return answer.error == "invalid_request"


def added(idp: Acme, **changes: Any) -> str:
    """A new secret of the wiki."""
    return make(idp, "wiki", **{"actor": ACTOR, "overlap": DAY, **changes}).text


@pytest.fixture
def own() -> Any:
    with acme() as running:
        yield running


def test_old_and_new_overlap_and_then_the_old_one_is_over(own: Acme) -> None:
    """CAU-15, attack case 39: to the second."""
    new = added(own)
    assert (known(own, SECRETS["wiki"]), known(own, new)) == (True, True)
    own.clock.now += DAY - 1
    assert (known(own, SECRETS["wiki"]), known(own, new)) == (True, True)
    own.clock.now += 1
    assert (known(own, SECRETS["wiki"]), known(own, new)) == (False, True)


def test_a_secret_that_ends_by_itself_ends(own: Acme) -> None:
    """CAU-15: nobody has to remember it."""
    new = added(own, expires=NOW + 60)
    assert known(own, new)
    own.clock.now += 60
    assert not known(own, new)


def test_a_retired_secret_is_over_with_the_next_request(own: Acme) -> None:
    """CAU-15, attack case 39; positive control: the other one."""
    new = added(own)
    old, _ = listed(own, "wiki")
    assert retire(own, "wiki", old.id, actor=ACTOR).over(own.clock())
    assert (known(own, SECRETS["wiki"]), known(own, new)) == (False, True)


def test_two_count_at_a_time(own: Acme) -> None:
    """CAU-15: a third one waits until one is over or retired."""
    first = added(own)
    with pytest.raises(SecretRefused, match="two secrets already"):
        added(own)
    own.clock.now += DAY
    second = added(own, overlap=60)
    assert (known(own, first), known(own, second)) == (True, True)
    own.clock.now += 60
    assert (known(own, first), known(own, second)) == (False, True)


def test_an_overlap_never_makes_a_secret_live_longer(own: Acme) -> None:
    """CAU-15: what ends sooner ends sooner."""
    (file,) = listed(own, "wiki")
    short = added(own, expires=NOW + 60)
    retire(own, "wiki", file.id, actor=ACTOR)
    added(own, overlap=DAY)
    own.clock.now += 60
    assert not known(own, short)


def test_only_its_hash_is_kept_and_the_log_has_neither(own: Acme) -> None:
    """CAU-15, attack case 199: not in the row, not in the log, not in an export, not in a repr."""
    made = make(own, "wiki", actor=ACTOR, overlap=DAY)
    digest = hashlib.sha256(made.text.encode()).hexdigest()
    row = own.row("app", "key", "wiki")
    everything = repr((own.events(), made, export(load(own.ledger, own.tenant, everyone=True))))
    assert digest in row["secrets"]
    assert made.text not in row["secrets"]
    assert not {made.text, digest} & set(re.findall(r"[A-Za-z0-9]{32,}", everything))


def test_every_change_has_its_event(own: Acme) -> None:
    """Contract section 9: who, of which app, which secret, until when."""
    made = make(own, "wiki", actor=ACTOR, overlap=DAY, expires=NOW + 9 * DAY)
    retire(own, "wiki", made.secret.id, actor=ACTOR)
    new, ended = own.events("app.updated")[-2:]
    assert (new["actor"], new["requesting_app"]) == (ACTOR, own.app_id("wiki"))
    what = {"row": own.app_id("wiki"), "key": "wiki", "secret_id": made.secret.id}
    assert new["after"] == {**what, "secret": "added", "expires": NOW + 9 * DAY}
    assert ended["after"] == {**what, "secret": "retired"}


def test_a_secret_is_long_and_of_letters_and_digits() -> None:
    """CAU-15, CAU-01: every client sends these as they are, whether it form-encodes or not."""
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9]{43}", each) for each in made)


def test_a_file_keeps_what_was_made_and_brings_nothing_back(own: Acme) -> None:
    """CAU-15, attack case 39: the file still names the first secret."""
    new = added(own)
    own.apply(state())
    assert (known(own, SECRETS["wiki"]), known(own, new)) == (True, True)
    own.clock.now += DAY
    with pytest.raises(Problems, match="is one that is over"):
        own.apply(state())
    assert (known(own, SECRETS["wiki"]), known(own, new)) == (False, True)
    kept = state()
    kept["apps"][0]["auth"]["secret"] = None
    own.apply(kept)
    assert known(own, new)


def test_a_file_that_brings_another_secret_replaces_all_and_remembers_what_is_over(own: Acme) -> None:
    """As before; attack case 39."""
    new = added(own)
    retire(own, "wiki", listed(own, "wiki")[0].id, actor=ACTOR)
    other = state()
    other["apps"][0]["auth"]["secret"] = "env:notes"
    own.apply(other)
    assert [known(own, each) for each in (SECRETS["wiki"], new, SECRETS["notes"])] == [False, False, True]
    with pytest.raises(Problems, match="is one that is over"):
        own.apply(state())


def test_what_is_over_does_not_pile_up(own: Acme) -> None:
    """Promise P12."""
    made = [added(own, overlap=60)]
    for _ in range(11):
        own.clock.now += 61
        made.append(added(own, overlap=60))
    secrets = listed(own, "wiki")
    assert len(secrets) == 10  # two that count, eight that are over
    assert [known(own, each) for each in made[-3:]] == [False, True, True]


@pytest.mark.parametrize(
    "auth",
    [
        pytest.param({"method": "private_key_jwt", "jwks_uri": "https://wiki.example/jwks"}, id="keys"),
        pytest.param({"method": "none"}, id="public"),
    ],
)
def test_an_app_without_secrets_gets_none(auth: dict[str, Any]) -> None:
    """CAU-09: a second way in must not appear by itself."""
    grants = ["authorization_code"]
    with acme(state(apps=[app("wiki", auth=auth, grants=grants)], connections=[])) as idp:
        for act in (lambda: added(idp), lambda: listed(idp, "wiki")):
            with pytest.raises(SecretRefused, match="has no secret"):
                act()


def test_names_that_lead_nowhere_are_refused(own: Acme) -> None:
    with pytest.raises(UnknownName, match="unknown app"):
        make(own, "nothing", actor=ACTOR, overlap=DAY)
    with pytest.raises(SecretRefused, match="no secret nothing"):
        retire(own, "wiki", "nothing", actor=ACTOR)
    (file,) = listed(own, "wiki")
    retire(own, "wiki", file.id, actor=ACTOR)
    with pytest.raises(SecretRefused, match="could be retired"):
        retire(own, "wiki", file.id, actor=ACTOR)
    assert not known(own, SECRETS["wiki"])
