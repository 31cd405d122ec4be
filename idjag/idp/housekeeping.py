"""Removes what nobody can use any more, in steps so small that no request feels them.

Each step is an entry of the ledger like any other, one at a time, in a line of its own: it takes turns with
the clients.  Nothing goes before its end, plus the skew of clocks, plus ``CLOCK_STEP``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from idjag.idp import families, keys
from idjag.idp.facts import optional_integer, string
from idjag.idp.keys import KeyStatus, status_of
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Delete, Entry, Event, Expire, Facts, Key, Ledger, Verdict, Write
from idjag.ledger.expiry import KEPT, one_time_ids

__all__ = ["KEYS_KEPT", "Housekeeping"]

KEYS_KEPT: Final = 30 * 24 * 3600
"""Seconds for which a key that is retired or revoked stands in the table, for those who ask what happened."""

_AT_ONCE: Final = 256
"""Rows of a step: a few milliseconds of the writer's time, and enough to keep up with a node under full load.
(Steps that shrank when they took long shrank with the waiting of everybody, and fell behind.)"""

# A session that is not there is one that was revoked, as far as offline access is concerned (decision 0025).
_SESSIONS_KEPT: Final = KEPT + families.LIFETIME
_TABLES: Final = (
    ("one_time", "until"),
    ("throttle", "until"),
    ("code", "expires"),
    ("refresh_token", "expires"),
    ("family", "expires"),
    ("access_token", "expires"),
    ("pushed_request", "expires"),
    ("logout_notice", "expires"),
    ("sign_in_step", "expires"),
    ("device", "expires"),
    ("link", "expires"),
    ("console_session", "expires"),
    ("notice", "expires"),
)

Dead: TypeAlias = Callable[..., Sequence[str]]
"""``dead(table, column, before=, limit=)``: ids of rows that seem to have died."""


@dataclass(slots=True)
class Housekeeping:
    """The housekeeping of one deployment; ``elapsed`` is a clock in seconds that only goes forward."""

    ledger: Ledger[Snapshot] = field(repr=False)
    tenant: str
    dead: Dead
    clock: Callable[[], int]
    new_id: Callable[[], str]
    elapsed: Callable[[], float] = time.monotonic

    def run(self, stopping: Callable[[float], bool]) -> None:
        """Remove everything that is dead now, step by step, until it is done or the process stops."""
        chores: list[Callable[[], bool]] = [partial(self._rows, *each) for each in _TABLES]
        for chore in (*chores, self._sessions, self._keys):
            while True:
                began = self.elapsed()
                if not chore():
                    break
                took = self.elapsed() - began
                # requests come first: at most half of the writer's time is ours
                if stopping(took):
                    return

    def _rows(self, name: str, column: str) -> bool:
        """One step in a table whose rows say until when they are needed; False when nothing was left."""
        now = self.clock()
        if not self.dead(name, column, before=now - KEPT, limit=1):
            return False
        if name == "one_time":
            self._commit([one_time_ids(now=now, limit=_AT_ONCE)], now=now)
        else:
            self._commit([Expire(name, column, now - KEPT, _AT_ONCE)], now=now)
        return True

    def _sessions(self) -> bool:
        """Sessions, with what they have reached; one that went on meanwhile stays."""
        now = self.clock()
        before = now - _SESSIONS_KEPT
        found = [
            Key("session", "id", each)
            for each in self.dead("session", "expires", before=before, limit=_AT_ONCE)
        ]

        def decide(_snapshot: Snapshot, facts: Facts) -> Verdict[None]:
            rows = [row for key in found for row in facts(key)]
            gone = [string(row, "id") for row in rows if (optional_integer(row, "expires") or now) <= before]
            writes: list[Write] = []
            for each in gone:
                writes += [Delete("session_app", {"session_id": each}), Delete("session", {"id": each})]
            return Verdict(None, (), writes)

        if found:
            self._decided(decide, reads=tuple(found), now=now)
        return bool(found)

    def _keys(self) -> bool:
        """Private keys that sign nothing and verify nothing any more."""
        now = self.clock()
        every = Key(keys.TABLE, "tenant_id", self.tenant)

        def gone(facts: Facts) -> list[str]:
            over = {KeyStatus.RETIRING, KeyStatus.REVOKED}
            rows = [row for row in facts(every) if status_of(row) in over]
            ends = [(string(row, "id"), optional_integer(row, "retires")) for row in rows]
            return [kid for kid, end in ends if end is not None and end + KEPT + KEYS_KEPT <= now]

        def decide(_snapshot: Snapshot, facts: Facts) -> Verdict[None]:
            kids = gone(facts)
            events = [Event("key.deleted", {**_OURS, "before": {"kid": kid}}) for kid in kids]
            writes = [Delete(keys.TABLE, {"id": kid}) for kid in kids]
            return Verdict(None, events, writes, policy_changed=bool(kids))

        if not gone(self.ledger.read((every,))):
            return False
        self._decided(decide, reads=(every,), now=now)
        return True

    def _commit(self, writes: Sequence[Write], *, now: int) -> None:
        self._decided(lambda _snapshot, _facts: Verdict(None, (), writes), reads=(), now=now)

    def _decided(
        self, decide: Callable[[Snapshot, Facts], Verdict[None]], *, reads: tuple[Key, ...], now: int
    ) -> None:
        """Raises Unavailable."""
        self.ledger.commit(Entry(self.tenant, self.new_id(), now, decide, reads=reads, client="housekeeping"))


_OURS: Final = {"actor": {"kind": "system", "id": "idjag"}}
