"""Thousands of bent redemptions against the standalone application: attack cases E, F, 200 and 234."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.jose import KeySet, jws
from idjag.protocol.names import SKEW
from idjag.protocol.resources import comparable
from idjag.ras import MemoryStore
from idjag.ras.standalone import standalone
from tests.asgi_parts import Exchange
from tests.attacks.ras_bend import Redeeming, bent, must_be_refused
from tests.processes.program import JWT
from tests.proofs import jkt
from tests.ras.world import (
    API,
    CLIENT,
    FILES,
    KEY_CLIENT,
    NOW,
    OTHER_IDP,
    RAS,
    World,
    config,
    key,
    memory_store,
    trusted,
)

_TOGETHER = 16
_ALLOWED = {"chat.read", "chat.history"}


@dataclass(slots=True)
class Tally:
    """What came back, and until when a grant that became a token must not become another."""

    kinds: Counter[str] = field(default_factory=Counter)
    grants: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    redeemed: int = 0

    def take(self, made: Redeeming, exchange: Exchange) -> None:
        """Hold one answer to the oracle of the attack cases."""
        assert exchange.status < 500, (made, exchange.sent)
        assert exchange.header(b"content-type") == b"application/json", made
        assert exchange.header(b"cache-control") == b"no-store", made
        decision_id = (exchange.header(b"x-decision-id") or b"").decode()
        assert decision_id, made
        body = {} if made.method == "HEAD" else exchange.json
        self.kinds[str(body.get("error", exchange.status))] += 1
        if exchange.status == 200:
            self._issued(made, body)
        elif body:
            assert body.keys() == {"error", "error_description", "decision_id"}
            assert body["decision_id"] == decision_id
            assert body["error_description"].endswith(f"(ref {decision_id})")
            assert not JWT.search(exchange.body.decode())

    def _issued(self, made: Redeeming, body: dict[str, Any]) -> None:
        """Only of a fresh valid grant, once, and never wider than it."""
        assert not must_be_refused(made), made
        claims, now = made.claims, made.now
        assert now >= self.grants.get(claims["jti"], 0), made
        self.grants[claims["jti"]] = claims["exp"] + SKEW
        self.tokens += 1
        token = jws.verify(body["access_token"], keys=KeySet([key("ras").public]), algorithms=["ES256"])
        client = KEY_CLIENT if made.by_key else CLIENT
        assert (token["iss"], token["sub"], token["client_id"]) == (RAS, "u-alice", client)
        bound = any(name == b"dpop" for name, _ in made.headers)
        assert token.get("cnf") == ({"jkt": jkt()} if bound else None)
        assert body["token_type"] == ("DPoP" if bound else "Bearer")
        self.kinds[f"{made.header.get('typ')}{' bound' * bound}"] += 1
        scopes = set(str(token["scope"]).split())
        assert scopes <= _ALLOWED & set(claims["scope"].split())
        aud = token["aud"]
        granted = {comparable(str(each)) for each in (aud if isinstance(aud, list) else [aud])}
        named = claims.get("resource", API)
        assert granted <= {comparable(each) for each in (named if isinstance(named, list) else [named])}
        assert granted <= {API, FILES}


def _world() -> World:
    both = trusted(profiles=frozenset({"id-jag", "jwt-bearer"}))
    return World(store=memory_store(), config=config(trusted_issuers=(both, trusted(OTHER_IDP))))


async def _attack(world: World, tally: Tally, *, first: int, count: int) -> None:
    """Send the requests of these seeds, some at a time; the clock goes on."""
    app = standalone(world.ras)
    store: MemoryStore = world.store
    for start in range(first, first + count, _TOGETHER):
        world.clock.now += start % 3
        seeds = range(start, min(start + _TOGETHER, first + count))
        sent = [(made, made.exchange()) for made in (bent(seed, now=world.clock.now) for seed in seeds)]
        await asyncio.gather(*(app(each.scope, each.receive, each.send) for _, each in sent))
        for made, exchange in sent:
            tally.take(made, exchange)
        tally.redeemed += _drained(store)


def _drained(store: MemoryStore) -> int:
    """How many redemptions were written down since the last look; no event holds a token."""
    redeemed = 0
    while store.events:
        event = store.events.popleft()
        assert not JWT.search(json.dumps(event.fields)), event
        redeemed += event.name == "id_jag.redeemed"
    return redeemed


def test_two_thousand_bent_redemptions_are_answered_and_written_down() -> None:
    """RAS-19, RAS-20, RAS-42, attack cases 200 and 234; positive control: a tenth and more are granted."""
    tally = Tally()
    asyncio.run(_attack(_world(), tally, first=0, count=2000))
    assert tally.tokens == tally.redeemed == tally.kinds["200"]
    assert tally.tokens > 200
    assert len(tally.kinds) > 6
    every = {f"{typ}{bound}" for typ in (names.ID_JAG_TYP, "JWT") for bound in ("", " bound")}
    assert every | {"invalid_dpop_proof", "invalid_client"} <= tally.kinds.keys()


def _resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_bent_redemptions_leave_no_trace_in_memory() -> None:
    """The oracle's growth of less than 50 MB, after a warm-up; everything else as above."""
    tally, world = Tally(), _world()
    asyncio.run(_attack(world, tally, first=1_000_000, count=2000))
    before = _resident()
    asyncio.run(_attack(world, tally, first=2_000_000, count=100_000))
    grown = _resident() - before
    assert tally.tokens == tally.redeemed == tally.kinds["200"]
    assert tally.tokens > 10_000
    assert world.clock.now > NOW
    assert grown < 50_000_000
