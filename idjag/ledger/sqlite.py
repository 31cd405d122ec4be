"""The ledger in one SQLite file: one worker process, and the commands that write beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from idjag.ledger import sqlite_statements as statements
from idjag.ledger.batch import KeyedRows
from idjag.ledger.chain import genesis
from idjag.ledger.committer import Committer
from idjag.ledger.entry import Entry, Facts, Head, Key, Row, Unavailable
from idjag.ledger.gate import PATIENCE, Gate, write_gate
from idjag.ledger.hand_over import PATIENCE as STANDING_ASIDE
from idjag.ledger.hand_over import HandOver
from idjag.ledger.readers import Readers
from idjag.ledger.run import Law, Load, Snapshots, check_chain_key, log_failure
from idjag.ledger.schema import AUDIT_COLUMNS, OWN_TABLES, head_of, new_epoch
from idjag.ledger.sql import by_column, first_and_last, select, select_any, write_statement
from idjag.ledger.transaction import Changes, Found, HeadMoved, Wanted
from idjag.ledger.waiting import DEADLINE

__all__ = ["SqliteLedger", "SqliteStore", "SqliteTransaction", "connect", "write_gate"]

R = TypeVar("R")
S = TypeVar("S")

_MARK = "?"
_PREPARED = 512  # more than there are shapes of statements, so that none is ever prepared twice
_ASKED_AT_ONCE = 512


def connect(path: str | Path, *, patience: float = PATIENCE) -> sqlite3.Connection:
    """A connection as every user of the file needs it; ``patience`` (seconds) bounds waits for locks.

    Transactions are begun by hand, writing ones with ``write_gate(path)`` and ``BEGIN IMMEDIATE``.
    Raises sqlite3.Error; RuntimeError when the file cannot have a write-ahead log.
    """
    connection = sqlite3.connect(
        path, timeout=patience, isolation_level=None, check_same_thread=False, cached_statements=_PREPARED
    )
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteStore:
    """A writing connection and its gate; ``decided`` is called before each wait for the disk."""

    def __init__(
        self, path: Path, *, patience: float = PATIENCE, decided: Callable[[], None] = lambda: None
    ) -> None:
        self._patience = patience
        self._decided = decided
        self._connection = connect(path, patience=patience)
        self._gate = Gate(path)

    def begin(self) -> SqliteTransaction:
        """Pass the gate and start a transaction that no other writer can enter."""
        with self._gate.passing(patience=self._patience):
            self._connection.execute("BEGIN IMMEDIATE")
        return SqliteTransaction(self._connection, decided=self._decided)

    def close(self) -> None:
        """Close connection and gate; what was not committed is undone."""
        self._gate.close()
        self._connection.close()


class SqliteTransaction:
    """One transaction of a connection, for reading or for writing."""

    def __init__(self, connection: sqlite3.Connection, *, decided: Callable[[], None] = lambda: None) -> None:
        self._connection = connection
        self._decided = decided
        self._heads: dict[str, Head] = {}

    def rows(self, table: str, where: Row | None = None) -> list[Row]:
        """All rows of a table whose columns equal ``where``."""
        text, values = select(table, where, mark=_MARK)
        return self._connection.execute(text, values).fetchall()

    def each(self, table: str, where: Row) -> Iterable[Row]:
        """The same, one at a time."""
        return self._connection.execute(*select(table, where, mark=_MARK))

    def head(self, tenant: str) -> Head:
        """The tenant's head; raises LookupError for a tenant that was never opened."""
        for row in self.rows("ledger_head", {"tenant": tenant}):
            return head_of(row)
        raise LookupError(f"the ledger has no tenant {tenant}")

    def audit_rows(self, tenant: str, *, after_no: int, limit: int) -> list[Row]:
        """At most ``limit`` audit rows in the order of their numbers."""
        return self._connection.execute(statements.AUDIT, (tenant, after_no, limit)).fetchall()

    def issued(self, which: tuple[str, str, str, str]) -> tuple[int, int] | None:
        """The times of the first and the last ID-JAG of (tenant, subject, requesting app, resource app)."""
        return first_and_last(self._connection.execute(statements.ISSUED, which * 2).fetchone())

    def read(self, wanted: Wanted, *, locking: bool) -> Found:  # noqa: ARG002  # locked by being here
        """Store the claims, read heads and facts; no other writer is here."""
        run = self._connection.execute
        stored = [
            claim.id
            for claim in wanted.claims
            if run(statements.CLAIM, (claim.id, claim.tenant, claim.kind, claim.holder, claim.until)).rowcount
            == 1
        ]
        rows = (row for tenant in wanted.tenants for row in self.rows("ledger_head", {"tenant": tenant}))
        self._heads = {str(row["tenant"]): head_of(row) for row in rows}
        return Found(self._heads, frozenset(stored), self.facts(wanted.keys))

    def facts(self, keys: Collection[Key]) -> dict[Key, tuple[Row, ...]]:
        """The rows of each key; one statement for the keys of a column."""
        found: dict[Key, tuple[Row, ...]] = {}
        for (table, column), same in by_column(keys).items():
            for begin in range(0, len(same), _ASKED_AT_ONCE):
                found |= self._facts(table, column, same[begin : begin + _ASKED_AT_ONCE])
        return found

    def _facts(self, table: str, column: str, keys: Sequence[Key]) -> dict[Key, tuple[Row, ...]]:
        text, values = select_any(table, column, [key.value for key in keys], mark=_MARK)
        cursor = self._connection.execute(text, values)
        names, cursor.row_factory = [each[0] for each in cursor.description], None
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        if len(keys) == 1:
            return {keys[0]: tuple(rows)}
        found: dict[Key, tuple[Row, ...]] = dict.fromkeys(keys, ())
        for row in rows:
            found[Key(table, column, row[column])] += (row,)
        return found

    def steady(self, _tenant: str, _head: Head) -> AbstractContextManager[SqliteTransaction]:
        """This transaction: its rows are of one moment."""
        return nullcontext(self)

    def lock(self, tenants: Sequence[str], *, strict: bool) -> dict[str, Head]:  # noqa: ARG002  # the same
        """The heads as they were read: nobody moves them while we are here."""
        return {tenant: self._heads[tenant] for tenant in tenants}

    def write(self, changes: Changes) -> None:
        """Carry everything out; raises HeadMoved."""
        run = self._connection.execute
        for id_ in changes.released:
            run("DELETE FROM one_time WHERE id = ?", (id_,))
        for claim in changes.passed_on:
            run(
                "UPDATE one_time SET holder = ?, until = ? WHERE id = ?",
                (claim.holder, claim.until, claim.id),
            )
        for write in changes.writes:
            run(*write_statement(write, mark=_MARK))
        for begin in range(0, len(changes.rows), statements.APPEND_AT_ONCE):
            rows = changes.rows[begin : begin + statements.APPEND_AT_ONCE]
            run(statements.append(len(rows)), [row[name] for row in rows for name in AUDIT_COLUMNS])
        for tenant, (before, after) in changes.heads.items():
            values = (after.policy_seq, after.audit_no, after.link, tenant, before.policy_seq, before.epoch)
            if run(statements.TOUCH, values).rowcount != 1:
                raise HeadMoved
            counts = changes.counts.get(tenant)
            if counts and run(statements.COUNTED, (after.audit_no, tenant, before.audit_no)).rowcount == 1:
                self._connection.executemany(
                    statements.ADD, [(tenant, *key, *tally) for key, tally in counts.items()]
                )

    def commit(self) -> None:
        """Make it durable: the write-ahead log is synced before this returns."""
        self._decided()
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo everything."""
        # An error like a full disk may have ended the transaction already.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


class SqliteLedger(Generic[S]):
    """A ledger in the file ``path``, whose tables have been made (``schema.statements``).

    ``load(reader, tenant, head)`` makes the snapshot; ``chain_key`` is 32 octets or more.  Reading works
    without ``start``; entries need it.  ``patience`` and ``deadline`` are seconds.  ``counting``: somebody
    wants to know how often what happened (idjag.ledger.counts).
    """

    def __init__(
        self,
        path: str | Path,
        *,
        load: Load[S],
        chain_key: bytes,
        patience: float = PATIENCE,
        deadline: float = DEADLINE,
        counting: bool = True,
    ) -> None:
        if str(path) in {"", ":memory:"}:
            raise ValueError("SqliteLedger needs a file; in memory there is MemoryLedger")
        self._path = Path(path)
        self._patience = patience
        self._snapshots = Snapshots(load)
        hand_over = HandOver(patience=STANDING_ASIDE)
        self._committer: Committer[S] = Committer(
            lambda: SqliteStore(self._path, patience=patience, decided=hand_over.decided),
            Law(self._snapshots, check_chain_key(chain_key), counting),
            deadline=deadline,
            hand_over=hand_over,
        )
        self._readers = Readers(self._connect_reader)

    @property
    def ready(self) -> bool:
        """Whether entries can be made durable."""
        return self._committer.ready

    def open_tenant(self, tenant: str) -> None:
        """Make the head of a tenant, if it has none; works before ``start``."""
        with closing(connect(self._path, patience=self._patience)) as connection:
            with write_gate(self._path, patience=self._patience):
                connection.execute("BEGIN IMMEDIATE")
            connection.execute(statements.OPEN, (tenant, new_epoch(), genesis(tenant)))
            connection.execute(statements.OPEN_COUNTS, (tenant,))
            connection.execute("COMMIT")

    def start(self) -> None:
        """Start the writer; raises RuntimeError when the file has no ledger."""
        with closing(connect(self._path, patience=self._patience)) as connection:
            tables = SqliteTransaction(connection).rows("sqlite_master", {"type": "table"})
        if not {row["name"] for row in tables} >= OWN_TABLES:
            raise RuntimeError(f"{self._path} has no ledger: make its tables first")
        self._committer.start()

    def submit(self, entry: Entry[S, R]) -> Future[R]:
        """Queue an entry; the future has the reply once it is durable, or Unavailable or Conflict."""
        return self._committer.submit(entry)

    def commit(self, entry: Entry[S, R]) -> R:
        """Queue an entry and wait; raises Unavailable or Conflict."""
        return self._committer.commit(entry)

    def snapshot(self, tenant: str) -> S:
        """The snapshot at hand; the first time, ``fresh``.  Never touches the file otherwise."""
        latest = self._snapshots.latest(tenant)
        return self.fresh(tenant) if latest is None else latest

    def fresh(self, tenant: str) -> S:
        """The snapshot for the tenant's head; raises LookupError for an unknown one, Unavailable."""
        with self._transaction() as transaction:
            return self._snapshots.of(transaction, tenant, transaction.head(tenant))

    def read(self, keys: Sequence[Key]) -> Facts:
        """Fresh facts outside any entry, from one transaction; raises Unavailable."""
        with self._transaction() as transaction:
            return KeyedRows(transaction.facts(keys), keys)

    def head(self, tenant: str) -> Head:
        """Where the tenant's ledger stands; raises LookupError for an unknown tenant, Unavailable."""
        with self._transaction() as transaction:
            return transaction.head(tenant)

    def audit_rows(self, tenant: str, *, after_no: int, limit: int) -> list[Row]:
        """At most ``limit`` audit rows in the order of their numbers."""
        with self._transaction() as transaction:
            return transaction.audit_rows(tenant, after_no=after_no, limit=limit)

    def issued(
        self, tenant: str, *, subject: str, requesting_app: str, resource_app: str
    ) -> tuple[int, int] | None:
        """When an app first and last acted as a person at another app; None for never."""
        with self._transaction() as transaction:
            return transaction.issued((tenant, subject, requesting_app, resource_app))

    def close(self) -> None:
        """Finish what is queued, stop the writer, close the file once nobody reads any more."""
        self._committer.close()
        self._readers.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[SqliteTransaction]:
        """A reading transaction on one of a few connections: nobody waits for a reader who takes long."""
        try:
            with self._readers.one() as connection:
                connection.execute("BEGIN")
                try:
                    yield SqliteTransaction(connection)
                finally:
                    connection.execute("COMMIT")
        except sqlite3.Error as error:
            log_failure("the database cannot be read", error)
            self._readers.drop()
            raise Unavailable("the database cannot be read") from error
        except Unavailable as error:
            log_failure("a read failed", error)
            raise

    def _connect_reader(self) -> sqlite3.Connection:
        connection = connect(self._path, patience=self._patience)
        connection.execute("PRAGMA query_only = ON")
        return connection


def _prepare(connection: sqlite3.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise RuntimeError(f"the database has journal mode {mode} and cannot have wal")
    # Some builds sync a write-ahead log at checkpoints only: an answer could outlive its record.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.row_factory = _row


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}
