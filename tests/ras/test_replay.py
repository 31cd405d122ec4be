"""Once means once: replays and races over every kind of store (RAS-19, RAS-20, attack cases 93, 104)."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from idjag.ledger import trail
from idjag.protocol.http import Reply
from idjag.ras import Account, Link, MemoryStore
from idjag.ras.places import DatabasePlace, PostgresUrl
from idjag.ras.ports import AuditEvent, Committed, Record
from idjag.ras.store_sql import Database, bring_in, open_database
from tests.idp.settling import settled
from tests.ras.stores import STORES, kek_in, kind_of
from tests.ras.world import (
    ALICE,
    IDP,
    NOW,
    OTHER_IDP,
    World,
    assert_refused,
    body,
    client,
    config,
    grant,
    key,
    request,
    rules,
    token_claims,
    trusted,
)

RACERS = 24


class SqliteWorld(World):
    """The same server over its own database."""

    database: Database

    def event(self) -> Any:
        return _Event(self._log()[-1])

    def events(self, name: str) -> list[dict[str, Any]]:
        return [e for e in self._log() if e["event"] == name]

    def _log(self) -> list[dict[str, Any]]:
        settled(self.database.ledger, "ras")
        return [dict(event) for event in trail.events(self.database.ledger, "ras")]


class _Event:
    def __init__(self, fields: dict[str, Any]) -> None:
        self.name = fields["event"]
        self.fields = fields


class MemoryWorld(World):
    def events(self, name: str) -> list[Any]:
        return [event.fields for event in self.store.events if event.name == name]


def sqlite_world(folder: Path, at: DatabasePlace | None = None, **changes: Any) -> SqliteWorld:
    database = open_database(at or folder / "ras.db", kek_file=kek_in(folder))
    accounts = [
        Account("u-alice", email="alice@acme.example"),
        Account("u-bob", email="bob@acme.example"),
        Account("u-eve", email="eve@acme.example", active=False),
        Account("u-gil", email="gil@globex.example"),
    ]
    bring_in(database.ledger, accounts, {Link(IDP, "", ALICE): "u-alice"}, now=NOW, decision_id="start")
    world = SqliteWorld(store=database.store, **changes)
    world.database = database
    return world


Make = Callable[..., Any]


@pytest.fixture(params=STORES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes a server over each kind of store."""
    opened: list[SqliteWorld] = []
    kind = kind_of(request)

    def build(**changes: Any) -> Any:
        if kind == "memory":
            return MemoryWorld(**changes)
        at = kind if isinstance(kind, PostgresUrl) else None
        opened.append(sqlite_world(tmp_path, at, **changes))
        return opened[-1]

    yield build
    for world in opened:
        world.database.close()


@pytest.fixture(autouse=True)
def _restless() -> Iterator[None]:
    """Threads take turns a thousand times as often: a missing lock shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(usual)


def race(world: World, assertions: list[str]) -> list[Reply]:
    """Everybody at the same moment, each in a thread."""
    start = Barrier(len(assertions))

    def one(assertion: str) -> Reply:
        start.wait()
        return world.post({"assertion": assertion})

    with ThreadPoolExecutor(len(assertions)) as pool:
        return list(pool.map(one, assertions))


def test_a_second_redemption_is_refused(make: Make) -> None:
    """RAS-19, attack case 93."""
    world = make()
    assertion = grant()
    assert world.post({"assertion": assertion}).status == 200
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "replay")
    assert world.event().fields["jti"]
    assert [len(world.events(f"id_jag.{name}")) for name in ("redeemed", "refused")] == [1, 1]


def test_a_race_has_one_winner(make: Make) -> None:
    """RAS-20, P4: at the same moment, in many threads."""
    world = make()
    replies = race(world, [grant(jti="the one")] * RACERS)
    assert Counter(reply.status for reply in replies) == {200: 1, 400: RACERS - 1}
    assert {body(reply)["error"] for reply in replies if reply.status == 400} == {"invalid_grant"}
    assert [len(world.events(f"id_jag.{name}")) for name in ("redeemed", "refused")] == [1, RACERS - 1]


def test_many_small_races_have_one_winner_each() -> None:
    """RAS-24: the store alone, so often that a missing lock shows; many subs want one account."""
    store, rounds, racers = MemoryStore(), 300, 6
    start = Barrier(racers, timeout=60)
    event = AuditEvent("id_jag.redeemed", {})

    def one(racer: int) -> int:
        won = 0
        for number in range(rounds):
            holder, account = f"{racer}-{number}", f"u-{number}"
            link = Link(IDP, "", holder)
            record = Record(holder, NOW, event, lambda _: event, account_id=account, link=link)
            start.wait()
            won += store.commit(record) is Committed
        return won

    with ThreadPoolExecutor(racers) as pool:
        assert sum(pool.map(one, range(racers))) == rounds


def test_a_race_through_the_asynchronous_door_has_one_winner(make: Make) -> None:
    """RAS-20: the other driver."""
    world = make()
    assertion = grant()

    async def everybody() -> list[Reply]:
        requests = [request({"assertion": assertion}) for _ in range(RACERS)]
        replies: list[Reply] = await asyncio.gather(*map(world.ras.atoken, requests))
        return replies

    assert Counter(reply.status for reply in asyncio.run(everybody())) == {200: 1, 400: RACERS - 1}


def test_different_grants_do_not_stand_in_each_other_s_way(make: Make) -> None:
    """The positive control of the races."""
    world = make()
    assert {reply.status for reply in race(world, [grant() for _ in range(RACERS)])} == {200}


def test_a_failing_request_burns_nobody_s_grant(make: Make) -> None:
    """RAS-20: after every kind of refusal the rightful client still redeems."""
    world = make()
    assertion = grant(sub="bob-at-acme", email="bob@acme.example", email_verified=True)
    wrong: list[dict[str, Any]] = [
        {"scope": "admin"},
        {"resource": "https://elsewhere.example/"},
        {"grant_type": "x"},
    ]
    assert {world.post({"assertion": assertion, **each}).status for each in wrong} == {400}
    world.ras.configure(config(trusted_issuers=(trusted(subject=rules(by=("iss_sub",))),)))
    assert world.post({"assertion": assertion}).status == 400
    world.ras.configure(config())
    assert world.post({"assertion": assertion}).status == 200


def test_equal_jtis_of_two_issuers_are_two(make: Make) -> None:
    """RAS-19: (iss, jti)."""
    world = make(config=config(clients=(client(issuers=frozenset({IDP, OTHER_IDP})),)))
    gil = {"sub": "g", "email": "gil@globex.example", "email_verified": True}
    assert world.post({"assertion": grant(jti="same")}).status == 200
    assert world.post({"assertion": grant(key("other"), iss=OTHER_IDP, jti="same", **gil)}).status == 200


def test_reuse_is_a_switch_of_the_issuer(make: Make) -> None:
    """RAS-19, A-10."""
    world = make(config=config(trusted_issuers=(trusted(reuse="until_expiry"),)))
    assertion = grant()
    tokens = [token_claims(world.post({"assertion": assertion}))["jti"] for _ in range(2)]
    assert len(set(tokens)) == 2
    world.clock.now += 361
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "expired")


def test_a_used_grant_stays_used_until_it_has_expired(make: Make) -> None:
    """RAS-20: kept until exp and leeway."""
    world = make()
    assertion = grant()
    assert world.post({"assertion": assertion}).status == 200
    world.clock.now += 359
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "replay")
    world.clock.now += 1
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "expired")


def test_a_store_that_forgets_what_is_over_still_knows_a_used_grant() -> None:
    """RAS-20: for as long as clocks that differ let it be taken."""
    world, assertion = World(), grant()
    assert world.post({"assertion": assertion}).status == 200
    world.clock.now += 359
    world.store._sweep_at = 0
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "replay")
    assert (
        world.post({"assertion": grant(jti="another", iat=world.clock.now, exp=world.clock.now + 300)}).status
        == 200
    )


def test_twenty_first_grants_make_one_account(make: Make) -> None:
    """RAS-23, attack case 104: unique by issuer, tenant and sub."""
    world = make(config=config(trusted_issuers=(trusted(subject=rules(jit=True)),)))
    carol = {"sub": "carol", "email": "carol@acme.example", "email_verified": True}
    replies = race(world, [grant(**carol) for _ in range(RACERS)])
    assert {reply.status for reply in replies} == {200}
    [account_id] = {token_claims(reply)["sub"] for reply in replies}
    [found] = world.store.by_email("carol@acme.example", tenant=None)
    assert found.id == account_id == world.store.linked(Link(IDP, "", "carol"))


def test_new_people_of_one_address_make_one_account(make: Make) -> None:
    """RAS-24 in a race: who comes second is refused, as if they had come later."""
    world = make(config=config(trusted_issuers=(trusted(subject=rules(jit=True)),)))
    carol = {"email": "carol@acme.example", "email_verified": True}
    replies = race(world, [grant(sub=f"carol-{number}", **carol) for number in range(RACERS)])
    assert Counter(reply.status for reply in replies) == {200: 1, 400: RACERS - 1}
    assert len(world.store.by_email("carol@acme.example", tenant=None)) == 1


def test_two_people_who_want_one_account_do_not_both_get_it(make: Make) -> None:
    """RAS-24 in a race: the first sub that is linked keeps the account."""
    world = make()
    bob = {"email": "bob@acme.example", "email_verified": True}
    replies = race(world, [grant(sub=f"bob-{number}", **bob) for number in range(RACERS)])
    assert Counter(reply.status for reply in replies) == {200: 1, 400: RACERS - 1}
    assert len(world.store.links_of("u-bob")) == 1


def test_a_link_written_twice_at_once_is_one_link(make: Make) -> None:
    """RAS-24: the same person with many first grants."""
    world = make()
    bob = {"sub": "bob", "email": "bob@acme.example", "email_verified": True}
    assert {reply.status for reply in race(world, [grant(**bob) for _ in range(RACERS)])} == {200}
    assert world.store.links_of("u-bob") == (Link(IDP, "", "bob"),)


def test_what_was_used_stays_used_after_a_restart(tmp_path: Path) -> None:
    """RAS-20, P4: SQLite remembers; links and accounts too."""
    world = sqlite_world(tmp_path)
    assertion = grant(sub="bob", email="bob@acme.example", email_verified=True)
    assert world.post({"assertion": assertion}).status == 200
    world.database.close()
    again = sqlite_world(tmp_path)
    try:
        assert_refused(again, again.post({"assertion": assertion}), "invalid_grant", "replay")
        assert token_claims(again.post({"assertion": grant(sub="bob")}))["sub"] == "u-bob"
        assert trail.check(again.database.ledger, "ras", key=again.database.chain_key) is None
    finally:
        again.database.close()


def test_without_a_store_there_is_no_token(make: Make) -> None:
    """P1, attack case 222: 503, no token; a refusal that cannot be recorded is 503 too."""

    class Down:
        def __init__(self, store: Any) -> None:
            self._store = store
            self.commits = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def commit(self, _: Any) -> Any:
            self.commits += 1
            raise OSError("disk full")

    good = make()
    world = World(store=Down(good.store))
    for parameters in ({}, {"assertion": grant(aud="https://x.example")}):
        world.store.commits = 0
        reply = world.post(parameters)
        assert world.store.commits == 1  # an unknown outcome is never tried again
        assert (reply.status, body(reply)["error"]) == (503, "temporarily_unavailable")
        assert dict(reply.headers)[b"retry-after"]
        assert b"access_token" not in reply.body
    assert good.post({}).status == 200


def test_a_closed_database_answers_503(tmp_path: Path) -> None:
    """Attack case 220, in small: the real ledger, closed."""
    world = sqlite_world(tmp_path)
    assert world.post({}).status == 200
    world.database.close()
    reply = world.post({})
    assert (reply.status, body(reply)["error"]) == (503, "temporarily_unavailable")
    assert not world.store.ready()
