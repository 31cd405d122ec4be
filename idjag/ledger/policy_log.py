"""Which rows each policy change touched, derived from its writes, so that a snapshot need not be loaded anew.

Every number of policy_seq has a row of its own here, or nobody knows what happened under it: a node of an
older version, which logs nothing, makes a gap, and a gap means a whole load.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, TypeAlias

from idjag.ledger.entry import Delete, Expire, Insert, Reader, Row, Update, Upsert, Value, Write

__all__ = ["ANY", "KEPT", "MOST_ROWS", "TABLE", "Changed", "changed_between", "changed_rows", "log_of"]

TABLE: Final = "policy_change"

KEPT: Final = 256
"""Changes that are remembered; whoever is further behind loads everything."""

MOST_ROWS: Final = 512
"""Of one change, and of all that are caught up with at once: beyond, a whole load is not much dearer."""

ANY: Final = "*"
"""Stands for every table, or every row of one: what a write without the row's id may have reached."""

Changed: TypeAlias = Mapping[str, frozenset[str]]
"""Ids of rows that may have been made, changed or removed, by table; ``ANY`` among them means all."""

_Place: TypeAlias = tuple[str, str]


def changed_rows(writes: Sequence[Write], tables: Collection[str]) -> Sequence[_Place]:
    """Table and row id of each row of these tables that the writes may reach, once each."""
    rows = dict.fromkeys((write.table, _row_id(write)) for write in writes if write.table in tables)
    return list(rows) if len(rows) <= MOST_ROWS else [(ANY, ANY)]


def log_of(tenant: str, seq: int, changed: Sequence[_Place]) -> list[Write]:
    """What remembers a change and forgets the oldest one."""
    rows: list[Row] = [
        {"id": f"{seq} {n} {tenant}", "tenant": tenant, "seq": seq, "noun": noun, "row_id": row_id}
        for n, (noun, row_id) in enumerate(changed or [("", "")])
    ]
    forgotten: Row = {"tenant": tenant, "seq": seq - KEPT}
    return [*(Insert(TABLE, row) for row in rows), Delete(TABLE, forgotten)]


def changed_between(reader: Reader, tenant: str, before: int, after: int) -> Changed | None:
    """What was changed under the numbers after ``before`` up to ``after``; None when nobody can tell."""
    if not 0 < after - before <= KEPT:
        return None
    changed: dict[str, set[str]] = {}
    rows = 0
    for seq in range(before + 1, after + 1):
        logged = reader.rows(TABLE, {"tenant": tenant, "seq": seq})
        rows += len(logged)
        if not logged or rows > MOST_ROWS:
            return None
        for row in logged:
            changed.setdefault(str(row["noun"]), set()).add(str(row["row_id"]))
    changed.pop("", None)
    return None if ANY in changed else {table: frozenset(ids) for table, ids in changed.items()}


def _row_id(write: Write) -> str:
    match write:
        case Insert(_, row) | Upsert(_, row):
            return _known(row.get("id"))
        case Update(_, where) | Delete(_, where):
            return _known(where.get("id"))
        case Expire():
            return ANY


def _known(value: Value) -> str:
    return value if isinstance(value, str) else ANY
