"""Forgets the oldest part of an audit log, when the operator has set how long it is kept.

First an event in the log says where it begins from now on; then what stands before is removed, a little at a
time.  Killed anywhere in between, the log verifies from that new start, and the next run goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from idjag.ledger import landmarks
from idjag.ledger.chain import Walk, fault
from idjag.ledger.entry import Entry, Facts, Head, Ledger, Unavailable, Verdict
from idjag.ledger.landmarks import Start
from idjag.ledger.verification import Trail

__all__ = ["FEWEST", "Pruning", "RetainingLedger", "Rows"]

S = TypeVar("S")

FEWEST: Final = 1000
_PAGE: Final = 500
_A_DAY: Final = 86_400
"""A new start is an event of its own: for that many rows, or when one is a day over its time."""

_LEAST, _MOST = 50, 1000
_LONG, _SHORT = 0.050, 0.020  # seconds that the database is locked


class RetainingLedger(Ledger[S], Trail, Protocol[S]):
    """A ledger with its audit log."""


class Rows(Protocol):
    """The rows of one log as they are stored: nothing but this may remove any."""

    def first(self) -> int | None:
        """The lowest number there is."""
        ...

    def remove(self, last: int) -> None:
        """Everything up to that number, in a transaction of its own."""
        ...


@dataclass(slots=True)
class Pruning(Generic[S]):
    """Keeps the audit log of one tenant for ``seconds``; ``fewest`` rows are removed at once, or none."""

    ledger: RetainingLedger[S] = field(repr=False)
    rows: Rows = field(repr=False)
    tenant: str
    seconds: int
    key: bytes = field(repr=False)
    clock: Callable[[], int]
    new_id: Callable[[], str]
    fewest: int = FEWEST
    _limit: int = _LEAST

    def run(self, stopping: Callable[[float], bool]) -> None:
        """Set the start if enough has become too old, then remove; raises Unavailable."""
        start = landmarks.start_of(self.ledger, self.tenant, key=self.key)
        self._set_start(start, stopping)
        start = landmarks.start_of(self.ledger, self.tenant, key=self.key)
        if start is not None:
            self._remove(start.head.audit_no, stopping)

    def _set_start(self, start: Start | None, stopping: Callable[[float], bool]) -> None:
        now = self.clock()
        until = now - self.seconds
        end = self._last_too_old(start, until, stopping)
        if end is None:
            return
        event = landmarks.pruned(Start(end, until), actor={"kind": "system", "id": "idjag"})

        def decide(_snapshot: S, _facts: Facts) -> Verdict[None]:
            return Verdict(None, (event,))

        self.ledger.commit(Entry(self.tenant, self.new_id(), now, decide, client="housekeeping"))

    def _last_too_old(
        self, start: Start | None, until: int, stopping: Callable[[float], bool]
    ) -> Head | None:
        """Where the last batch ends of which every row is that old; raises Unavailable for a broken log.

        What is forgotten is verified first: afterwards nobody could say that it had been tampered with.
        """
        walk = Walk(self.tenant, start=start.head if start else None)
        before, end = walk.no, None
        worth = False
        while page := self.ledger.audit_rows(self.tenant, after_no=walk.no, limit=_PAGE):
            for row in page:
                if walk.no and walk.begins_batch(row):
                    end = Head("", 0, walk.no, walk.link)
                at = int(str(row["time"]))
                if at > until:
                    return end if worth else None
                worth = worth or at <= until - _A_DAY or walk.no - before >= self.fewest
                if walk.follow(row) or fault(row, tenant=self.tenant, key=self.key):
                    raise Unavailable(
                        f"the audit log is broken at row {int(str(row['no']))}: nothing of it is removed"
                    )
            if stopping(0.0):
                return None
        return Head("", 0, walk.no, walk.link) if worth else None  # batches are written as a whole

    def _remove(self, last: int, stopping: Callable[[float], bool]) -> None:
        """Everything up to that number, the oldest first."""
        while (first := self.rows.first()) is not None and first <= last:
            began = time.monotonic()
            self.rows.remove(min(last, first + self._limit - 1))
            took = time.monotonic() - began
            if took > _LONG:
                self._limit = max(_LEAST, self._limit // 2)
            elif took < _SHORT:
                self._limit = min(_MOST, self._limit * 2)
            if stopping(took):
                return
