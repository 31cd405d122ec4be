"""A ledger in this process alone, for tests, demos and embedders: the same law, nothing durable."""

from __future__ import annotations

import threading
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from itertools import islice
from types import MappingProxyType, TracebackType
from typing import Generic, Self, TypeVar, cast

from idjag.ledger.batch import Failed, KeyedRows
from idjag.ledger.chain import genesis
from idjag.ledger.counts import COUNT_COLUMNS, Counted, Tally
from idjag.ledger.entry import (
    Conflict,
    Delete,
    Entry,
    Expire,
    Facts,
    Head,
    Insert,
    Key,
    Row,
    Unavailable,
    Update,
    Upsert,
    Write,
)
from idjag.ledger.run import Law, Load, Snapshots, check_chain_key
from idjag.ledger.schema import head_of, new_epoch
from idjag.ledger.sql import first_and_last
from idjag.ledger.transaction import Changes, Claim, Found, HeadMoved, Wanted
from idjag.ledger.waiting import DEADLINE

__all__ = ["MemoryLedger", "MemoryStore", "MemoryTransaction"]

R = TypeVar("R")
S = TypeVar("S")


class MemoryStore:
    """Tables as dicts: rows of the owners by their id, the ledger's own by their primary keys."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Hashable, Row]] = {}

    def table(self, name: str) -> dict[Hashable, Row]:
        """The rows of one table, which need not have been made before."""
        return self.tables.setdefault(name, {})

    def begin(self) -> MemoryTransaction:
        """A transaction on these tables; the ledger lets one run at a time."""
        return MemoryTransaction(self)

    def close(self) -> None:
        """Nothing to let go of."""


class MemoryTransaction:
    """Changes the tables at once and remembers how they were."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._before: list[tuple[dict[Hashable, Row], Hashable, Row | None]] = []

    def rows(self, table: str, where: Row | None = None) -> list[Row]:
        """All rows of a table whose columns equal ``where``."""
        return [row for _, row in self._matching(table, where or {})]

    def each(self, table: str, where: Row) -> list[Row]:
        """The same: everything is in memory already."""
        return self.rows(table, where)

    def read(self, wanted: Wanted, *, locking: bool) -> Found:  # noqa: ARG002  # locked by being here
        """Store the claims, read heads and facts; nobody else is here."""
        stored = frozenset(claim.id for claim in wanted.claims if self._store_claim(claim))
        heads = self._store.table("ledger_head")
        return Found(
            {tenant: head_of(heads[tenant]) for tenant in wanted.tenants if tenant in heads},
            stored,
            self.facts(wanted.keys),
        )

    def facts(self, keys: Collection[Key]) -> dict[Key, tuple[Row, ...]]:
        """The rows of each key."""
        return {key: tuple(self.rows(key.table, {key.column: key.value})) for key in keys}

    def steady(self, _tenant: str, _head: Head) -> AbstractContextManager[MemoryTransaction]:
        """This transaction: nothing moves meanwhile."""
        return nullcontext(self)

    def lock(self, tenants: Sequence[str], *, strict: bool) -> dict[str, Head]:  # noqa: ARG002  # the same
        """The heads, which nobody moves."""
        return {tenant: self.head(tenant) for tenant in tenants}

    def head(self, tenant: str) -> Head:
        """The tenant's head."""
        row = self._store.table("ledger_head").get(tenant)
        if row is None:
            raise LookupError(f"the ledger has no tenant {tenant}")
        return head_of(row)

    def write(self, changes: Changes) -> None:
        """Carry everything out."""
        one_time = self._store.table("one_time")
        for id_ in changes.released:
            self._put(one_time, id_, None)
        for claim in changes.passed_on:
            self._put(one_time, claim.id, asdict(claim))
        self.apply(changes.writes)
        self.append(changes.rows)
        for tenant, (before, after) in changes.heads.items():
            self.touch(tenant, before, after)
            self.count(tenant, before.audit_no, after.audit_no, changes.counts.get(tenant, {}))

    def apply(self, writes: Sequence[Write]) -> None:
        """Carry out the owner's writes."""
        for write in writes:
            self._apply(write)

    def append(self, rows: Sequence[Row]) -> None:
        """Store audit rows."""
        for row in rows:
            self._insert("audit", (row["tenant"], row["no"]), row)

    def touch(self, tenant: str, before: Head, after: Head) -> None:
        """Move the head; raises HeadMoved."""
        now = self.head(tenant)
        if (now.epoch, now.policy_seq) != (before.epoch, before.policy_seq):
            raise HeadMoved
        self._put(self._store.table("ledger_head"), tenant, {"tenant": tenant, **asdict(after)})

    def count(self, tenant: str, before: int, after: int, counts: Mapping[Counted, Tally]) -> None:
        """Add to the counts, if everything before is counted."""
        marks, table = self._store.table("audit_counted"), self._store.table("audit_count")
        if not counts or marks.get(tenant, {}).get("no") != before:
            return
        self._put(marks, tenant, {"tenant": tenant, "no": after})
        for key, tally in counts.items():
            found = table.get((tenant, *key))
            both = tally if found is None else _sum(found, tally)
            row: Row = {"tenant": tenant, **dict(zip(COUNT_COLUMNS, (*key, *both), strict=True))}
            self._put(table, (tenant, *key), row)

    def commit(self) -> None:
        """Forget how the tables were."""
        self._before.clear()

    def rollback(self) -> None:
        """Put everything back."""
        for table, key, row in reversed(self._before):
            if row is None:
                table.pop(key, None)
            else:
                table[key] = row
        self._before.clear()

    def _store_claim(self, claim: Claim) -> bool:
        table = self._store.table("one_time")
        if claim.id in table:
            return False
        self._put(table, claim.id, asdict(claim))
        return True

    def _apply(self, write: Write) -> None:
        match write:
            case Insert(table, row):
                self._insert(table, row["id"], row)
            case Upsert(table, row):
                rows = self._store.table(table)
                self._put(rows, row["id"], {**rows.get(row["id"], {}), **row})
            case Update(table, where, values):
                for key, row in self._matching(table, where):
                    self._put(self._store.table(table), key, {**row, **values})
            case Delete(table, where):
                for key, _ in self._matching(table, where):
                    self._put(self._store.table(table), key, None)
            case Expire(table, column, now, limit):
                rows = self._store.table(table)
                dead = (key for key, row in rows.items() if int(str(row[column])) <= now)
                for key in list(islice(dead, limit)):
                    self._put(rows, key, None)

    def _matching(self, table: str, where: Row) -> list[tuple[Hashable, Row]]:
        rows = self._store.table(table)
        if "id" in where:
            # By far the most frequent question.
            row = rows.get(where["id"])
            candidates: list[tuple[Hashable, Row]] = [] if row is None else [(where["id"], row)]
        else:
            candidates = list(rows.items())
        wanted = where.items()
        return [
            (key, row) for key, row in candidates if all(row.get(name) == value for name, value in wanted)
        ]

    def _insert(self, table: str, key: Hashable, row: Row) -> None:
        if key in self._store.table(table):
            raise ValueError(f"the row is in {table} already")
        self._put(self._store.table(table), key, row)

    def _put(self, table: dict[Hashable, Row], key: Hashable, row: Row | None) -> None:
        self._before.append((table, key, table.get(key)))
        if row is None:
            table.pop(key, None)
        else:
            # Rows are handed out as they are; nobody must be able to change one in place.
            table[key] = MappingProxyType(dict(row))


def _sum(found: Row, more: Tally) -> Tally:
    n, first, last = (int(str(found[name])) for name in ("n", "first", "last"))
    return Tally(str(found["told"]), n + more.n, min(first, more.first), max(last, more.last))


class MemoryLedger(Generic[S]):
    """A ledger whose entries run in the calling thread, one at a time.

    ``load(reader, tenant, head)`` makes the snapshot; ``chain_key`` is 32 octets or more.  It needs no
    ``start``, but has one, so that it can stand where a durable ledger will.
    """

    def __init__(self, load: Load[S], *, chain_key: bytes) -> None:
        self._snapshots = Snapshots(load)
        self._law = Law(self._snapshots, check_chain_key(chain_key))
        self._store = MemoryStore()
        self._turn = threading.Lock()
        self._closed = False

    @property
    def ready(self) -> bool:
        """Whether entries are taken."""
        return not self._closed

    def open_tenant(self, tenant: str) -> None:
        """Make the head of a tenant, if it has none."""
        with self._alone() as transaction:
            heads = self._store.table("ledger_head")
            if tenant not in heads:
                first = Head(epoch=new_epoch(), policy_seq=0, audit_no=0, link=genesis(tenant))
                heads[tenant] = MappingProxyType({"tenant": tenant, **asdict(first)})
                self._store.table("audit_counted")[tenant] = MappingProxyType({"tenant": tenant, "no": 0})
            transaction.commit()

    def start(self) -> None:
        """Nothing to start."""

    def submit(self, entry: Entry[S, R]) -> Future[R]:
        """Run the entry now; the future is done when this returns."""
        future: Future[R] = Future()
        try:
            future.set_result(self.commit(entry))
        except (Unavailable, Conflict) as error:
            future.set_exception(error)
        return future

    def commit(self, entry: Entry[S, R]) -> R:
        """Run the entry now; raises Unavailable or Conflict."""
        if self._closed:
            raise Unavailable("the ledger is closed")
        with self._alone():
            (outcome,) = self._law.settle([entry], self._store)
        if isinstance(outcome, Failed):
            raise outcome.error
        return cast("R", outcome.value)

    def snapshot(self, tenant: str) -> S:
        """The snapshot at hand; the first time, ``fresh``."""
        latest = self._snapshots.latest(tenant)
        return self.fresh(tenant) if latest is None else latest

    def fresh(self, tenant: str) -> S:
        """The snapshot for the tenant's head as of now; raises LookupError for an unknown tenant."""
        with self._alone() as transaction:
            return self._snapshots.of(transaction, tenant, transaction.head(tenant))

    def read(self, keys: Sequence[Key]) -> Facts:
        """Fresh facts outside any entry."""
        with self._alone() as transaction:
            return KeyedRows(transaction.facts(keys), keys)

    def head(self, tenant: str) -> Head:
        """Where the tenant's ledger stands; raises LookupError for an unknown tenant."""
        with self._alone() as transaction:
            return transaction.head(tenant)

    def audit_rows(self, tenant: str, *, after_no: int, limit: int) -> list[Row]:
        """At most ``limit`` audit rows in the order of their numbers."""
        with self._alone():
            audit = self._store.table("audit")
            found = (audit.get((tenant, no)) for no in range(after_no + 1, after_no + 1 + limit))
            return [row for row in found if row is not None]

    def issued(
        self, tenant: str, *, subject: str, requesting_app: str, resource_app: str
    ) -> tuple[int, int] | None:
        """When an app first and last acted as a person at another app; None for never."""
        wanted = (tenant, "id_jag.issued", subject, requesting_app, resource_app)
        columns = ("tenant", "event", "subject", "requesting_app", "resource_app")
        with self._alone():
            rows = self._store.table("audit").values()
            found = [row["time"] for row in rows if tuple(row[name] for name in columns) == wanted]
        times = [time for time in found if isinstance(time, int)]
        return first_and_last({"first": min(times, default=None), "last": max(times, default=None)})

    def close(self) -> None:
        """Take no more entries."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _alone(self) -> Iterator[MemoryTransaction]:
        # Not for ever: a decision that asks the ledger itself would wait for its own end.
        if not self._turn.acquire(timeout=DEADLINE):
            raise Unavailable("no turn within the deadline")
        try:
            yield self._store.begin()
        finally:
            self._turn.release()
