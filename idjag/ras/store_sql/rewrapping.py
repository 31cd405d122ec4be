"""Brings everything sealed in the database of a RAS under another key-encryption key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from idjag.kek_ring import KekRing
from idjag.ledger.entry import Entry, Update, Verdict
from idjag.ras.server import new_id
from idjag.ras.store_sql.opening import Database
from idjag.ras.store_sql.tables import TENANT
from idjag.seal import KekSealer, context_of, key_id_of

__all__ = ["Rewrapping"]

# The check value first: a start without the new key stops there.
_TABLES: Final = {
    "ras_secret": "SELECT id, sealed FROM ras_secret ORDER BY id",
    "ras_key": "SELECT id, sealed FROM ras_key ORDER BY id",
}


@dataclass(frozen=True, slots=True)
class _Row:
    table: str
    id: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rewrapping:
    """``idjag.kek_rotation.Rewrap`` for an open database, ``now`` being NumericDate."""

    database: Database
    now: int

    def __call__(self, ring: KekRing, to: KekSealer) -> int:
        """How many values were brought under ``to``; raises SealBroken, Unavailable."""
        count = 0
        while rows := [row for row in self._rows() if key_id_of(row.sealed) != to.key_id]:
            self._write(rows, ring=ring, to=to)
            count += len(rows)
        return count

    def sealed(self) -> list[bytes]:
        """All sealed values."""
        return [row.sealed for row in self._rows()]

    def _rows(self) -> list[_Row]:
        return [
            _Row(table, str(row["id"]), row["sealed"])
            for table, text in _TABLES.items()
            for row in self.database.look(text, ())
            if isinstance(row["sealed"], bytes)
        ]

    def _write(self, rows: Sequence[_Row], *, ring: KekRing, to: KekSealer) -> None:
        # only what was read: somebody else may have written it meanwhile
        writes = [
            Update(
                row.table,
                {"id": row.id, "sealed": row.sealed},
                {"sealed": ring.rewrap(row.sealed, context=_context(row), to=to)},
            )
            for row in rows
        ]
        done: Verdict[None] = Verdict(None, (), writes)
        entry: Entry[None, None] = Entry(TENANT, new_id(), self.now, lambda _, __: done)
        self.database.ledger.commit(entry)


def _context(row: _Row) -> str:
    return context_of(TENANT, row.table, "sealed", row.id)
