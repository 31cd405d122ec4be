"""Tokens, pauses and instants, as every store must keep them: said to the two that we ship."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idjag.ledger.entry import Key
from idjag.protocol import names as words
from idjag.protocol.errors import Reason
from idjag.ras import Account, Link, MemoryStore
from idjag.ras.ports import Committed, LinkMoved, Lost, Once, Record, Stopped, Tokens
from idjag.ras.standing import (
    Change,
    Grounds,
    IssuedToken,
    Kept,
    NotBefore,
    Pause,
    Resume,
    Revoke,
    Standing,
    Thing,
)
from idjag.ras.store_sql import open_database
from tests.ras.stores import STORES, kind_of, names, opened_store, record
from tests.ras.world import IDP, NOW, OTHER_IDP

ALICE = Link(IDP, "", "alice")
TOKEN = IssuedToken(
    jti="token-1",
    account_id="u-alice",
    client_id="wiki",
    issuer=IDP,
    tenant="",
    sub="alice",
    iat=NOW,
    exp=NOW + 900,
    since=NOW - 60,
    our_tenant="acme",
)
JTI = Once("id_jag", IDP, "jti-1", NOW + 300)
PROOF = Once("client_assertion", "wiki", "proof-1", NOW + 60)
ACCOUNT = Thing("account", "u-alice")
ISSUER = Thing("issuer", IDP)
PERSON = Thing.person(ALICE)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Each kind of store, with Alice and Bob."""
    people = [Account("u-alice", email="alice@acme.example"), Account("u-bob")]
    with opened_store(kind_of(request), tmp_path, people, {ALICE: "u-alice"}) as opened:
        assert isinstance(opened, Tokens)
        yield opened


def issuing(token: IssuedToken = TOKEN, **changes: Any) -> Record:
    return record(grounds=token.grounds, issued=token, **changes)


def say(store: Any, *changes: Change, now: int = NOW) -> None:
    assert store.commit(record(changes=changes, event=None, now=now)) is Committed


def test_what_was_issued_is_remembered_with_its_event(store: Any) -> None:
    """AT-04."""
    assert store.token("token-1") is None
    assert store.commit(issuing()) is Committed
    assert store.token("token-1") == Kept(TOKEN, revoked=False, standing=Standing())
    assert store.token("token-2") is None
    assert names(store) == ["id_jag.redeemed"]


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        pytest.param({"on_success": (JTI,)}, Lost(JTI), id="a replay"),
        pytest.param({"account_id": "u-bob", "link": ALICE}, LinkMoved, id="a link that moved"),
    ],
)
def test_a_token_that_did_not_leave_is_not_remembered(
    store: Any, changes: dict[str, Any], outcome: object
) -> None:
    """RAS-20: one transaction."""
    assert store.commit(record(on_success=(JTI,))) is Committed
    assert store.commit(issuing(**changes)) == outcome
    assert store.token("token-1") is None


def test_a_record_without_an_event_claims_and_writes_nothing_down(store: Any) -> None:
    """Decision 0023: what is only counted still uses a client assertion up."""
    assert store.commit(record(event=None, always=(PROOF,))) is Committed
    assert names(store) == []
    assert store.commit(record(event=None, always=(PROOF,))) == Lost(PROOF)


REVOKED = [
    (Revoke("jti", "token-1"), {"token-1"}),
    (Revoke("account_id", "u-alice"), {"token-1", "token-2", "token-3"}),
    (Revoke("client_id", "wiki"), {"token-1", "token-3"}),
    (Revoke("issuer", IDP), {"token-1", "token-2"}),
    (Revoke("issuer", "https://nobody.example"), set()),
]


@pytest.mark.parametrize(("change", "ended"), REVOKED, ids=[str(change) for change, _ in REVOKED])
def test_tokens_are_revoked_by_what_they_have_in_common(store: Any, change: Revoke, ended: set[str]) -> None:
    """AT-05, attack case 164: one, or those of a person, a client, an issuer; never those that come later."""
    tokens = [
        TOKEN,
        replace(TOKEN, jti="token-2", client_id="other"),
        replace(TOKEN, jti="token-3", issuer=OTHER_IDP),
        replace(TOKEN, jti="token-4", account_id="u-bob", client_id="other", issuer=OTHER_IDP, sub="bob"),
    ]
    for token in tokens:
        assert store.commit(issuing(token)) is Committed
    say(store, change)
    assert {token.jti for token in tokens if store.token(token.jti).revoked} == ended
    assert store.commit(issuing(replace(TOKEN, jti="token-5"))) is Committed
    assert not store.token("token-5").revoked
    say(store, change, now=NOW + 1)  # a second time changes nothing
    assert {token.jti for token in tokens if store.token(token.jti).revoked} == ended


STOPS: list[tuple[Change, Change, Reason]] = [
    (Pause(ACCOUNT, "left", "0@host"), Resume(ACCOUNT), Reason.ACCOUNT_DISABLED),
    (Pause(ISSUER, "breach", "0@host"), Resume(ISSUER), Reason.ISSUER_NOT_TRUSTED),
]


@pytest.mark.parametrize(("pause", "resume", "reason"), STOPS, ids=["account", "issuer"])
def test_a_pause_stops_until_it_is_taken_back(
    store: Any, pause: Change, resume: Change, reason: Reason
) -> None:
    """RAS-47, attack cases 160 and 163: judged in the transaction; nothing but ``always`` is used up."""
    assert store.commit(issuing()) is Committed
    say(store, pause)
    new = Account("u-new", email="new@acme.example")
    link = Link(IDP, "", "new")
    stopped = store.commit(
        issuing(replace(TOKEN, jti="token-2"), always=(PROOF,), on_success=(JTI,), link=link, create=new)
    )
    assert isinstance(stopped, Stopped)
    assert stopped.why.reason is reason
    assert (store.token("token-2"), store.by_id("u-new"), store.linked(link)) == (None, None, None)
    assert names(store) == ["id_jag.redeemed"]
    assert store.commit(record(always=(PROOF,))) == Lost(PROOF)
    assert store.token("token-1").standing != Standing()
    say(store, resume)
    assert store.commit(issuing(replace(TOKEN, jti="token-2"), on_success=(JTI,))) is Committed
    assert store.token("token-1").standing == Standing()


def test_a_pause_is_of_one_thing(store: Any) -> None:
    """An account and an issuer of one name are two."""
    others: list[tuple[Any, str]] = [
        ("issuer", "u-alice"),
        ("account", IDP),
        ("account", "u-bob"),
        ("issuer", OTHER_IDP),
    ]
    for kind, name in others:
        say(store, Pause(Thing(kind, name), "x", "0@host"))
    assert store.commit(issuing()) is Committed


@pytest.mark.parametrize("thing", [ACCOUNT, ISSUER, PERSON], ids=lambda thing: thing.kind)
def test_what_is_older_than_not_before_does_not_count(store: Any, thing: Thing) -> None:
    """AT-08: by account, by issuer, by person; the very instant is not older."""
    say(store, NotBefore(thing, NOW))
    older = store.commit(issuing(replace(TOKEN, since=NOW - 1)))
    assert isinstance(older, Stopped)
    assert older.why.reason is Reason.GRANT_TOO_OLD
    assert store.commit(issuing(replace(TOKEN, since=NOW))) is Committed
    assert store.standing(TOKEN.grounds).not_before == NOW


@pytest.mark.parametrize(
    "thing",
    [
        Thing("account", "u-bob"),
        Thing("issuer", OTHER_IDP),
        Thing.person(Link(IDP, "", "bob")),
        Thing.person(Link(IDP, "t-1", "alice")),
        Thing.person(Link(OTHER_IDP, "", "alice")),
    ],
    ids=str,
)
def test_others_are_not_meant(store: Any, thing: Thing) -> None:
    """AT-08: sub alone is nobody."""
    say(store, NotBefore(thing, NOW + 1))
    assert store.commit(issuing()) is Committed


def test_not_before_moves_forward_alone(store: Any) -> None:
    """AT-08: a late message takes nothing back; a pause beside it neither."""
    say(store, NotBefore(ACCOUNT, NOW))
    say(store, NotBefore(ACCOUNT, NOW - 100))
    say(store, Pause(ACCOUNT, "x", "0@host"))
    say(store, Resume(ACCOUNT))
    assert store.standing(TOKEN.grounds) == Standing(not_before=NOW)


def test_the_latest_of_three_instants_counts(store: Any) -> None:
    """AT-08."""
    for thing, at in ((ISSUER, NOW - 20), (PERSON, NOW - 10), (ACCOUNT, NOW - 30)):
        say(store, NotBefore(thing, at))
    assert store.standing(TOKEN.grounds).not_before == NOW - 10


def test_a_person_is_named_without_ambiguity() -> None:
    """A sub may hold whatever separates the parts of a name."""
    assert Thing.person(Link("a", "b", "c")) != Thing.person(Link("a", 'b", "c', ""))


def test_what_was_said_outlives_the_process(tmp_path: Path) -> None:
    """RAS-47: a restart resumes nobody."""
    grounds = Grounds("u-alice", ALICE, NOW)
    for said in (Standing(), Standing(account_paused=True, issuer_paused=True, not_before=NOW)):
        database = open_database(tmp_path / "ras.db", kek_file=tmp_path / "kek")
        try:
            assert database.store.standing(grounds) == said
            pauses = (Pause(ACCOUNT, "x", "0@host"), Pause(ISSUER, "y", "0@host"))
            say(database.store, *pauses, NotBefore(PERSON, NOW))
        finally:
            database.close()


def test_dead_tokens_leave_the_database_in_small_steps(tmp_path: Path) -> None:
    """No more than eight with one redemption, and none that a clock beside ours still thinks alive."""
    with opened_store("sqlite", tmp_path, [Account("u-alice")], {}) as store:

        def kept() -> int:
            by_client = Key("issued_token", "client_id", "wiki")
            return len(store.database.ledger.read([by_client])(by_client))

        for number in range(30):
            assert store.commit(issuing(replace(TOKEN, jti=f"old-{number}"))) is Committed
        last = NOW + 900 + words.SKEW
        later = replace(TOKEN, iat=last, exp=last + 900)
        assert store.commit(issuing(replace(later, jti="new-1"), now=last - 1)) is Committed
        assert kept() == 31
        for number, left in enumerate([24, 17, 10, 5, 6], start=2):
            assert store.commit(issuing(replace(later, jti=f"new-{number}"), now=last)) is Committed
            assert kept() == left
        assert store.token("old-29") is None
        assert store.token("new-1") is not None


def test_memory_forgets_dead_tokens() -> None:
    """However it grows; and with them that they were revoked."""
    memory = MemoryStore()
    for number in range(3000):
        now = NOW + number
        token = replace(TOKEN, jti=f"token-{number}", iat=now, exp=now + 10)
        assert memory.commit(issuing(token, now=now)) is Committed
        say(memory, Revoke("jti", token.jti))
    assert memory.token("token-0") is None
    assert memory.token("token-2999") is not None
    assert len(memory._tokens._issued) < 1200
    assert len(memory._tokens._revoked) < 1200
