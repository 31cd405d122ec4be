"""Counts what nobody has counted: rows of before the counts, and of an older idjag beside this one.

In the order of the log, a page at a time; when only a few are left, with the head held, so that from there on
every batch counts its own rows (idjag.ledger.counts).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from sqlalchemy import Connection, text

from idjag.idp.store import schema
from idjag.ledger.counts import COUNT_COLUMNS, DAY, HOUR, Told, added, tallied
from idjag.ledger.entry import Row

__all__ = ["Counting", "told"]

_PAGE: Final = 1000
_HEAD: Final = "SELECT audit_no FROM ledger_head WHERE tenant = :tenant"
_COUNTED: Final = "SELECT no FROM audit_counted WHERE tenant = :tenant"
_OPEN: Final = "INSERT INTO audit_counted (tenant, no) VALUES (:tenant, 0) ON CONFLICT (tenant) DO NOTHING"
_MOVE: Final = "UPDATE audit_counted SET no = :after WHERE tenant = :tenant AND no = :before"
_ADD: Final = added(f"VALUES (:tenant, {', '.join(f':{name}' for name in COUNT_COLUMNS)})")
_BODIES: Final = frozenset({"id_jag.issued"})
"""Events of which more is counted than their columns say."""


class Pages(Protocol):
    """A log, read page by page."""

    def audit_rows(self, tenant: str, *, after_no: int, limit: int) -> list[Row]:
        """At most ``limit`` audit rows after a number, in the order of their numbers."""
        ...


@dataclass(frozen=True, slots=True)
class Counting:
    """The counts of one tenant, in the database of a URL; ``page`` is how many rows are counted at once."""

    log: Pages = field(repr=False)
    url: str = field(repr=False)
    tenant: str
    page: int = _PAGE

    def run(self, stopping: Callable[[float], bool] = lambda _seconds: False) -> None:
        """Count everything that is not counted yet; raises Unavailable, SchemaRefused."""
        while self._behind():
            began = time.monotonic()
            counted = self._counted()
            page = self.log.audit_rows(self.tenant, after_no=counted, limit=self.page)
            if len(page) < self.page:
                self._finish()
            else:
                self._add(page, counted)
            # requests come first: at most half of the database's time is ours
            if stopping(time.monotonic() - began):
                return

    def forget(self, before: int) -> None:
        """Take away what is about times before that alone (NumericDate): the log has nothing of them."""
        ends = (f"span = '{span}' AND since <= :before - {long}" for span, long in _SPANS)
        which = " OR ".join(f"({end})" for end in (*ends, "span = 'ever' AND last < :before"))
        with schema.writing(self.url) as connection:
            statement = f"DELETE FROM audit_count WHERE tenant = :tenant AND ({which})"  # noqa: S608  # our own
            connection.execute(text(statement), {"tenant": self.tenant, "before": before})

    def _behind(self) -> bool:
        with schema.reading(self.url) as connection:
            statement = text(f"SELECT ({_HEAD}) AS head, ({_COUNTED}) AS counted")
            head, counted = connection.execute(statement, {"tenant": self.tenant}).one()
        return bool(head != counted)

    def _counted(self) -> int:
        with schema.reading(self.url) as connection:
            return int(connection.scalar(text(_COUNTED), {"tenant": self.tenant}) or 0)

    def _add(self, page: Sequence[Row], counted: int) -> None:
        """A page that follows what is counted, unless another node was first; no batch counts in there."""
        with schema.writing(self.url) as connection:
            if _mark(connection, self.tenant) == counted:
                self._write(connection, page, before=counted, after=_number(page[-1]))

    def _finish(self) -> None:
        """The rest, while nobody adds to the log."""
        with schema.writing(self.url) as connection:
            lock = " FOR UPDATE" if connection.dialect.name == "postgresql" else ""
            end = int(connection.execute(text(_HEAD + lock), {"tenant": self.tenant}).scalar_one())
            before = _mark(connection, self.tenant)
            page = "SELECT * FROM audit WHERE tenant = :tenant AND no > :before ORDER BY no LIMIT :limit"
            asked = {"tenant": self.tenant, "before": before, "limit": 2 * self.page}
            rows = connection.execute(text(page), asked).mappings().all()
            after = end if len(rows) < 2 * self.page else _number(dict(rows[-1]))
            self._write(connection, [dict(row) for row in rows], before=before, after=after)

    def _write(self, connection: Connection, rows: Sequence[Row], *, before: int, after: int) -> None:
        counts = [
            {"tenant": self.tenant, **dict(zip(COUNT_COLUMNS, (*key, *tally), strict=True))}
            for key, tally in tallied(map(told, rows)).items()
        ]
        if counts:
            connection.execute(text(_ADD), counts)
        connection.execute(text(_MOVE), {"tenant": self.tenant, "before": before, "after": after})


_SPANS: Final = (("hour", HOUR), ("day", DAY))


def told(row: Row) -> Told:
    """The event of an audit row, as far as it is counted."""
    name = str(row["event"])
    fields: Mapping[str, object] = json.loads(str(row["body"])) if name in _BODIES else row
    return name, int(str(row["time"])), fields


def _mark(connection: Connection, tenant: str) -> int:
    """Up to where everything is counted; it stays there until the end of the transaction."""
    connection.execute(text(_OPEN), {"tenant": tenant})
    lock = " FOR UPDATE" if connection.dialect.name == "postgresql" else ""
    return int(connection.execute(text(_COUNTED + lock), {"tenant": tenant}).scalar_one())


def _number(row: Row) -> int:
    return int(str(row["no"]))
