"""Exchanges on all nodes while something is done to them: what clients hold afterwards, what they used."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException

from idjag.demo.wire import Answer, fetch
from idjag.protocol.jose import jws
from tests.processes.crowd import crowd
from tests.processes.nodes import LIFETIME, NODES, Nodes
from tests.processes.test_workers import eventually

__all__ = ["HEALED", "Storm", "ready", "verdict"]

HEALED = 5.0
"""Seconds in which a node must serve again, by itself (attack cases, section O)."""

_NO_ANSWER = 0
_PAUSE = 0.02
"""Seconds after a 503: its own Retry-After would be longer than these tests have."""


@dataclass
class Storm:
    """One request after the other in each thread; half of them with a client assertion, used once.

    ``held``: the jti of every ID-JAG that a client has.  ``used``: the assertions that bought one, and when.
    ``statuses``: answers by status, 0 for none at all.
    """

    nodes: Nodes
    wiki_token: str = field(repr=False)
    agent_token: str = field(repr=False)
    held: list[str] = field(default_factory=list)
    used: list[tuple[float, str]] = field(default_factory=list, repr=False)
    statuses: Counter[int] = field(default_factory=Counter)
    _served: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(NODES), 0))

    @contextmanager
    def blowing(self, *, threads: int = 6) -> Iterator[None]:
        """While the ``with`` lasts; the only answers are tokens, 503, and none."""
        with crowd(self._run, threads=threads):
            yield
        assert set(self.statuses) <= {_NO_ANSWER, 200, 503}

    def goes_on(self, more: int = 6) -> float:
        """Wait until every node has given so many further tokens; the seconds that this took."""
        began, before = time.monotonic(), dict(self._served)
        eventually(
            lambda: all(self._served[node] >= before[node] + more for node in range(NODES)), seconds=60
        )
        return time.monotonic() - began

    def refused_again(self, *, most: int = 40) -> list[str]:
        """Of the used assertions, some of all times that have not expired; none buys another token."""
        young = [each for at, each in self.used if at > time.monotonic() - LIFETIME / 2]
        tried = young[:: max(1, len(young) // most)]
        form = self.nodes.form(self.agent_token)
        for number, assertion in enumerate(tried):
            answer = verdict(partial(self.nodes.asserted, form, node=number, assertion=assertion))
            assert answer.status == 401, answer.body
        return tried

    def _run(self, number: int, over: threading.Event) -> None:
        turn = number
        while not over.is_set():
            turn += 1
            node = turn % NODES
            assertion = self.nodes.assertion() if number % 2 else None
            try:
                answer = self._ask(node, assertion)
            except (OSError, HTTPException):  # the worker that was asked is gone
                self.statuses[_NO_ANSWER] += 1
                continue
            self.statuses[answer.status] += 1
            if answer.status == 200:
                self._keep(answer, assertion)
                self._served[node] += 1
            else:
                over.wait(_PAUSE)

    def _ask(self, node: int, assertion: str | None) -> Answer:
        if assertion is None:
            return self.nodes.exchange(self.wiki_token, node=node)
        return self.nodes.asserted(self.nodes.form(self.agent_token), node=node, assertion=assertion)

    def _keep(self, answer: Answer, assertion: str | None) -> None:
        token = str(answer.json()["access_token"])
        self.held.append(str(jws.parse(token, max_bytes=16_000).claims["jti"]))
        if assertion is not None:
            self.used.append((time.monotonic(), assertion))


def ready(nodes: Nodes) -> set[int]:
    """What the nodes say of themselves to a load balancer."""
    return {fetch(f"http://127.0.0.1:{port}/readyz").status for port in nodes.ports}


def verdict(ask: Callable[[], Answer]) -> Answer:
    """The answer, once it is one: /readyz speaks for one worker, and its neighbour may still be healing."""
    answers: list[Answer] = []

    def answered() -> bool:
        answers.append(ask())
        return answers[-1].status != 503

    eventually(answered)
    return answers[-1]
