"""What is known of the audit log's verification: kept in one row for all nodes, read by the console."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Key, Ledger, OneTime, Row, Upsert, Verdict
from idjag.ledger.verification import Verified
from idjag.ledger.verified import Known, of_text, text_of, whole

__all__ = ["BROKEN", "MENDED", "TABLE", "Chain", "Verifications", "chain_of"]

TABLE: Final = "audit_verified"
BROKEN: Final = "audit.broken"
MENDED: Final = "audit.mended"
_CLIENT: Final = "housekeeping"
_LATE: Final = 3600
_SLOT: Final = 60  # seconds in which one node alone verifies


@dataclass(frozen=True, slots=True)
class Verifications:
    """Those of one tenant; ``key`` is the chain's."""

    ledger: Ledger[Snapshot] = field(repr=False)
    tenant: str
    key: bytes = field(repr=False)
    clock: Callable[[], int]
    new_id: Callable[[], str]

    def known(self) -> Known | None:
        """What is known, fresh; None when nothing is.  Raises ValueError for what none of us has written."""
        row = self._row
        found = self.ledger.read((row,))(row)
        known = self._of(found)
        if known is None and found:
            raise ValueError("what is kept of the verification was not written with this database's key")
        return known

    def ask(self) -> None:
        """Have the whole log read again, from now on.  Raises Unavailable."""
        now = self.clock()
        self._change(lambda known: known.asking(now=now), now=now)

    def keep(self, found: Known, *, now: int) -> None:
        """What was found; raises Unavailable."""
        self._change(found.over, now=now)

    def keep_whole(self, done: Verified, *, began: int, by: str) -> None:
        """What a verification of the whole log by others has found; raises Unavailable."""
        now = self.clock()
        self._change(lambda known: whole(known, done, began=began, now=now, by=by), now=now)

    def claim(self, *, now: int) -> bool:
        """Whether this node is the one to verify now; raises Unavailable."""
        slot = OneTime("audit verification", "", str(now // _SLOT), now + 2 * _SLOT)
        entry: Entry[Snapshot, bool] = Entry(
            self.tenant,
            self.new_id(),
            now,
            lambda _snapshot, _facts: Verdict(True, ()),
            lambda _used: Verdict(False, ()),
            consume_always=(slot,),
            client=_CLIENT,
        )
        return self.ledger.commit(entry)

    def _change(self, change: Callable[[Known], Known], *, now: int) -> None:
        """What is known from now on; the log tells of a break once."""

        def decide(_snapshot: Snapshot, facts: Facts) -> Verdict[None]:
            before = self._of(facts(self._row)) or Known()
            after = change(before)
            note = text_of(after, tenant=self.tenant, key=self.key)
            row = Upsert(TABLE, {"id": self.tenant, "tenant_id": self.tenant, "note": note})
            return Verdict(None, _events(before, after), (row,))

        self.ledger.commit(Entry(self.tenant, self.new_id(), now, decide, reads=(self._row,), client=_CLIENT))

    @property
    def _row(self) -> Key:
        return Key(TABLE, "id", self.tenant)

    def _of(self, rows: Sequence[Row]) -> Known | None:
        return of_text(str(rows[0]["note"]), tenant=self.tenant, key=self.key) if rows else None


Standing: TypeAlias = Literal["verified", "late", "first", "broken", "forged", "nobody"]


@dataclass(frozen=True, slots=True)
class Chain:
    """How the log is: ``late`` was verified long ago, ``first`` is being read for the first time.

    ``forged``: what is kept of the verification is not ours.  ``nobody``: this server verifies nothing.
    """

    standing: Standing
    known: Known = field(default_factory=Known)

    @property
    def members(self) -> dict[str, str | int | None]:
        """As scripts read it; times are NumericDate."""
        known = self.known
        return {
            "standing": self.standing,
            "verified_up_to": known.no or None,
            "verified_at": known.time or None,
            "verified_by": known.by or None,
            "whole_up_to": known.whole_no or None,
            "whole_at": known.whole_time or None,
            "broken_row": known.broken_no or None,
            "broken_why": known.broken_why or None,
            "broken_since": known.broken_time or None,
        }


def chain_of(kept: Verifications | None, *, now: int) -> Chain:
    """As it is known now; raises Unavailable."""
    if kept is None:
        return Chain("nobody")
    try:
        known = kept.known() or Known()
    except ValueError:
        return Chain("forged")
    if known.broken_no:
        return Chain("broken", known)
    late = now - known.time > _LATE
    return Chain(("late" if late else "verified") if known.whole_time else "first", known)


def _events(before: Known, after: Known) -> tuple[Event, ...]:
    """A break is an event of the log that it is in: its end is followed as before."""
    was, now = (before.broken_no, before.broken_why), (after.broken_no, after.broken_why)
    if was == now:
        return ()
    actor = {"kind": "system", "id": "idjag"}
    if after.broken_no:
        said = {"row": after.broken_no, "why": after.broken_why, "by": after.by}
        return (Event(BROKEN, {"actor": actor, "decision_id": BROKEN, "after": said}),)
    said = {"row": before.broken_no, "by": after.by}
    return (Event(MENDED, {"actor": actor, "decision_id": MENDED, "after": said}),)
