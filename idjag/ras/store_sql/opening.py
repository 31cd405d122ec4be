"""Opens the database of a RAS: its tables, its sealed keys, its ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from idjag.ledger.entry import (
    Entry,
    Event,
    Facts,
    Head,
    Insert,
    Key,
    Reader,
    Row,
    Update,
    Value,
    Verdict,
    Write,
)
from idjag.ledger.sqlite import SqliteLedger, connect, write_gate
from idjag.protocol.jose import PrivateKey, thumbprint
from idjag.ras.access_token import JwtSigner
from idjag.ras.places import DatabasePlace, PostgresUrl
from idjag.ras.store_sql.secrets import open_secrets
from idjag.ras.store_sql.store import SqlStore
from idjag.ras.store_sql.tables import TENANT, additions, statements
from idjag.seal import SealBroken, Sealer, context_of

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

    def signer(self, alg: str, *, now: int) -> JwtSigner:
        """The signer of the active key of this algorithm, made when there is none.

        Keys of another algorithm stop signing; all are published until they are taken out by hand.
        """
        rows = self.ledger.read([Key("ras_key", "status", "active")])(Key("ras_key", "status", "active"))
        if not any(row["alg"] == alg for row in rows):
            self._make_key(alg, now=now)
        everything = [*self._keys("active"), *self._keys("retiring")]
        [active] = [key for key in self._keys("active") if key.alg == alg]
        return JwtSigner(active, published=tuple(key.public for key in everything if key.kid != active.kid))

    def signing_key(self) -> PrivateKey | None:
        """The key that signs now; None when nothing was ever signed here."""
        return next(iter(self._keys("active")), None)

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

    def _keys(self, status: str) -> list[PrivateKey]:
        key = Key("ras_key", "status", status)
        return [self._opened(row) for row in self.ledger.read([key])(key)]

    def _opened(self, row: Row) -> PrivateKey:
        kid, sealed = str(row["id"]), row["sealed"]
        if not isinstance(sealed, bytes):
            raise SealBroken(f"signing key {kid} is not there")
        pem = self.sealer.open(sealed, context=context_of(TENANT, "ras_key", "sealed", kid))
        return PrivateKey.from_pem(pem, alg=str(row["alg"]), kid=kid)

    def _make_key(self, alg: str, *, now: int) -> None:
        """Make the active key, and retire those of other algorithms; two processes make one."""
        made = PrivateKey.generate(alg, kid="new")
        kid = thumbprint(made.public)[:22]
        place = context_of(TENANT, "ras_key", "sealed", kid)
        sealed = self.sealer.seal(made.to_pem(), context=place)
        active = Key("ras_key", "status", "active")
        row: Row = {"id": kid, "alg": alg, "status": "active", "sealed": sealed, "created": now}

        def decide(_: None, facts: Facts) -> Verdict[None]:
            rows = facts(active)
            if any(each["alg"] == alg for each in rows):
                return Verdict(None, events=())
            writes: list[Write] = [
                Update("ras_key", {"id": each["id"]}, {"status": "retiring"}) for each in rows
            ]
            event = Event("key.created", {"actor": {"kind": "system", "id": "ras"}, "after": {"kid": kid}})
            return Verdict(None, events=(event,), writes=(*writes, Insert("ras_key", row)))

        entry: Entry[None, None] = Entry(
            tenant=TENANT,
            holder=f"key-{kid}",
            now=now,
            reads=(active,),
            decide=decide,
            lost=lambda _: Verdict(None, events=()),
        )
        self.ledger.commit(entry)


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
