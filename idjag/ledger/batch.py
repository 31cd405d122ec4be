"""The law of the ledger: what happens to the entries of one batch inside one transaction.

The outcome is that of some serial order, which is the order of the entries.  Facts are read once, before
the first decision; where an entry needs what an earlier one has changed, the batch ends before it, and the
next transaction reads again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from idjag.ledger.chain import ReadyEvent
from idjag.ledger.entry import Conflict, Entry, Key, OneTime, Row, Unavailable, Verdict, Write
from idjag.ledger.events import ready_for
from idjag.ledger.failure import failed
from idjag.ledger.schema import one_time_id
from idjag.ledger.transaction import Claim, Found, Wanted
from idjag.ledger.writes import check, may_reach

__all__ = ["Failed", "KeyedRows", "Outcome", "Prepared", "Reply", "Run", "prepared", "wanted"]

_MOST_OCTETS = 256 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, told apart from failures: an owner's reply may be anything."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """Why an entry left nothing behind."""

    error: Unavailable | Conflict


Outcome: TypeAlias = Reply | Failed
_Claims: TypeAlias = tuple[tuple[OneTime, Claim], ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry with the claims for its one-time ids."""

    entry: Entry[Any, Any]
    always: _Claims
    on_success: _Claims


class KeyedRows:
    """Facts that were read beforehand, as far as one entry has named them."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Mapping[Key, tuple[Row, ...]], reads: Sequence[Key]) -> None:
        self._rows = {key: rows[key] for key in reads}

    def __call__(self, key: Key) -> tuple[Row, ...]:
        """The rows of one key; raises LookupError when it was not named."""
        try:
            return self._rows[key]
        except KeyError:
            # The value of a key may be a person's: names alone.
            raise LookupError(f"the entry does not read {key.table}.{key.column}") from None


def prepared(entry: Entry[Any, Any]) -> Prepared:
    """An entry, ready for a batch; raises UnicodeError for a one-time value that has no octets."""
    return Prepared(entry, _claims(entry, entry.consume_always), _claims(entry, entry.consume_on_success))


def wanted(group: Sequence[Prepared]) -> Wanted:
    """What these entries need, each thing once; ids and tenants sorted, so that no two batches deadlock."""
    claims: dict[str, Claim] = {}
    for each in group:
        for _, claim in (*each.always, *each.on_success):
            claims.setdefault(claim.id, claim)
    return Wanted(
        tenants=sorted({each.entry.tenant for each in group}),
        claims=[claims[id_] for id_ in sorted(claims)],
        keys=dict.fromkeys(key for each in group for key in each.entry.reads),
    )


@dataclass(slots=True)
class Run:
    """The entries of one batch on their way; afterwards, what they leave behind."""

    found: Found
    snapshots: Mapping[str, Any]
    outcomes: list[Outcome] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    events: dict[str, list[ReadyEvent]] = field(default_factory=dict)
    won: dict[str, Claim] = field(default_factory=dict)
    policy_changed: dict[str, Sequence[Write]] = field(default_factory=dict)
    _octets: int = 0

    def go(self, group: Iterable[Prepared]) -> None:
        """Run the entries in their order, up to one that needs a transaction of its own."""
        for each in group:
            if self.outcomes and self._ends_before(each.entry):
                return
            self.outcomes.append(self._outcome(each))

    @property
    def effective(self) -> bool:
        """Whether any entry came to a verdict."""
        return bool(self.events)

    def _ends_before(self, entry: Entry[Any, Any]) -> bool:
        if self._octets >= _MOST_OCTETS or entry.tenant in self.policy_changed:
            return True
        return any(may_reach(write, key) for write in self.writes for key in entry.reads)

    def _outcome(self, each: Prepared) -> Outcome:
        won = dict(self.won)
        try:
            verdict = self._decided(each)
            events = [ready_for(event, each.entry) for event in verdict.events]
            for write in verdict.writes:
                check(write)
        except BaseException as error:  # noqa: BLE001  # an exit asked for in a decision ends no ledger
            self.won = won
            return Failed(failed(error))
        self.writes += verdict.writes
        self.events.setdefault(each.entry.tenant, []).extend(events)
        self._octets += sum(len(event.body) for event in events)
        if verdict.policy_changed:
            self.policy_changed[each.entry.tenant] = verdict.writes
        return Reply(verdict.reply)

    def _decided(self, each: Prepared) -> Verdict[Any]:
        """The decision, or what the entry has to say when a one-time id is lost."""
        entry = each.entry
        snapshot = self._snapshot(entry)
        before = dict(self.won)
        mine: set[str] = set()
        lost = [one_time for one_time, claim in each.always if not self._claim(claim, mine)]
        if lost:
            return entry.lost(lost[0])
        verdict = entry.decide(snapshot, KeyedRows(self.found.rows, entry.reads))
        if verdict.spares:
            self.won = before
        if verdict.spares or not verdict.succeeded:
            return verdict
        won = dict(self.won)
        for one_time, claim in each.on_success:
            if not self._claim(claim, mine):
                self.won = won  # a failing request burns nobody's id: those claimed a moment ago go back
                return entry.lost(one_time)
        return verdict

    def _snapshot(self, entry: Entry[Any, Any]) -> Any:
        head = self.found.heads.get(entry.tenant)
        if head is None:
            raise LookupError("the ledger does not have this tenant")
        if entry.expect_policy_seq is not None and entry.expect_policy_seq != head.policy_seq:
            raise Conflict("the policy was changed meanwhile")
        return self.snapshots[entry.tenant]

    def _claim(self, claim: Claim, mine: set[str]) -> bool:
        """Whether the id is this entry's: it was never used before, and by nobody earlier in this batch."""
        if claim.id in self.found.stored and claim.id not in self.won:
            self.won[claim.id] = claim
            mine.add(claim.id)
        return claim.id in mine


def _claims(entry: Entry[Any, Any], one_times: Sequence[OneTime]) -> _Claims:
    return tuple(
        (each, Claim(one_time_id(entry.tenant, each), entry.tenant, each.kind, entry.holder, each.until))
        for each in one_times
    )
