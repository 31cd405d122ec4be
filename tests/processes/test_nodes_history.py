"""Access comes and goes while all nodes are asked: no answer is older than what was acknowledged."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import pytest

from tests.cluster import Cluster
from tests.processes.history import History, Span, contradictions
from tests.processes.nodes import NODES, Nodes, Running, deployed
from tests.processes.test_workers import eventually, workers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

Act: TypeAlias = Callable[[], bool]
SEEDS = [0, 1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 12))]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, postgres: Cluster) -> Iterator[Running]:
    """One deployment for all tests of this module."""
    with deployed(tmp_path_factory.mktemp("acme"), postgres) as running:
        yield running


def test_the_checker_of_histories_finds_what_is_wrong() -> None:
    """A checker that finds nothing proves nothing."""
    changes = [Span(0, 1, good=True), Span(10, 11, good=False), Span(20, 21, good=True)]
    right = [
        Span(2, 3, good=True),
        Span(9, 10.5, good=True),
        Span(9, 10.5, good=False),
        Span(12, 13, good=False),
        Span(10.5, 20.5, good=True),
        Span(22, 23, good=True),
    ]
    assert contradictions(changes, right) == []
    for stale in (Span(12, 13, good=True), Span(2, 3, good=False), Span(22, 23, good=False)):
        assert contradictions(changes, [*right, stale]) == [stale]


@dataclass
class Register:
    """Two nodes of which the second may serve from a copy that it made before the latest change."""

    stale: bool
    _values: list[bool] = field(default_factory=lambda: [True])

    def set(self, *, good: bool) -> bool:
        self._values.append(good)
        return True

    def ask(self, node: int) -> int:
        behind = self.stale and node == 1 and len(self._values) > 1
        return 200 if self._values[-2 if behind else -1] else 400


@pytest.mark.parametrize("stale", [False, True])
def test_a_node_that_is_one_change_behind_is_found(*, stale: bool) -> None:
    """Positive control: the same threads and the same checker, on a thing that is known to be wrong."""
    register = Register(stale)
    history = History(register.ask, disturbed=False)
    with history.asking():
        for good in (True, False, True, False):
            history.change(partial(register.set, good=good), good=good)
            history.more()
    assert bool(contradictions(history.changes, history.answers)) is stale


@dataclass
class Asker:
    """Alice at the wiki; a person who was disabled signs in again, since what she had is dead."""

    nodes: Nodes
    id_token: str = field(repr=False)

    def ask(self, node: int) -> int:
        return self.nodes.exchange(self.id_token, node=node).status

    def sign_in(self) -> bool:
        self.id_token = self.nodes.sign_in()
        return True


def ways(asker: Asker) -> list[tuple[Act, Act]]:
    """How access is taken away, and how it is given back."""
    nodes = asker.nodes

    def told(*command: str) -> Act:
        return lambda: nodes.acme.here(*command).code == 0

    def held(*what: str) -> tuple[Act, Act]:
        return told("hold", *what, "--reason", "a proof"), told("release", *what, "--reason", "a proof")

    def applied(**changes: str) -> Act:
        return lambda: nodes.applied(**changes)

    return [
        (applied(connection="paused"), applied()),
        (applied(group="sales"), applied()),
        (applied(alice="disabled"), lambda: nodes.applied() and asker.sign_in()),
        held("user", "alice"),
        held("connection", "wiki-chat"),
        held("app", "wiki"),
    ]


@contextmanager
def disturbed(running: Running, chance: random.Random) -> Iterator[None]:
    """A worker is killed, or stands still while the ``with`` lasts."""
    pid = chance.choice(workers(running.programs[chance.randrange(NODES)]))
    kill = chance.random() < 0.5
    os.kill(pid, signal.SIGKILL if kill else signal.SIGSTOP)
    try:
        yield
    finally:
        if not kill:
            os.kill(pid, signal.SIGCONT)
    eventually(lambda: running.whole)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_answer_is_older_than_what_was_acknowledged(running: Running, seed: int) -> None:
    """P5, P16, architecture section 4.4, attack case 158: while keys rotate, on every node.

    No success that started after a revocation was acknowledged, no denial that started after a grant was;
    with an odd seed, while workers are killed and stand still.
    """
    chance, kills = random.Random(seed), bool(seed % 2)  # noqa: S311 - an order
    asker = Asker(running.nodes, running.nodes.sign_in())
    history = History(asker.ask, disturbed=kills)
    history.change(running.nodes.applied, good=True)
    every = ways(asker)
    with history.asking():
        for stop, go_on in chance.sample(every, len(every)):
            with disturbed(running, chance) if kills and chance.random() < 0.5 else nullcontext():
                history.change(stop, good=False)
                history.more()
            history.change(go_on, good=True)
            if chance.random() < 0.3:
                running.nodes.here("keys", "rotate", "--now")
            history.more()
    assert contradictions(history.changes, history.answers) == []
    assert {answer.good for answer in history.answers} == {True, False}
