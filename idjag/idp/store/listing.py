"""Pages of long tables, looked up without a lock: people by name, the audit log by what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, column, select, table

from idjag.idp.store import schema
from idjag.ledger.entry import Row
from idjag.ledger.schema import AUDIT_COLUMNS

__all__ = ["ABOUT", "Listing", "audit", "people"]

ABOUT: Final = ("event", "decision_id", "subject", "requesting_app", "resource_app", "jti", "reason")
"""Columns of the audit log that a question may name."""

_AUDIT: Final = table("audit", *(column(name) for name in AUDIT_COLUMNS))
_PERSON: Final = table("person", *(column(name) for name in ("id", "tenant_id", "username", "email", "name")))


@dataclass(frozen=True, slots=True)
class Listing:
    """Both for one tenant of one database."""

    url: str = field(repr=False)
    tenant: str

    def audit(self, **asked: Any) -> Sequence[Row]:
        """``audit``."""
        return audit(self.url, self.tenant, **asked)

    def people(self, **asked: Any) -> Sequence[str]:
        """``people``."""
        return people(self.url, self.tenant, **asked)


def audit(
    url: str,
    tenant: str,
    *,
    about: Mapping[str, str],
    since: int | None,
    until: int | None,
    before_no: int | None,
    limit: int,
) -> Sequence[Row]:
    """Rows of the log, the latest first: those before a number, of a time (NumericDate), about some values.

    Raises SchemaRefused when the database cannot be read.
    """
    where: list[ColumnElement[bool]] = [_AUDIT.c.tenant == tenant]
    where += [_AUDIT.c[name] == value for name, value in about.items()]
    where += [] if since is None else [_AUDIT.c.time >= since]
    where += [] if until is None else [_AUDIT.c.time < until]
    where += [] if before_no is None else [_AUDIT.c.no < before_no]
    return _rows(url, select(_AUDIT).where(*where).order_by(_AUDIT.c.no.desc()).limit(limit))


def people(url: str, tenant: str, *, begins: str, after: str, limit: int) -> Sequence[str]:
    """User names in their order: those that begin so, after one of them.  Raises SchemaRefused."""
    where = [_PERSON.c.tenant_id == tenant, _PERSON.c.username > after]
    if begins:
        where.append(_PERSON.c.username.startswith(begins, autoescape=True))
    query = select(_PERSON.c.username).where(*where).order_by(_PERSON.c.username).limit(limit)
    with schema.reading(url) as connection:
        return [str(each) for each in connection.scalars(query)]


def _rows(url: str, query: Select[Any]) -> Sequence[Row]:
    with schema.reading(url) as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
