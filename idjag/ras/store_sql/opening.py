"""Opens the database of a RAS: its tables, its sealed keys, its ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from idjag.ledger.entry import Head, Reader, Row, Value
from idjag.ledger.sqlite import SqliteLedger, connect, write_gate
from idjag.ras.access_token import RotatingSigner
from idjag.ras.places import DatabasePlace, PostgresUrl
from idjag.ras.server import system_clock
from idjag.ras.store_sql.keys import Keys
from idjag.ras.store_sql.secrets import open_secrets
from idjag.ras.store_sql.store import SqlStore
from idjag.ras.store_sql.tables import TENANT, additions, statements
from idjag.seal import Sealer

if TYPE_CHECKING:
    from idjag.ledger.postgres import PostgresLedger

__all__ = ["Database", "DurableLedger", "is_made", "open_database"]

DurableLedger: TypeAlias = "SqliteLedger[None] | PostgresLedger[None]"


@dataclass(frozen=True, slots=True)
class Database:
    """An open database; ``close`` it."""

    at: DatabasePlace
    ledger: DurableLedger
    store: SqlStore
    sealer: Sealer = field(repr=False)
    chain_key: bytes = field(repr=False)

    @property
    def keys(self) -> Keys:
        """What tokens are signed with."""
        return Keys(self)

    def signer(self, alg: str, *, now: int, clock: Callable[[], int] = system_clock) -> RotatingSigner:
        """The signer of the keys of this algorithm, the first of which is made when there is none.

        Keys of another algorithm stop signing, and are published until their last token has expired.
        """
        keys = self.keys
        keys.ensure(alg, now=now)
        return RotatingSigner(keys.now, alg=alg, clock=clock)

    def look(self, text: str, values: Sequence[Value]) -> list[Row]:
        """The rows that answer a question of our own text, ``%s`` for each value; on a connection of its own.

        Raises sqlite3.Error, psycopg.Error.
        """
        if isinstance(self.at, PostgresUrl):
            from idjag.ras.store_sql import postgresql

            return postgresql.look(self.at.url, text, values)
        with closing(connect(self.at)) as connection:
            return connection.execute(text.replace("%s", "?"), values).fetchall()

    def close(self) -> None:
        """Finish what is queued and close the database."""
        self.ledger.close()


def open_database(at: DatabasePlace, *, kek_file: Path) -> Database:
    """Open the database, making its tables and its secrets when it is new, and a file if there is none.

    A key-encryption key is made for an empty file alone: a missing or wrong one stops the start and never
    makes new keys.  PostgreSQL needs ``idjag[postgres]``.
    Raises KekRefused, SealBroken, SchemaRefused, sqlite3.Error, psycopg.Error, ServerRefused.
    """
    ledger: DurableLedger
    if isinstance(at, PostgresUrl):
        from idjag.ras.store_sql import postgresql

        ledger, sealer, chain_key = postgresql.open_ledger(at.url, kek_file=kek_file, load=_no_snapshot)
    else:
        sealer, chain_key = _open_file(at, kek_file)
        ledger = SqliteLedger[None](at, load=_no_snapshot, chain_key=chain_key, counting=False)
    ledger.open_tenant(TENANT)
    ledger.start()
    return Database(at=at, ledger=ledger, store=SqlStore(ledger), sealer=sealer, chain_key=chain_key)


def is_made(at: DatabasePlace) -> bool:
    """Whether a server has made the database."""
    if isinstance(at, PostgresUrl):
        from idjag.ras.store_sql import postgresql

        return postgresql.is_made(at.url)
    return at.exists()


def _open_file(path: Path, kek_file: Path) -> tuple[Sealer, bytes]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(connect(path)) as connection:
        with write_gate(path):
            connection.execute("BEGIN IMMEDIATE")
        for statement in statements("sqlite"):
            connection.execute(statement)
        for statement in additions(lambda table: _columns(connection, table)):
            connection.execute(statement)
        stored = connection.execute("SELECT id, sealed FROM ras_secret").fetchall()
        opened = open_secrets(
            {row["id"]: row["sealed"] for row in stored},
            lambda name, sealed: connection.execute(
                "INSERT INTO ras_secret (id, sealed) VALUES (?, ?)", (name, sealed)
            ),
            kek_file=kek_file,
            make_kek=True,
        )
        connection.execute("COMMIT")
    path.chmod(0o600)
    return opened


def _no_snapshot(_reader: Reader, _tenant: str, _head: Head) -> None:
    """This ledger keeps no policy in memory."""


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
