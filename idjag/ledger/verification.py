"""Verifying a whole log while it grows: against its head, its own landmarks, and checkpoints from outside.

Links are followed here, row by row; that each row is what was written is worked out by other processes when
there are many rows, since that takes most of the time.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final, Protocol

from idjag.ledger import landmarks
from idjag.ledger.chain import Break, Walk, fault
from idjag.ledger.checkpoint import Checkpoint
from idjag.ledger.entry import Head, Row
from idjag.ledger.landmarks import Reads, Restored, Start

__all__ = ["Lost", "Trail", "Verified", "verify"]

_PAGE: Final = 1000
_FEW: Final = 20_000
"""Rows up to which starting processes takes longer than they save."""

_MOST_PROCESSES: Final = 4


class Trail(Reads, Protocol):
    """A ledger, as far as its audit log is concerned."""

    def head(self, tenant: str) -> Head:
        """Where the tenant's ledger stands."""
        ...

    def audit_rows(self, tenant: str, *, after_no: int, limit: int) -> list[Row]:
        """At most ``limit`` audit rows after a number, in the order of their numbers."""
        ...


@dataclass(frozen=True, slots=True)
class Lost:
    """Rows that a restore has taken: after ``after_no``, up to ``no`` at the least."""

    after_no: int
    no: int
    time: int


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found; ``broken`` is None for a log that is whole.

    ``first`` and ``last`` are the numbers of its rows, ``link`` is that after them; ``start`` is where
    it begins when it was pruned.  ``compared``: how many checkpoints it went through.
    """

    broken: Break | None
    first: int
    last: int
    link: bytes
    start: Start | None = None
    compared: int = 0
    lost: tuple[Lost, ...] = ()


def verify(
    trail: Trail,
    tenant: str,
    *,
    key: bytes,
    checkpoints: Sequence[Checkpoint] = (),
    processes: int | None = None,
) -> Verified:
    """Verify all rows up to the head as it is now; each page is a short read, so that others go on writing.

    ``processes``: 0 for none beside this one; as many as there is use for if absent.
    """
    head = trail.head(tenant)
    start = landmarks.start_of(trail, tenant, key=key)
    first = start.head.audit_no if start else 0
    restores = landmarks.restores(trail, tenant, key=key)
    mine = [each for each in checkpoints if each.tenant == tenant]
    through, lost, problem = _expected(mine, head, first=first, restores=restores)
    if problem is None:
        walk = Walk(tenant, start=start.head if start else None, heads=[head, *through])
        if processes is None:
            processes = _processes(head.audit_no - first)
        with _faults(tenant, key, processes) as faults:
            problem = _broken(trail, tenant, walk, faults=faults, after_no=first)
    return Verified(
        broken=problem,
        first=first + 1,
        last=head.audit_no,
        link=head.link,
        start=start,
        compared=len(through),
        lost=lost,
    )


def _expected(
    checkpoints: Sequence[Checkpoint], head: Head, *, first: int, restores: Sequence[Restored]
) -> tuple[list[Head], tuple[Lost, ...], Break | None]:
    """The heads that the log must go through, what restores have taken, and what fits neither."""
    ends = {each.before: each for each in reversed(restores)}  # the first one counts
    ended = {epoch: each for each in reversed(restores) for epoch in each.epochs}
    through: list[Head] = []
    lost: dict[str, Lost] = {}
    for each in checkpoints:
        no, epoch = each.head.audit_no, each.head.epoch
        if not each.genuine:
            return [], (), Break(no, "a checkpoint of it was not written with this database's key")
        restore = ends.get(epoch)
        if epoch == head.epoch or (restore is not None and no <= restore.no):
            # what was pruned cannot be compared any more
            through += [each.head] if no >= first else []
        elif epoch in ended:
            lost[epoch] = Lost(ended[epoch].no, max(no, lost[epoch].no if epoch in lost else 0), each.time)
        else:
            return (
                [],
                (),
                Break(no, "a checkpoint of it is of no database that this one was before"),
            )
    return through, tuple(lost.values()), None


class _Faults(Protocol):
    """Takes pages, and says of one some pages later what is wrong with it."""

    def put(self, page: Sequence[Row]) -> Break | None: ...

    def rest(self) -> Break | None: ...


def _broken(trail: Trail, tenant: str, walk: Walk, *, faults: _Faults, after_no: int) -> Break | None:
    while page := trail.audit_rows(tenant, after_no=after_no, limit=_PAGE):
        linked = 0
        found = None
        for row in page:
            found = walk.follow(row)
            if found:
                break
            linked += 1
        earlier = faults.put(page[:linked])
        if earlier:
            return earlier
        if found:
            return faults.rest() or found
        after_no += len(page)
    return faults.rest() or walk.end()


def _processes(rows: int) -> int:
    return 0 if rows <= _FEW else min(_MOST_PROCESSES, os.cpu_count() or 1)


@contextmanager
def _faults(tenant: str, key: bytes, processes: int) -> Iterator[_Faults]:
    if not processes:
        yield _Here(tenant, key)
        return
    # Never forked: this process may have threads that hold locks.
    spawn = multiprocessing.get_context("spawn")
    pipes = [spawn.Pipe() for _ in range(processes)]
    children = [spawn.Process(target=_work, args=(theirs, tenant, key)) for _, theirs in pipes]
    try:
        for child, (_, theirs) in zip(children, pipes, strict=True):
            child.start()
            theirs.close()  # so that each end knows when the other one is gone
        yield _Elsewhere([ours for ours, _ in pipes])
    finally:
        for ours, _ in pipes:
            ours.close()
        for child in children:
            if child.pid is not None:
                child.join()


class _Here:
    """In this very process."""

    def __init__(self, tenant: str, key: bytes) -> None:
        self._tenant, self._key = tenant, key

    def put(self, page: Sequence[Row]) -> Break | None:
        return _first_fault(page, self._tenant, self._key)

    def rest(self) -> Break | None:
        return None


class _Elsewhere:
    """In other processes in turn: each has one page, so that memory is bounded and no pipe is ever full."""

    def __init__(self, pipes: Sequence[Connection[Sequence[Row], Break | None]]) -> None:
        self._pipes = pipes
        self._next = 0
        self._busy: list[int] = []

    def put(self, page: Sequence[Row]) -> Break | None:
        found = None
        if self._next in self._busy:
            self._busy.remove(self._next)
            found = self._pipes[self._next].recv()
        if found is None:
            self._pipes[self._next].send(page)
            self._busy.append(self._next)
            self._next = (self._next + 1) % len(self._pipes)
        return found

    def rest(self) -> Break | None:
        answers = [self._pipes[each].recv() for each in self._busy]
        self._busy.clear()
        return next((found for found in answers if found is not None), None)


def _work(pipe: Connection[Break | None, Sequence[Row]], tenant: str, key: bytes) -> None:
    """The life of another process: it ends when nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who was interrupted closes the pipe
    while True:
        try:
            page = pipe.recv()
            pipe.send(_first_fault(page, tenant, key))
        except (EOFError, OSError):
            return


def _first_fault(page: Sequence[Row], tenant: str, key: bytes) -> Break | None:
    for row in page:
        if why := fault(row, tenant=tenant, key=key):
            return Break(int(str(row["no"])), why)
    return None
