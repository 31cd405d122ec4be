"""Thousands of bent requests of clients against the whole application: attack cases 200 and 234."""

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
from tests.attacks.bend import CODE, INTROSPECT, REFRESH, REVOKE, Bent, bent, must_be_refused
from tests.attacks.entries import ENTRIES
from tests.attacks.stock import stocked
from tests.attacks.target import Target, members
from tests.idp.grants.acme import API, CHAIN_KEY, CHAT, FILES, ISSUER, SECRETS, TENANT
from tests.proofs import jkt

_TOGETHER = 16
_A_PART = 5000
_PLACES = {"wiki": "wiki-at-chat", "board": "board-at-chat"}
_ALLOWED = {API: {"chat.read", "chat.history"}, FILES: {"chat.read", "files.read"}}
# What only somebody who has been authenticated is told.
_INSIDE = frozenset(
    {
        "invalid_grant",
        "invalid_target",
        "access_denied",
        "invalid_scope",
        "unsupported_grant_type",
        "invalid_dpop_proof",
        "unsupported_token_type",
    }
)


@dataclass(slots=True)
class Tally:
    """What came back: kinds of all, and by decision id what has not been compared with the record yet.

    ``issued`` is the jti of an ID-JAG, "" for what has none.
    """

    issued: dict[str, str] = field(default_factory=dict)
    inside: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    granted: Counter[str] = field(default_factory=Counter)
    jtis: int = 0

    def take(self, wire: Bent, exchange: Exchange) -> None:
        """Hold one answer to the oracle of the attack cases."""
        assert exchange.status < 500, (wire, exchange.sent)
        body = members(exchange) if wire.method != "HEAD" else {}
        assert exchange.header(b"content-type") == b"application/json"
        assert exchange.header(b"cache-control") == b"no-store"
        decision_id = (exchange.header(b"x-decision-id") or b"").decode()
        assert len(decision_id) >= 16
        error = str(body.get("error", exchange.status))
        self.kinds["429" if exchange.status == 429 else error] += 1
        if exchange.status == 200:
            self._granted(wire, body, decision_id)
            return
        assert body.keys() <= {"error", "error_description", "decision_id", "acr_values", "max_age"}
        if body:
            assert body["decision_id"] == decision_id
            assert body["error_description"].endswith(f"(ref {decision_id})")
        assert (exchange.header(b"retry-after") is not None) is (exchange.status == 429)
        if (exchange.status, wire.client == "desk") == (400, False) and error in _INSIDE:
            self.inside.add(decision_id)

    def _granted(self, wire: Bent, body: dict[str, Any], decision_id: str) -> None:
        """Nothing for what must be refused; and never more than there is."""
        if wire.entry is REVOKE:
            assert body == {}, wire
            return
        if wire.entry is INTROSPECT and not body["active"]:
            assert body == {"active": False}, wire
            return
        assert not must_be_refused(wire), wire
        self.granted[wire.entry.name] += 1
        self.issued[decision_id] = ""
        bound = wire.proof is not None and (b"dpop", wire.proof.encode()) in wire.headers
        if wire.entry is INTROSPECT:
            assert (body["client_id"], "cnf" in body) == (wire.client, False)
        elif wire.entry in (CODE, REFRESH):
            assert body["token_type"] == ("DPoP" if bound else "Bearer")
            assert body["refresh_token"] not in dict(wire.form).values()
            token = jws.parse(body["id_token"], max_bytes=names.MAX_SUBJECT_TOKEN).claims
            assert (token["iss"], token["aud"]) == (ISSUER, wire.client)
        else:
            self.issued[decision_id] = self._id_jag(wire, body, bound=bound)

    @staticmethod
    def _id_jag(wire: Bent, body: dict[str, Any], *, bound: bool) -> str:
        """The grant is one that some rule of Acme's allows to this client, and what was asked."""
        claims = jws.parse(body["access_token"], max_bytes=names.MAX_ID_JAG).claims
        assert body["token_type"] == "N_A"
        assert body["issued_token_type"] == names.ID_JAG_TOKEN
        assert (claims["iss"], claims["aud"]) == (ISSUER, CHAT)
        assert claims["client_id"] == _PLACES[wire.client]
        assert claims.get("cnf") == ({"jkt": jkt()} if bound else None)
        assert 0 < body["expires_in"] <= 300
        granted = set(str(claims.get("scope", "")).split())
        asked = next((value for name, value in wire.form if name == "scope" and value), None)
        assert granted <= (set(asked.split(" ")) if asked else {"chat.read"})
        resource = claims.get("resource", [*_ALLOWED])  # left out, it means all that there are
        resources = resource if isinstance(resource, list) else [resource]
        assert all(granted <= _ALLOWED[str(uri)] for uri in resources)
        return str(claims["jti"])

    def compare(self, target: Target) -> None:
        """Attack case 200: what was answered is what is written, each once; then forget it."""
        seen: Counter[object] = Counter()
        written: dict[str, str] = {}
        for event in target.news():
            seen[event["decision_id"]] += 1
            if event["event"] == "id_jag.issued":
                written[str(event["decision_id"])] = str(event["jti"])
            text = str(event)
            assert not any(secret in text for secret in SECRETS.values())
            assert not any(token.split(".")[2] in text for token in target.tokens.values())
        assert written == {decision_id: jti for decision_id, jti in self.issued.items() if jti}
        assert len(set(written.values())) == len(written)
        assert {seen[decision_id] for decision_id in (*self.issued, *self.inside)} <= {1}
        self.jtis += len(written)
        self.issued.clear()
        self.inside.clear()


async def _attack(target: Target, tally: Tally, *, first: int, count: int) -> None:
    """Send the requests of these seeds, some at a time; the clock goes on, and alice signs in again."""
    for start in range(first, first + count, _TOGETHER):
        target.acme.clock.now += start % 3
        requests = [bent(seed, target) for seed in range(start, min(start + _TOGETHER, first + count))]
        answers = await asyncio.gather(*(target.send(wire) for wire in requests))
        for wire, answer in zip(requests, answers, strict=True):
            tally.take(wire, answer)
        if start % _A_PART < _TOGETHER:
            tally.compare(target)
            target.tokens = {client: target.acme.sign_in(client=client) for client in target.tokens}


def _check(target: Target, tally: Tally) -> None:
    """The rest of the record, and its chain."""
    tally.compare(target)
    assert trail.check(target.acme.ledger, TENANT, key=CHAIN_KEY) is None


def test_two_thousand_bent_requests_are_answered_and_written_down(tmp_path: Path) -> None:
    """Attack cases 200 and 234, XCH-62; positive control: a tenth and more of them are granted."""
    tally = Tally()
    with stocked(tmp_path / "idp.db") as acme:
        asyncio.run(_attack(acme, tally, first=0, count=2000))
        _check(acme, tally)
    assert tally.jtis > 150
    assert min(tally.granted[entry.name] for entry in ENTRIES if entry is not REVOKE) > 10
    assert {"429", "invalid_dpop_proof", "invalid_client", "invalid_grant"} <= tally.kinds.keys()
    assert len(tally.kinds) > 10


def _resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_bent_requests_leave_no_trace_in_memory(tmp_path: Path) -> None:
    """The oracle's growth of less than 50 MB, after a warm-up; everything else as above."""
    tally = Tally()
    with stocked(tmp_path / "idp.db") as acme:
        asyncio.run(_attack(acme, tally, first=100_000, count=2000))
        before = _resident()
        asyncio.run(_attack(acme, tally, first=200_000, count=100_000))
        grown = _resident() - before
        _check(acme, tally)
    assert grown < 50_000_000
    assert tally.jtis > 7000
