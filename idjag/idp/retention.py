"""Retention of the identity provider's audit log and of its counts: where they are, what removes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlalchemy import column, delete, func, select, table

from idjag.idp.snapshot import Snapshot
from idjag.idp.store import schema
from idjag.idp.store.counting import Counting
from idjag.ledger import retention

__all__ = ["RetainingLedger", "Retention"]

RetainingLedger: TypeAlias = retention.RetainingLedger[Snapshot]

_AUDIT = table("audit", column("tenant"), column("no"), column("time"))


@dataclass(slots=True)
class Retention:
    """Keeps the audit log of one tenant for ``seconds``; ``fewest`` rows are removed at once, or none."""

    ledger: RetainingLedger = field(repr=False)
    url: str = field(repr=False)
    tenant: str
    seconds: int
    key: bytes = field(repr=False)
    clock: Callable[[], int]
    new_id: Callable[[], str]
    fewest: int = retention.FEWEST

    def run(self, stopping: Callable[[float], bool]) -> None:
        """Set the start if enough has become too old, then remove; raises Unavailable."""
        rows = _Rows(self.url, self.tenant)
        retention.Pruning(
            self.ledger, rows, self.tenant, self.seconds, self.key, self.clock, self.new_id, self.fewest
        ).run(stopping)
        Counting(self.ledger, self.url, self.tenant).forget(self.clock() - self.seconds)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a tenant in the database of a URL."""

    url: str = field(repr=False)
    tenant: str

    def first(self) -> int | None:
        with schema.reading(self.url) as connection:
            found = connection.scalar(select(func.min(_AUDIT.c.no)).where(_AUDIT.c.tenant == self.tenant))
        return None if found is None else int(found)

    def remove(self, last: int) -> None:
        with schema.writing(self.url) as connection:
            connection.execute(delete(_AUDIT).where(_AUDIT.c.tenant == self.tenant, _AUDIT.c.no <= last))
