"""Opens the one SQLite file of a RAS: its tables, its sealed keys, its ledger."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from idjag.ledger import schema
from idjag.ledger.entry import Entry, Event, Facts, Head, Insert, Key, Reader, Row, Update, Verdict, Write
from idjag.ledger.sqlite import SqliteLedger, connect, write_gate
from idjag.protocol.jose import PrivateKey, thumbprint
from idjag.ras.access_token import JwtSigner
from idjag.ras.store_sql.store import SqlStore
from idjag.ras.store_sql.tables import TENANT, additions, statements
from idjag.seal import KekRefused, KekSealer, SealBroken, Sealer, context_of, load_kek

__all__ = ["Database", "open_database"]

_CHAIN_KEY_OCTETS = 32
_CHECK = b"idjag ras kek check"
_TABLE = "ras_secret"


@dataclass(frozen=True, slots=True)
class Database:
    """An open database; ``close`` it."""

    ledger: SqliteLedger[None]
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

    def close(self) -> None:
        """Finish what is queued and close the file."""
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


def open_database(path: Path, *, kek_file: Path) -> Database:
    """Open the file, making it, its tables and its secrets when it is new.

    A key-encryption key is made for an empty database alone: a missing or wrong one stops the start and
    never makes new keys.  Raises KekRefused, SealBroken, sqlite3.Error.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(connect(path)) as connection:
        with write_gate(path):
            connection.execute("BEGIN IMMEDIATE")
        for statement in (*schema.statements("sqlite"), *statements()):
            connection.execute(statement)
        for statement in additions(lambda table: _columns(connection, table)):
            connection.execute(statement)
        sealer = KekSealer(load_kek(kek_file, create=not _secrets(connection)))
        chain_key = _chain_key(connection, sealer, kek_file)
        connection.execute("COMMIT")
    path.chmod(0o600)
    ledger = SqliteLedger[None](path, load=_no_snapshot, chain_key=chain_key)
    ledger.open_tenant(TENANT)
    ledger.start()
    return Database(ledger=ledger, store=SqlStore(ledger), sealer=sealer, chain_key=chain_key)


def _no_snapshot(_reader: Reader, _tenant: str, _head: Head) -> None:
    """This ledger keeps no policy in memory."""


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}


def _secrets(connection: sqlite3.Connection) -> dict[str, bytes]:
    rows = connection.execute("SELECT id, sealed FROM ras_secret").fetchall()
    return {row["id"]: row["sealed"] for row in rows}


def _chain_key(connection: sqlite3.Connection, sealer: KekSealer, kek_file: Path) -> bytes:
    """The key of the audit chain; made once, together with what proves the key-encryption key."""
    secrets = _secrets(connection)
    if not secrets:
        for name, plain in (("check", _CHECK), ("audit_chain", os.urandom(_CHAIN_KEY_OCTETS))):
            secrets[name] = sealer.seal(plain, context=_place(name))
            connection.execute("INSERT INTO ras_secret (id, sealed) VALUES (?, ?)", (name, secrets[name]))
    try:
        sealer.open(secrets["check"], context=_place("check"))
        return sealer.open(secrets["audit_chain"], context=_place("audit_chain"))
    except (KeyError, SealBroken) as wrong:
        raise KekRefused(
            f"{kek_file} is not the key-encryption key of this database ({wrong}): put the right one back"
        ) from None


def _place(name: str) -> str:
    return context_of(TENANT, _TABLE, "sealed", name)
