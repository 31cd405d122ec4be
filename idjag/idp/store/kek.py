"""The key-encryption key against its database: proven at every start, made only when nothing was ever sealed.

The key of the audit chain is kept here too, sealed like everything else.
"""

from __future__ import annotations

import os

from sqlalchemy import Connection, exists, insert, select, table
from sqlmodel import SQLModel

import idjag.idp.store.tables  # noqa: F401 - the tables are in the metadata once they are imported
from idjag.idp.settings import Settings, sqlite_path
from idjag.idp.store import schema
from idjag.kek_ring import Kek, KekRing, file_ring
from idjag.seal import KekRefused, SealBroken, context_of, parse_kek

__all__ = ["open_sealer"]

_TABLE = SQLModel.metadata.tables["kek_check"]
_CHECK, _CHAIN = "kek", "audit_chain"
_CHAIN_KEY_BYTES = 32
# A database with a row in any of these has been used under some key-encryption key.
_SIGNS_OF_USE = ("kek_check", "signing_key", "tenant", "person", "audit")


def open_sealer(settings: Settings, *, now: int) -> tuple[KekRing, bytes]:
    """The sealer of the key-encryption key, proven, and the ledger's chain key.

    In an unused database it makes the check value, and for SQLite the KEK's file if there is none: nodes that
    share PostgreSQL must be given the same one.  A wrong or missing
    key never makes anything.  The schema must be the newest.  Raises KekRefused, SchemaRefused.
    """
    with schema.reading(settings.database_url) as connection:
        used = _used(connection)
    if not used:
        _begin(settings, now=now)
    sealer = _ring(settings, create=False)
    with schema.reading(settings.database_url) as connection:
        rows = {row.id: row.sealed for row in connection.execute(select(_TABLE))}
    try:
        sealer.open(rows[_CHECK], context=_context(_CHECK))
        chain_key = sealer.open(rows[_CHAIN], context=_context(_CHAIN))
    except KeyError:
        raise KekRefused("the database has lost the check value of its key: restore it") from None
    except SealBroken as error:
        raise KekRefused(f"this is not the key-encryption key of the database: {error}") from None
    return sealer, chain_key


def _begin(settings: Settings, *, now: int) -> None:
    with schema.writing(settings.database_url) as connection:
        if _used(connection):  # another process was first
            return
        # The file comes first: killed in between, the next start finds it and an unused database.
        sealer = _ring(settings, create=sqlite_path(settings.database_url) is not None)
        sealed = {_CHECK: b"this is the key", _CHAIN: os.urandom(_CHAIN_KEY_BYTES)}
        for name, plain in sealed.items():
            row = {"id": name, "sealed": sealer.seal(plain, context=_context(name)), "created": now}
            connection.execute(insert(_TABLE).values(row))


def _ring(settings: Settings, *, create: bool) -> KekRing:
    if settings.kek_file is not None:
        return file_ring(settings.kek_file, create=create)
    if settings.kek is None:
        raise KekRefused("no key-encryption key is given: set IDJAG_KEK_FILE")
    alone = Kek("current", parse_kek(settings.kek))
    return KekRing(lambda: (alone,))


def _used(connection: Connection) -> bool:
    return any(connection.scalar(select(exists().select_from(table(name)))) for name in _SIGNS_OF_USE)


def _context(name: str) -> str:
    return context_of("", "kek_check", "sealed", name)
