"""Thousands of bent token requests against the whole application: attack cases 200 and 234."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from idjag.ledger import trail
from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.asgi_parts import Exchange
from tests.attacks.bend import bent, must_be_refused
from tests.attacks.target import Target, Wire, members, target
from tests.idp.grants.acme import API, CHAIN_KEY, CHAT, FILES, ISSUER, SECRETS, TENANT

_TOGETHER = 16
_PLACES = {"wiki": "wiki-at-chat", "board": "board-at-chat"}
_ALLOWED = {API: {"chat.read", "chat.history"}, FILES: {"chat.read", "files.read"}}
# What only somebody who has been authenticated is told.
_INSIDE = frozenset(
    {"invalid_grant", "invalid_target", "access_denied", "invalid_scope", "unsupported_grant_type"}
)


@dataclass(slots=True)
class Tally:
    """What came back, by decision id."""

    issued: dict[str, str] = field(default_factory=dict)
    inside: dict[str, str] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)

    def take(self, wire: Wire, exchange: Exchange) -> None:
        """Hold one answer to the oracle of the attack cases."""
        assert exchange.status < 500, (wire, exchange.sent)
        body = members(exchange) if wire.method != "HEAD" else {}
        assert exchange.header(b"content-type") == b"application/json"
        assert exchange.header(b"cache-control") == b"no-store"
        decision_id = (exchange.header(b"x-decision-id") or b"").decode()
        assert len(decision_id) >= 16
        self.kinds[str(body.get("error", exchange.status))] += 1
        if exchange.status == 200:
            assert not must_be_refused(wire), wire
            self.issued[decision_id] = self._granted(wire, body)
            return
        assert body.keys() <= {"error", "error_description", "decision_id", "acr_values", "max_age"}
        if body:
            assert body["decision_id"] == decision_id
            assert body["error_description"].endswith(f"(ref {decision_id})")
        if (exchange.status, wire.client == "desk") == (400, False) and body.get("error") in _INSIDE:
            self.inside[decision_id] = body["error"]

    @staticmethod
    def _granted(wire: Wire, body: dict[str, Any]) -> str:
        """The grant is one that some rule of Acme's allows to this client, and what was asked."""
        claims = jws.parse(body["access_token"], max_bytes=names.MAX_ID_JAG).claims
        assert body["token_type"] == "N_A"
        assert body["issued_token_type"] == names.ID_JAG_TOKEN
        assert (claims["iss"], claims["aud"]) == (ISSUER, CHAT)
        assert claims["client_id"] == _PLACES[wire.client]
        assert 0 < body["expires_in"] <= 300
        granted = set(str(claims.get("scope", "")).split())
        asked = next((value for name, value in wire.form if name == "scope" and value), None)
        assert granted <= (set(asked.split(" ")) if asked else {"chat.read"})
        resource = claims.get("resource", [*_ALLOWED])  # left out, it means all that there are
        resources = resource if isinstance(resource, list) else [resource]
        assert all(granted <= _ALLOWED[str(uri)] for uri in resources)
        return str(claims["jti"])


async def _attack(target: Target, tally: Tally, *, first: int, count: int) -> None:
    """Send the requests of these seeds, some at a time; Acme's clock goes on."""
    for start in range(first, first + count, _TOGETHER):
        target.acme.clock.now += start % 3
        requests = [bent(seed, target) for seed in range(start, min(start + _TOGETHER, first + count))]
        answers = await asyncio.gather(*(target.send(wire) for wire in requests))
        for wire, answer in zip(requests, answers, strict=True):
            tally.take(wire, answer)


def _check_the_record(target: Target, tally: Tally) -> None:
    """Attack case 200: what was answered is what is written, each once, and the chain is whole."""
    ledger = target.acme.ledger
    assert trail.check(ledger, TENANT, key=CHAIN_KEY) is None
    seen: Counter[object] = Counter()
    jtis: dict[str, str] = {}
    for row in trail.rows(ledger, TENANT):
        seen[row["decision_id"]] += 1
        if row["event"] == "id_jag.issued":
            jtis[str(row["decision_id"])] = str(row["jti"])
        assert not any(secret in str(row["body"]) for secret in SECRETS.values())
        assert not any(token.split(".")[2] in str(row["body"]) for token in target.tokens.values())
    assert jtis == tally.issued
    assert len(set(jtis.values())) == len(jtis)
    assert {seen[decision_id] for decision_id in (*tally.issued, *tally.inside)} == {1}


def test_two_thousand_bent_requests_are_answered_and_written_down(tmp_path: Path) -> None:
    """Attack cases 200 and 234, XCH-62; positive control: a fifth and more of them are granted."""
    tally = Tally()
    with target(tmp_path / "idp.db") as acme:
        asyncio.run(_attack(acme, tally, first=0, count=2000))
        _check_the_record(acme, tally)
    assert len(tally.issued) > 200
    assert len(tally.kinds) > 8


def _resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_thirty_thousand_bent_requests_leave_no_trace_in_memory(tmp_path: Path) -> None:
    """The oracle's growth of less than 50 MB, after a warm-up; everything else as above."""
    tally = Tally()
    with target(tmp_path / "idp.db") as acme:
        asyncio.run(_attack(acme, tally, first=100_000, count=2000))
        before = _resident()
        asyncio.run(_attack(acme, tally, first=200_000, count=30_000))
        grown = _resident() - before
        _check_the_record(acme, tally)
    assert grown < 50_000_000
    assert tally.kinds["200"] > 3000
