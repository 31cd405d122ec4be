"""Fifty at once, over real HTTP and SQLite: one assertion, and rules that change under way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from idjag.idp.app import assemble, new_id
from idjag.ledger import trail
from tests import plain_http
from tests.asgi_parts import Exchange
from tests.attacks.target import Target, Wire, acme_state, target
from tests.idp.grants.acme import CHAIN_KEY, TENANT, Acme, connection, ledger_in
from tests.idp.signin.site import Host

_WAYS = 50


def post(url: str, wire: Wire) -> httpx.Response:
    """One request on a connection of its own."""
    headers = [(name.decode(), value.decode()) for name, value in wire.headers]
    with plain_http.Client(timeout=30, trust_env=False) as client:
        return client.post(f"{url}/token", content=urlencode(wire.form), headers=headers)


@contextmanager
def nodes(database: Path) -> Iterator[tuple[Target, Acme, list[str]]]:
    """Two IdPs on one database, as two processes are: each with its own writer, snapshot and server."""
    with ExitStack() as stack:
        here = stack.enter_context(target(database))
        there = Acme(stack.enter_context(ledger_in(database)), here.acme.clock)
        here.acme.new_id = there.new_id = new_id
        urls = []
        for idp in (here.acme, there):
            host = stack.enter_context(Host())
            host.app = assemble(replace(idp.services, new_id=new_id))
            urls.append(host.url)
        yield here, there, urls


def at_once(calls: Sequence[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """All of them, begun at the same moment."""
    barrier = threading.Barrier(len(calls))

    def one(call: Callable[[], httpx.Response]) -> httpx.Response:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def events(idp: Acme, answers: Sequence[httpx.Response]) -> list[tuple[str, str | None]]:
    """Name and reason of the events of these answers, one each, and the chain is whole."""
    assert trail.check(idp.ledger, TENANT, key=CHAIN_KEY) is None
    by_id: dict[str, list[tuple[str, str | None]]] = {}
    for event in idp.events():
        by_id.setdefault(event["decision_id"], []).append((event["event"], event["reason"]))
    found = [by_id[answer.headers["x-decision-id"]] for answer in answers]
    assert {len(each) for each in found} == {1}
    return [each[0] for each in found]


@pytest.mark.parametrize("scope", ["chat.read", "none"])
def test_of_fifty_uses_of_one_assertion_on_two_nodes_one_counts(tmp_path: Path, scope: str) -> None:
    """CAU-05, promise P4, attack case 29: at most one gets past authentication, granted or not."""
    with nodes(tmp_path / "idp.db") as (idp, _, urls):
        wire = idp.valid("board", scope=scope)
        answers = at_once([lambda url=url: post(url, wire) for url in urls * (_WAYS // 2)])  # type: ignore[misc]
        first = 200 if scope == "chat.read" else 400
        assert Counter(answer.status_code for answer in answers) == {first: 1, 401: _WAYS - 1}
        passed = ("id_jag.issued", None) if first == 200 else ("id_jag.denied", "scope_not_allowed")
        replayed = ("id_jag.denied", "client_assertion_replay")
        assert Counter(events(idp.acme, answers)) == {passed: 1, replayed: _WAYS - 1}


def test_a_client_that_floods_us_keeps_no_other_client_out(tmp_path: Path) -> None:
    """Promise P13: a thousand requests at once of one client, and another one is served as always."""
    with target(tmp_path / "idp.db") as idp:

        async def flood() -> tuple[Exchange, list[Exchange]]:
            wires = [idp.valid("wiki") for _ in range(1000)]
            sent = [asyncio.create_task(idp.send(wire)) for wire in wires]
            await asyncio.sleep(0)
            return await idp.send(idp.valid("board")), await asyncio.gather(*sent)

        other, flooded = asyncio.run(flood())
        assert other.status == 200
        assert {answer.status for answer in flooded} == {200, 503}
        assert len(idp.acme.events("id_jag.issued")) == 1 + sum(one.status == 200 for one in flooded)


@dataclass(frozen=True, slots=True)
class Phase:
    """A time in which one answer is right: from when the change was acknowledged to when the next began."""

    error: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Call:
    """One exchange as its client saw it."""

    error: str
    begin: float
    end: float


_WRITE = {"id": "writers", "who": {"everyone": True}, "scopes": ["chat.write"]}
_PHASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("access_denied", {"connections": [connection(status="paused")]}),
    ("issued", {"connections": [connection()]}),
    ("access_denied", {"connections": []}),
    ("issued", {"connections": [connection(client_id="another")]}),
    ("invalid_scope", {"connections": [connection(rules=[_WRITE])]}),
    ("issued", {"connections": [connection()]}),
)


def test_answers_follow_the_rules_that_were_acknowledged(tmp_path: Path) -> None:
    """XCH-21, promises P5 and P16: another process changes them, and nobody gets a 503 for it."""
    calls: list[Call] = []
    phases: list[Phase] = []
    over = threading.Event()
    with nodes(tmp_path / "idp.db") as (idp, there, urls):
        wire = idp.valid("wiki")

        def keep_asking(url: str) -> None:
            while not over.is_set():
                begin = time.monotonic()
                answer = post(url, wire)
                assert answer.status_code in (200, 400), answer.text
                calls.append(Call(answer.json().get("error", "issued"), begin, time.monotonic()))

        with ThreadPoolExecutor(8) as pool:
            asking = [pool.submit(keep_asking, url) for url in urls * 4]
            for error, change in _PHASES * 2:
                there.apply(acme_state(**change), prune=True)
                begin, seen = time.monotonic(), len(calls)
                while len(calls) < seen + 24 and not any(each.done() for each in asking):
                    time.sleep(0.01)
                phases.append(Phase(error, begin, time.monotonic()))
            over.set()
            for each in asking:
                each.result()
        assert trail.check(idp.acme.ledger, TENANT, key=CHAIN_KEY) is None
        issued = len(idp.acme.events("id_jag.issued"))
    for phase in phases:
        inside = Counter(c.error for c in calls if phase.begin <= c.begin and c.end <= phase.end)
        assert inside.keys() == {phase.error}, (phase, inside)
    assert issued == sum(call.error == "issued" for call in calls)
