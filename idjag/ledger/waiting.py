"""The lines of entries before the writer: bounded, urgent ones first, one for each client, taken in turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from idjag.ledger.entry import Entry, Unavailable

__all__ = ["DEADLINE", "MOST_WAITING", "URGENT_RESERVE", "Job", "Line"]

DEADLINE = 5.0
"""Seconds after which nobody waits for an entry any more."""

MOST_WAITING = 512
MOST_OF_ONE_CLIENT = 64
MOST_IN_A_BATCH = 64
URGENT_RESERVE = 16
"""Places that only urgent entries may take: whoever floods the line must not keep out the kill switch."""


@dataclass(frozen=True, slots=True)
class Job:
    """An entry, who waits for it, and until when (seconds of the committer's clock)."""

    entry: Entry[Any, Any] = field(repr=False)
    future: Future[Any] = field(repr=False)
    until: float


class Line:
    """Jobs in the order in which the writer shall take them: clients take turns, each at its own line."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._urgent: deque[Job] = deque()
        self._clients: OrderedDict[str, deque[Job]] = OrderedDict()
        self._count = 0
        self._called = False
        self._open = False
        self._closed = False

    def open(self) -> None:
        """Let jobs in, unless the line was closed meanwhile."""
        with self._changed:
            self._open = not self._closed

    def close(self) -> None:
        """Let no more jobs in; those that wait are still taken."""
        with self._changed:
            self._open, self._closed = False, True
            self._changed.notify_all()

    def put(self, job: Job, *, wake: bool = True) -> None:
        """Add a job at its place; raises Unavailable when there is none, or the line is closed.

        ``wake``: tell the writer now; else somebody calls ``wake`` when more have been put.
        """
        with self._changed:
            if not self._open:
                raise Unavailable("the ledger is not serving")
            most = MOST_WAITING + URGENT_RESERVE if job.entry.urgent else MOST_WAITING
            if self._count >= most:
                raise Unavailable("too many entries are waiting")
            self._place(job.entry).append(job)
            self._count += 1
            if wake:
                self._called = True
                self._changed.notify()

    def wake(self) -> None:
        """Tell the writer that there are jobs."""
        with self._changed:
            self._called = True
            self._changed.notify()

    def take(self, patience: float | None) -> list[Job]:
        """The next jobs, as many as make a batch.

        Empty after ``patience`` seconds without one (None: for ever), or when all is done.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._called or not self._open, patience)
            jobs = [self._next() for _ in range(min(self._count, MOST_IN_A_BATCH))]
            self._called = self._count > 0
            return jobs

    def _place(self, entry: Entry[Any, Any]) -> deque[Job]:
        if entry.urgent:
            return self._urgent
        jobs = self._clients.get(entry.client)
        if jobs is None:
            jobs = self._clients[entry.client] = deque()
        elif entry.client and len(jobs) >= MOST_OF_ONE_CLIENT:
            raise Unavailable("too many entries of this client are waiting")
        return jobs

    def _next(self) -> Job:
        self._count -= 1
        return self._urgent.popleft() if self._urgent else self._of_whose_turn_it_is()

    def _of_whose_turn_it_is(self) -> Job:
        client, jobs = self._clients.popitem(last=False)
        job = jobs.popleft()
        if jobs:
            self._clients[client] = jobs
        return job

    @property
    def finished(self) -> bool:
        """Whether the line is closed and empty."""
        with self._changed:
            return not (self._open or self._count)
