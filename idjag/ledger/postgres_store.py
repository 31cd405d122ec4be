"""One PostgreSQL transaction for a batch: three messages at most, and no lock held that nobody needs.

READ COMMITTED.  Locks are taken in one order everywhere: one-time ids, heads, rows of the owners; so no two
writers of a tenant wait for each other.  While nobody else writes, the head is locked by the last message,
together with COMMIT; after a collision it is locked one message earlier for a while, and the batch that
lost is decided again with the head locked from the beginning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from idjag.ledger.counts import COUNT_COLUMNS, added
from idjag.ledger.entry import Head, Key, Reader, Row, Unavailable
from idjag.ledger.postgres_wire import PATIENCE, Query, Wire
from idjag.ledger.schema import AUDIT_COLUMNS, head_of
from idjag.ledger.sql import quoted, select, write_statement
from idjag.ledger.transaction import Broken, CaughtUp, Changes, Claim, Found, HeadMoved, Undone, Wanted
from idjag.ledger.writes import storable

__all__ = ["PostgresStore", "PostgresTransaction", "facts", "reading"]

_CONTENDED_FOR = 64
_LONG = 60.0
_STATEMENTS_A_SECOND = 500
_MARK = "%s"
_PAGE = 2000  # rows
_NUMBERS = frozenset({"no", "time", "since", "n", "first", "last"})

_BEGIN_READING: Query = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", ())
# A large snapshot, or one of many keys, is made while the transaction stands still; it holds up nobody.
_NO_HURRY: Query = (f"SET LOCAL idle_in_transaction_session_timeout = '{_LONG:.0f}s'", ())
_CLAIM = (
    "INSERT INTO one_time (id, tenant, kind, holder, until) "
    "SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[]) AS new "
    "ON CONFLICT (id) DO NOTHING RETURNING id"
)
_HEADS = (
    "SELECT tenant, epoch, policy_seq, audit_no, link, xmin::text AS version FROM ledger_head "
    "WHERE tenant = ANY(%s) ORDER BY tenant"
)
# A head that is not the one expected divides by zero: the rest of the message, COMMIT included, is skipped.
_TOUCH = (
    "WITH moved AS (UPDATE ledger_head SET policy_seq = %s, audit_no = %s, link = %s "
    "WHERE tenant = %s AND xmin::text = %s RETURNING 1) SELECT 1 / count(*) FROM moved"
)
_APPEND = (
    f"INSERT INTO audit ({', '.join(AUDIT_COLUMNS)}) SELECT * FROM unnest("  # noqa: S608  # our own names
    + ", ".join("%s::bigint[]" if name in _NUMBERS else "%s::text[]" for name in AUDIT_COLUMNS)
    + ")"
)
_COUNTS = ", ".join("%s::bigint[]" if name in _NUMBERS else "%s::text[]" for name in COUNT_COLUMNS)
# Nothing is counted unless everything before it is.
_COUNT = (
    "WITH counted AS (UPDATE audit_counted SET no = %s WHERE tenant = %s AND no = %s RETURNING tenant) "  # noqa: S608  # our own names
    + added(f"SELECT counted.tenant, new.* FROM counted, unnest({_COUNTS}) AS new")  # noqa: S608  # our own
)


class PostgresStore:
    """A writing connection, and one for reading what snapshots are made of."""

    def __init__(self, url: str) -> None:
        self._wire = Wire(url)
        self._url = url
        self._steady: Wire | None = None
        self.contended = 0
        """For how many batches yet the head is locked before the audit rows are made."""

    def begin(self) -> PostgresTransaction:
        """Start a transaction; the database hears of it with its first question."""
        if self._wire.closed:
            raise Broken("the connection is closed")
        self.contended = max(0, self.contended - 1)
        return PostgresTransaction(self, self._wire)

    def steady(self) -> Wire:
        """The connection for reading, in no transaction."""
        if self._steady is None or self._steady.closed:
            self._steady = Wire(self._url)
            self._steady.patience = _LONG
        return self._steady

    def collided(self) -> None:
        """Somebody else writes to the same tenant."""
        self.contended = _CONTENDED_FOR

    def close(self) -> None:
        """Close both; what was not committed is undone."""
        self._wire.close()
        if self._steady is not None:
            self._steady.close()


class PostgresTransaction:
    """One transaction of a connection."""

    def __init__(self, store: PostgresStore, wire: Wire) -> None:
        self._store = store
        self._wire = wire
        self._versions: dict[str, str] = {}
        self._heads: dict[str, Head] = {}
        self._locked = False
        self._last: list[Query] = []

    def read(self, wanted: Wanted, *, locking: bool) -> Found:
        """Store the claims, read the heads, then the facts, all in one message."""
        claims = [_claim(wanted.claims)] if wanted.claims else []
        heads = (f"{_HEADS} FOR UPDATE" if locking else _HEADS, (list(wanted.tenants),))
        questions = _questions(wanted.keys)
        with self._told():
            answers = self._wire.ask(("BEGIN", ()), *claims, heads, *(query for query, _ in questions))
        stored = frozenset(str(row["id"]) for row in answers[1]) if claims else frozenset[str]()
        self._keep(answers[1 + len(claims)])
        self._locked = locking
        return Found(dict(self._heads), stored, _by_key(wanted.keys, questions, answers[2 + len(claims) :]))

    @contextmanager
    def steady(self, tenant: str, head: Head) -> Iterator[Reader]:
        """The tenant's rows as of this head, on another connection; then the transaction begins again.

        To load may take longer than any lock may be held.  Raises CaughtUp, HeadMoved, Broken.
        """
        with self._told():
            self.rollback()
            with reading(self._store.steady()) as rows:
                (now,) = map(head_of, rows.rows("ledger_head", {"tenant": tenant}))
                if (now.epoch, now.policy_seq) != (head.epoch, head.policy_seq):
                    raise HeadMoved
                yield rows
        raise CaughtUp

    def lock(self, tenants: Sequence[str], *, strict: bool) -> Mapping[str, Head]:
        """The heads as they are now; raises HeadMoved."""
        if self._locked or not self._store.contended:
            return self._heads
        before = dict(self._versions)
        with self._told():
            (rows,) = self._wire.ask((f"{_HEADS} FOR UPDATE", (list(tenants),)))
        self._keep(rows)
        if strict and any(self._versions[tenant] != before[tenant] for tenant in tenants):
            raise HeadMoved
        return self._heads

    def write(self, changes: Changes) -> None:
        """Make the last message: heads first, so that whoever waits for one has no other lock of ours."""
        for tenant, (_, after) in changes.heads.items():
            values = (after.policy_seq, after.audit_no, after.link, tenant, self._versions[tenant])
            self._last.append((_TOUCH, values))
        if changes.released:
            self._last.append(("DELETE FROM one_time WHERE id = ANY(%s)", (list(changes.released),)))
        for claim in changes.passed_on:
            passed_on = (claim.holder, claim.until, claim.id)
            self._last.append(("UPDATE one_time SET holder = %s, until = %s WHERE id = %s", passed_on))
        for write in changes.writes:
            text, write_values = write_statement(write, mark=_MARK)
            self._last.append((text, write_values))
        if changes.rows:
            columns = [[row[name] for row in changes.rows] for name in AUDIT_COLUMNS]
            self._last.append((_APPEND, columns))
        for tenant, counts in changes.counts.items():
            before, after = changes.heads[tenant]
            rows = [(*key, *tally) for key, tally in counts.items()]
            counted = (after.audit_no, tenant, before.audit_no, *map(list, zip(*rows, strict=True)))
            self._last.append((_COUNT, counted))

    def commit(self) -> None:
        """Send the last message, COMMIT at its end; raises HeadMoved, Undone, Unavailable, psycopg.Error."""
        try:
            # A change of thousands of rows may take its time.
            self._wire.patience = 2 * PATIENCE + len(self._last) / _STATEMENTS_A_SECOND
            self._wire.ask(*self._last, ("COMMIT", ()))
        except psycopg.Error as error:
            if error.sqlstate is None or self._wire.closed:
                raise  # nobody knows
            raise self._meaning(error) from error

    def rollback(self) -> None:
        """Undo everything; raises psycopg.Error."""
        self._wire.ask(("ROLLBACK", ()))

    def _keep(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            self._heads[row["tenant"]] = head_of(row)
            self._versions[row["tenant"]] = row["version"]

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the law understands of an error before COMMIT was sent."""
        try:
            yield
        except psycopg.Error as error:
            raise self._meaning(error) from error

    def _meaning(self, error: psycopg.Error) -> Exception:
        state, table = error.sqlstate or "", error.diag.table_name
        others = state in {"22012", "40001", "40P01"} or (state == "23505" and table == "audit")
        if others:
            self._store.collided()
            return HeadMoved()
        # It is going down, or only reads, or has other tables now: another connection may see another state.
        if not state or state[:2] in {"08", "57"} or state in {"0A000", "25006"} or self._wire.closed:
            return Broken("the connection is lost")
        if state[:2] in {"53", "54", "55", "58"}:
            return Unavailable("the database serves nobody at the moment")
        return Undone()


class _Rows:
    """Whole tables, for snapshots."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def rows(self, table: str, where: Row | None = None) -> list[Row]:
        """All rows of a table whose columns equal ``where``."""
        return self._wire.ask(select(table, where, mark=_MARK))[0]

    def each(self, table: str, where: Row) -> Iterable[Row]:
        """The same in pages, in the order of their ids."""
        text, values = select(table, where, mark=_MARK)
        last = ""
        while True:
            further = f"{text} AND id > {_MARK} ORDER BY id LIMIT {_PAGE}"
            page = self._wire.ask((further, (*values, last)))[0]
            yield from page
            if len(page) < _PAGE:
                return
            last = str(page[-1]["id"])


@contextmanager
def reading(wire: Wire) -> Iterator[Reader]:
    """A transaction whose rows are of one moment; raises psycopg.Error."""
    wire.ask(_BEGIN_READING, _NO_HURRY)
    try:
        yield _Rows(wire)
    finally:
        if not wire.closed:
            wire.ask(("ROLLBACK", ()))


def facts(wire: Wire, keys: Collection[Key]) -> dict[Key, tuple[Row, ...]]:
    """The rows of each key, of one moment, for one message; raises psycopg.Error."""
    questions = _questions(keys)
    answers = wire.ask(_BEGIN_READING, *(query for query, _ in questions), ("COMMIT", ()))
    return _by_key(keys, questions, answers[1:-1])


def _claim(claims: Sequence[Claim]) -> Query:
    columns = ("id", "tenant", "kind", "holder", "until")
    return _CLAIM, [[getattr(claim, name) for claim in claims] for name in columns]


def _questions(keys: Iterable[Key]) -> list[tuple[Query, tuple[str, str]]]:
    """One question for all keys of a column; a text that cannot be stored is nowhere."""
    columns: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in keys:
        if storable(key.value):
            columns[key.table, key.column].append(key.value)
    return [
        ((f"SELECT * FROM {quoted(table)} WHERE {quoted(column)} = ANY(%s)", (values,)), (table, column))  # noqa: S608  # quoted
        for (table, column), values in columns.items()
    ]


def _by_key(
    keys: Collection[Key],
    questions: Sequence[tuple[Query, tuple[str, str]]],
    answers: Sequence[Sequence[Mapping[str, Any]]],
) -> dict[Key, tuple[Row, ...]]:
    found: dict[Key, list[Row]] = {key: [] for key in keys}
    for (_, (table, column)), rows in zip(questions, answers, strict=True):
        for row in rows:
            found[Key(table, column, row[column])].append(row)
    return {key: tuple(rows) for key, rows in found.items()}
