"""Changing signing keys: planned, with the next key published before its first use, or at once.

Each change is one audited entry, decided on the rows as they are then: of two operators who rotate at the
same time one does it, and the other is told what is planned (attack cases 204 to 206).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, Ledger, Row, Update, Verdict, Write
from idjag.protocol.http import PUBLIC_MAX_AGE
from idjag.signing_keys import KEPT, KeyStatus

__all__ = ["AHEAD", "SOONEST", "Change", "KeyUnknown", "Rotation"]

S = TypeVar("S")

AHEAD = 24 * 3600
"""Seconds between publication and first use: longer than others keep a JWK Set."""

SOONEST = 2 * PUBLIC_MAX_AGE
"""The least that a plan may leave: who follows our cache headers has the new key by then."""


class KeyUnknown(Exception):
    """No living key has this kid."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a key: next (signs from ``at`` on), active, retiring (until ``at``) or revoked.

    ``made`` is False for a plan that was there already.
    """

    kid: str
    alg: str
    status: KeyStatus
    at: int
    made: bool = True


@dataclass(frozen=True, slots=True)
class Rotation(Generic[S]):
    """The keys of one tenant, to be changed: rows of ``table``, which are those of ``reads``.

    A row has id (the kid), alg, status, created, activated, retires.  ``make(alg, now)`` gives a new one that
    signs from now on.  ``policy``: whether they are part of what policy_seq covers.  ``where`` a request for
    it came from, if one did: ip, user_agent.
    """

    ledger: Ledger[S] = field(repr=False)
    tenant: str
    table: str
    reads: tuple[Key, ...]
    make: Callable[[str, int], Row] = field(repr=False)
    new_id: Callable[[], str]
    policy: bool = False
    where: Mapping[str, str] = field(default_factory=dict)

    def rotate(
        self, algs: Sequence[str], *, ahead: int, now: int, actor: Mapping[str, str]
    ) -> tuple[Change, ...]:
        """Plan the next key of each algorithm, to sign ``ahead`` seconds from now; 0 for at once.

        What is planned already stays as it is.  Raises Unavailable.
        """
        # outside the transaction: an RSA key takes longer than anything that a neighbour should wait for
        made = {alg: self.make(alg, now) for alg in algs}

        def plan(rows: Sequence[Row], steps: _Steps) -> None:
            for alg in algs:
                mine = steps.caught_up([row for row in rows if row["alg"] == alg])
                planned = [row for row in mine if _status(row) is KeyStatus.NEXT]
                if planned and ahead:
                    steps.keep(planned[0])
                elif ahead:
                    steps.publish(made[alg], begins=now + ahead)
                else:
                    steps.replace(mine, planned[0] if planned else None, made[alg])

        return self._commit(plan, now=now, actor=actor)

    def revoke(self, kid: str, *, reason: str, now: int, actor: Mapping[str, str]) -> tuple[Change, ...]:
        """Trust a key no more, from the next request on; another signs in its place.

        Raises KeyUnknown, Unavailable.
        """
        found = [row for row in self._rows(self.ledger.read(self.reads)) if row["id"] == kid]
        if not found:
            raise KeyUnknown(kid)
        made = self.make(str(found[0]["alg"]), now)

        def plan(rows: Sequence[Row], steps: _Steps) -> None:
            mine = steps.caught_up([row for row in rows if row["alg"] == made["alg"]])
            (row,) = [row for row in mine if row["id"] == kid]
            if _status(row) is KeyStatus.REVOKED:
                return
            steps.move(row, KeyStatus.REVOKED, "key.revoked", at=now, reason=reason)
            if _status(row) is KeyStatus.ACTIVE:
                planned = [row for row in mine if _status(row) is KeyStatus.NEXT]
                steps.replace([], planned[0] if planned else None, made)

        changes = self._commit(plan, now=now, actor=actor)
        if not changes:
            raise KeyUnknown(kid)
        return changes

    def _rows(self, found: Facts) -> list[Row]:
        return [row for key in self.reads for row in found(key)]

    def _commit(
        self, plan: Callable[[Sequence[Row], _Steps], None], *, now: int, actor: Mapping[str, str]
    ) -> tuple[Change, ...]:
        holder = self.new_id()

        def decide(_snapshot: S, found: Facts) -> Verdict[tuple[Change, ...]]:
            steps = _Steps(self.table, now, {**self.where, "decision_id": holder, "actor": dict(actor)})
            plan(self._rows(found), steps)
            changed = self.policy and bool(steps.writes)
            return Verdict(tuple(steps.changes), steps.events, steps.writes, policy_changed=changed)

        entry = Entry(self.tenant, holder, now, decide, reads=self.reads, urgent=True)
        return self.ledger.commit(entry)


class _Steps:
    """The writes and events of one change, and what its caller is told."""

    def __init__(self, table: str, now: int, fields: Mapping[str, object]) -> None:
        self._table = table
        self._now = now
        self._fields = fields
        self.writes: list[Write] = []
        self.events: list[Event] = []
        self.changes: list[Change] = []

    def caught_up(self, rows: Sequence[Row]) -> list[Row]:
        """The rows of one algorithm, after what the clock alone has brought about is written down."""
        begun = [
            row
            for row in rows
            if _status(row) is KeyStatus.NEXT
            and (begins := _time(row, "activated")) is not None
            and begins <= self._now
        ]
        if not begun:
            return list(rows)
        began = _time(begun[0], "activated") or self._now
        return [self._after(row, begun[0], began) for row in rows]

    def _after(self, row: Row, begun: Row, began: int) -> Row:
        if row is begun:
            return self.move(row, KeyStatus.ACTIVE, "key.activated", at=began)
        if _status(row) is KeyStatus.ACTIVE:
            return self.move(row, KeyStatus.RETIRING, "key.retired", at=began + KEPT)
        return row

    def keep(self, planned: Row) -> None:
        """Tell of a plan that is there already."""
        at = _time(planned, "activated") or self._now
        self.changes.append(_change(planned, KeyStatus.NEXT, at=at, made=False))

    def publish(self, row: Row, *, begins: int) -> None:
        """A new key that signs later."""
        self._insert({**row, "status": KeyStatus.NEXT.value, "activated": begins}, KeyStatus.NEXT, at=begins)

    def replace(self, mine: Sequence[Row], planned: Row | None, new: Row) -> None:
        """Let another key sign from now on: the planned one, or a new one; those that sign now retire."""
        for row in mine:
            if _status(row) is KeyStatus.ACTIVE:
                self.move(row, KeyStatus.RETIRING, "key.retired", at=self._now + KEPT)
        if planned is not None:
            self.move(planned, KeyStatus.ACTIVE, "key.activated", at=self._now)
            return
        self._insert(new, KeyStatus.ACTIVE, at=self._now)
        self._event("key.activated", new, KeyStatus.ACTIVE, at=self._now)

    def move(self, row: Row, status: KeyStatus, event: str, *, at: int, reason: str | None = None) -> Row:
        """Bring a stored key into another state; its row as it is then."""
        begins = at if status is KeyStatus.ACTIVE else row["activated"]
        retires = at if status in {KeyStatus.RETIRING, KeyStatus.REVOKED} else None
        values: Row = {"status": status.value, "activated": begins, "retires": retires}
        self.writes.append(Update(self._table, {"id": row["id"]}, values))
        self.changes.append(_change(row, status, at=at))
        self._event(event, row, status, at=at, before=row["status"], reason=reason)
        return {**row, **values}

    def _insert(self, row: Row, status: KeyStatus, *, at: int) -> None:
        self.writes.append(Insert(self._table, row))
        self.changes.append(_change(row, status, at=at))
        self._event("key.created", row, status, at=at)

    def _event(
        self,
        name: str,
        row: Row,
        status: KeyStatus,
        *,
        at: int,
        before: object = None,
        reason: str | None = None,
    ) -> None:
        was = None if before is None else {"kid": row["id"], "status": before}
        after = {"kid": row["id"], "alg": row["alg"], "status": status.value, "at": at, "reason": reason}
        self.events.append(Event(name, {**self._fields, "before": was, "after": after}))


def _change(row: Row, status: KeyStatus, *, at: int, made: bool = True) -> Change:
    return Change(str(row["id"]), str(row["alg"]), status, at, made=made)


def _status(row: Row) -> KeyStatus:
    return KeyStatus(str(row["status"]))


def _time(row: Row, column: str) -> int | None:
    """NumericDate or null."""
    value = row[column]
    if value is not None and not isinstance(value, int):
        raise TypeError(f"{column} is not a number")
    return value
