"""Brings everything sealed in the IdP's database under another key-encryption key, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select, update
from sqlmodel import SQLModel

import idjag.idp.store.tables  # noqa: F401 - the tables are in the metadata once they are imported
from idjag.idp.store import schema
from idjag.kek_ring import KekRing
from idjag.seal import KekSealer, context_of, key_id_of

__all__ = ["TABLES", "Rewrapping"]

TABLES: Final = ("kek_check", "signing_key", "credential")
"""Every table with a sealed column; the check value first: a start without the new key stops there."""

_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    tenant: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rewrapping:
    """``Rewrap`` for a database URL; each few rows are a transaction, so that nobody waits."""

    url: str = field(repr=False)

    def __call__(self, ring: KekRing, to: KekSealer) -> int:
        """How many values were brought under ``to``; raises SealBroken, SchemaRefused."""
        count = 0
        for name in TABLES:
            # again until none is left: somebody may have sealed one under the old key behind us
            while changed := self._once(name, ring=ring, to=to):
                count += changed
        return count

    def rows(self, name: str) -> Iterator[_Row]:
        """All sealed values of a table."""
        return (row for page in self._pages(name) for row in page)

    def _once(self, name: str, *, ring: KekRing, to: KekSealer) -> int:
        count = 0
        for page in self._pages(name):
            old = [row for row in page if key_id_of(row.sealed) != to.key_id]
            if old:
                self._write(name, old, ring=ring, to=to)
            count += len(old)
        return count

    def _pages(self, name: str) -> Iterator[list[_Row]]:
        """A few at a time, by their ids: there may be one for each person."""
        page = self._page(name, after="")
        while page:
            yield page
            page = self._page(name, after=page[-1].id)

    def _page(self, name: str, *, after: str) -> list[_Row]:
        table = SQLModel.metadata.tables[name]
        mine = (table.c.id > after) & table.c.sealed.is_not(None)
        query = select(table).where(mine).order_by(table.c.id).limit(_AT_ONCE)
        with schema.reading(self.url) as connection:
            rows = connection.execute(query).mappings().all()
        return [_Row(row["id"], row.get("tenant_id") or "", row["sealed"]) for row in rows]

    def _write(self, name: str, rows: Sequence[_Row], *, ring: KekRing, to: KekSealer) -> None:
        table = SQLModel.metadata.tables[name]
        changed = [
            (row, ring.rewrap(row.sealed, context=context_of(row.tenant, name, "sealed", row.id), to=to))
            for row in rows
        ]
        with schema.writing(self.url) as connection:
            for row, sealed in changed:
                # only what was read: somebody else may have written it meanwhile
                here = (table.c.id == row.id) & (table.c.sealed == row.sealed)
                connection.execute(update(table).where(here).values(sealed=sealed))
