"""What was asked and answered on all nodes while access came and went, and whether any order explains it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.processes.nodes import Nodes
from tests.processes.test_workers import eventually

__all__ = ["History", "Span", "contradictions"]


@dataclass(frozen=True, slots=True)
class Span:
    """Something that began and was acknowledged."""

    began: float
    ended: float
    good: bool


def contradictions(changes: list[Span], answers: list[Span]) -> list[Span]:
    """Answers that no order of what overlapped explains.

    ``changes`` follow each other; each says whether access is granted from then on.  An answer that began
    after one was acknowledged, and ended before the next one began, has one truth.
    """
    wrong = []
    for answer in answers:
        ended = [change for change in changes if change.ended < answer.began]
        overlapping = any(change.began < answer.ended and change.ended > answer.began for change in changes)
        if ended and not overlapping and answer.good != ended[-1].good:
            wrong.append(answer)
    return wrong


@dataclass
class History:
    """Changes one after the other, and exchanges of one person at one app on all nodes meanwhile.

    ``killing``: workers are killed, so that a request may get no answer, or 503.
    """

    nodes: Nodes
    id_token: str
    killing: bool
    changes: list[Span] = field(default_factory=list)
    answers: list[Span] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def change(self, act: Callable[[], None], *, good: bool) -> None:
        """Something after which access is granted, or is not."""
        began = time.monotonic()
        act()
        self.changes.append(Span(began, time.monotonic(), good))

    @contextmanager
    def exchanging(self, *, threads: int = 6) -> Iterator[None]:
        """While the ``with`` lasts."""
        over = threading.Event()
        every = [threading.Thread(target=self._run, args=(number, over)) for number in range(threads)]
        for thread in every:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in every:
                thread.join()
        assert self.faults == []

    def more(self, count: int = 20) -> None:
        """Let some requests begin and end with nothing else going on."""
        before = len(self.answers)
        eventually(lambda: len(self.answers) >= before + count, seconds=120)

    def _run(self, node: int, over: threading.Event) -> None:
        while not over.is_set():
            node += 1
            began = time.monotonic()
            try:
                answer = self.nodes.exchange(self.id_token, node=node)
            except (OSError, EOFError) as error:
                if not self.killing:
                    self.faults.append(type(error).__name__)
                continue
            if answer.status in (200, 400, 403):
                self.answers.append(Span(began, time.monotonic(), answer.status == 200))
            elif answer.status != 503 or not self.killing:
                self.faults.append(str(answer.status))
