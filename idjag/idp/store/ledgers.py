"""The ledger of a database URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from idjag.idp.settings import sqlite_path
from idjag.idp.snapshot import Snapshot
from idjag.ledger.run import Load
from idjag.ledger.sqlite import SqliteLedger

if TYPE_CHECKING:
    from idjag.ledger.postgres import PostgresLedger

__all__ = ["DurableLedger", "ledger_of"]

DurableLedger: TypeAlias = "SqliteLedger[Snapshot] | PostgresLedger[Snapshot]"


def ledger_of(url: str, *, load: Load[Snapshot], chain_key: bytes) -> DurableLedger:
    """The ledger in this database, not started yet.  PostgreSQL needs ``idjag[postgres]``."""
    path = sqlite_path(url)
    if path is None:
        from idjag.ledger.postgres import PostgresLedger

        return PostgresLedger(url, load=load, chain_key=chain_key)
    return SqliteLedger(path, load=load, chain_key=chain_key)
