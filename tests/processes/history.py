"""What was asked and answered on all nodes while access came and went, and whether any order explains it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TypeAlias

from tests.processes.crowd import crowd
from tests.processes.nodes import NODES
from tests.processes.test_workers import eventually

__all__ = ["Ask", "History", "Span", "contradictions"]

Ask: TypeAlias = Callable[[int], int]
"""One exchange at that node; the status of the answer."""

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Span:
    """Something that began and was acknowledged; ``good`` is access granted."""

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
    """Changes one after the other, and the same question again and again on all nodes meanwhile.

    ``disturbed``: processes are killed and stopped, so that a request may get no answer, or 503.
    """

    ask: Ask
    disturbed: bool
    changes: list[Span] = field(default_factory=list)
    answers: list[Span] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def change(self, act: Callable[[], bool], *, good: bool) -> None:
        """Something after which access is granted, or is not; done again until it is acknowledged."""
        began = time.monotonic()
        while not act():
            assert self.disturbed, "a change was not acknowledged"
            assert time.monotonic() < began + _PATIENCE
        self.changes.append(Span(began, time.monotonic(), good))

    @contextmanager
    def asking(self, *, threads: int = 3) -> Iterator[None]:
        """While the ``with`` lasts."""
        with crowd(self._run, threads=threads):
            yield
        assert self.faults == []

    def more(self, count: int = 10) -> None:
        """Let some requests begin and end with nothing else going on."""
        began = time.monotonic()
        eventually(lambda: sum(answer.began > began for answer in self.answers[-4 * count :]) >= count)

    def _run(self, number: int, over: threading.Event) -> None:
        while not over.is_set():
            number += 1
            began = time.monotonic()
            try:
                status = self.ask(number % NODES)
            except (OSError, HTTPException) as error:
                if not self.disturbed:
                    self.faults.append(type(error).__name__)
                continue
            if status in (200, 400, 403):
                self.answers.append(Span(began, time.monotonic(), status == 200))
            elif status != 503 or not self.disturbed:
                self.faults.append(str(status))
