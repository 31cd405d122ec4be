"""What has died in the tables, looked up without a lock: who removes it looks again in a transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import column, select, table

from idjag.idp.store import schema

__all__ = ["dead"]


def dead(url: str, name: str, by: str, *, before: int, limit: int) -> Sequence[str]:
    """The ids of at most ``limit`` rows whose column ``by`` (NumericDate, with an index) is that or earlier.

    Raises SchemaRefused when the database cannot be read.
    """
    rows = table(name, column("id"), column(by))
    query = select(rows.c.id).where(rows.c[by] <= before).limit(limit)
    with schema.reading(url) as connection:
        return [str(each) for each in connection.scalars(query)]
