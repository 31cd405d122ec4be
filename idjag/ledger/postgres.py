"""The ledger in a PostgreSQL database: many processes on many machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Generic, Self, TypeVar

import psycopg

from idjag.ledger.batch import KeyedRows
from idjag.ledger.chain import genesis
from idjag.ledger.committer import Committer
from idjag.ledger.entry import Entry, Facts, Head, Key, Reader, Row, Unavailable
from idjag.ledger.failure import log_failure
from idjag.ledger.postgres_store import PostgresStore, facts, reading
from idjag.ledger.postgres_wire import Wire
from idjag.ledger.readers import Readers
from idjag.ledger.run import Law, Load, Snapshots, check_chain_key
from idjag.ledger.schema import OWN_TABLES, head_of, new_epoch
from idjag.ledger.sql import first_and_last, issued_statement
from idjag.ledger.waiting import DEADLINE

__all__ = ["PostgresLedger"]

R = TypeVar("R")
S = TypeVar("S")
V = TypeVar("V")

_OPEN = (
    "INSERT INTO ledger_head (tenant, epoch, policy_seq, audit_no, link) VALUES (%s, %s, 0, 0, %s) "
    "ON CONFLICT (tenant) DO NOTHING"
)
_OPEN_COUNTS = "INSERT INTO audit_counted (tenant, no) VALUES (%s, 0) ON CONFLICT (tenant) DO NOTHING"
_AUDIT = "SELECT * FROM audit WHERE tenant = %s AND no > %s ORDER BY no LIMIT %s"
_ISSUED = issued_statement("%s")
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = ANY(current_schemas(false))"


class PostgresLedger(Generic[S]):
    """A ledger in the database ``url``, whose tables have been made (``schema.statements``).

    ``load(reader, tenant, head)`` makes the snapshot; ``chain_key`` is 32 octets or more.  Reading works
    without ``start``; entries need it.  ``deadline`` is in seconds.  ``counting``: somebody wants to know how
    often what happened (idjag.ledger.counts).
    """

    def __init__(
        self,
        url: str,
        *,
        load: Load[S],
        chain_key: bytes,
        deadline: float = DEADLINE,
        counting: bool = True,
    ) -> None:
        self._url = url
        self._snapshots = Snapshots(load)
        self._committer: Committer[S] = Committer(
            lambda: PostgresStore(url),
            Law(self._snapshots, check_chain_key(chain_key), counting),
            deadline=deadline,
        )
        self._readers = Readers(lambda: Wire(url))

    @property
    def ready(self) -> bool:
        """Whether entries can be made durable."""
        return self._committer.ready

    def open_tenant(self, tenant: str) -> None:
        """Make the head of a tenant, if it has none; works before ``start``."""
        with closing(Wire(self._url)) as wire:
            wire.ask((_OPEN, (tenant, new_epoch(), genesis(tenant))), (_OPEN_COUNTS, (tenant,)))

    def start(self) -> None:
        """Start the writer; RuntimeError without a ledger, or when the server may lose one."""
        with closing(Wire(self._url)) as wire:
            tables = {row["table_name"] for row in wire.ask((_TABLES, ()))[0]}
        if not tables >= OWN_TABLES:
            raise RuntimeError("the database has no ledger: make its tables first")
        self._committer.start()

    def submit(self, entry: Entry[S, R]) -> Future[R]:
        """Queue an entry; the future has the reply once it is durable, or Unavailable or Conflict."""
        return self._committer.submit(entry)

    def commit(self, entry: Entry[S, R]) -> R:
        """Queue an entry and wait; raises Unavailable or Conflict."""
        return self._committer.commit(entry)

    def snapshot(self, tenant: str) -> S:
        """The snapshot at hand; the first time, ``fresh``.  Never asks the database otherwise."""
        latest = self._snapshots.latest(tenant)
        return self.fresh(tenant) if latest is None else latest

    def fresh(self, tenant: str) -> S:
        """The snapshot for the tenant's head; raises LookupError for an unknown one, Unavailable."""
        return self._read(lambda wire: self._fresh(wire, tenant))

    def read(self, keys: Sequence[Key]) -> Facts:
        """Fresh facts outside any entry, of one moment; raises Unavailable."""
        return KeyedRows(self._read(lambda wire: facts(wire, keys)), keys)

    def head(self, tenant: str) -> Head:
        """Where the tenant's ledger stands; raises LookupError for an unknown tenant, Unavailable."""

        def look(wire: Wire) -> Head:
            with reading(wire) as reader:
                return _head(reader, tenant)

        return self._read(look)

    def audit_rows(self, tenant: str, *, after_no: int, limit: int) -> list[Row]:
        """At most ``limit`` audit rows in the order of their numbers."""
        (rows,) = self._read(lambda wire: wire.ask((_AUDIT, (tenant, after_no, limit))))
        return rows

    def issued(
        self, tenant: str, *, subject: str, requesting_app: str, resource_app: str
    ) -> tuple[int, int] | None:
        """When an app first and last acted as a person at another app; None for never."""
        which = (tenant, subject, requesting_app, resource_app)
        (rows,) = self._read(lambda wire: wire.ask((_ISSUED, which * 2)))
        return first_and_last(rows[0])

    def close(self) -> None:
        """Finish what is queued, stop the writer, close the connections."""
        self._committer.close()
        self._readers.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fresh(self, wire: Wire, tenant: str) -> S:
        with reading(wire) as reader:
            return self._snapshots.of(reader, tenant, _head(reader, tenant))

    def _read(self, look: Callable[[Wire], V]) -> V:
        """Look once more when a connection was dead: to read twice harms nobody."""
        try:
            with self._errors(), self._readers.one() as wire:
                return look(wire)
        except _Lost:
            self._readers.drop()
            with self._errors(), self._readers.one() as wire:
                return look(wire)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.OperationalError as error:
            log_failure("the database cannot be read", error)
            raise _Lost("the database cannot be read") from error
        except psycopg.Error as error:
            log_failure("the database cannot be read", error)
            raise Unavailable("the database cannot be read") from error
        except Unavailable as error:
            log_failure("a read failed", error)
            raise


class _Lost(Unavailable):
    """The connection is gone."""


def _head(reader: Reader, tenant: str) -> Head:
    for row in reader.rows("ledger_head", {"tenant": tenant}):
        return head_of(row)
    raise LookupError(f"the ledger has no tenant {tenant}")
