"""The texts of what a SQLite ledger runs; those about the owners' tables are made in sql.py."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from idjag.ledger.counts import COUNT_COLUMNS, added
from idjag.ledger.schema import AUDIT_COLUMNS
from idjag.ledger.sql import issued_statement

__all__ = [
    "ADD",
    "APPEND_AT_ONCE",
    "AUDIT",
    "CLAIM",
    "COUNTED",
    "ISSUED",
    "OPEN",
    "OPEN_COUNTS",
    "TOUCH",
    "append",
]

APPEND_AT_ONCE: Final = 64
"""Rows: old builds of SQLite take 999 values in one statement."""

CLAIM = (
    "INSERT INTO one_time (id, tenant, kind, holder, until) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO NOTHING"
)
TOUCH = (
    "UPDATE ledger_head SET policy_seq = ?, audit_no = ?, link = ? "
    "WHERE tenant = ? AND policy_seq = ? AND epoch = ?"
)
AUDIT = "SELECT * FROM audit WHERE tenant = ? AND no > ? ORDER BY no LIMIT ?"
ISSUED = issued_statement("?")
ADD = added(f"VALUES ({', '.join('?' * (1 + len(COUNT_COLUMNS)))})")
COUNTED = "UPDATE audit_counted SET no = ? WHERE tenant = ? AND no = ?"
OPEN_COUNTS = "INSERT INTO audit_counted (tenant, no) VALUES (?, 0) ON CONFLICT (tenant) DO NOTHING"
OPEN = (
    "INSERT INTO ledger_head (tenant, epoch, policy_seq, audit_no, link) VALUES (?, ?, 0, 0, ?) "
    "ON CONFLICT (tenant) DO NOTHING"
)


@lru_cache(maxsize=APPEND_AT_ONCE)
def append(rows: int) -> str:
    """The statement that stores so many audit rows."""
    marks = f"({', '.join(['?'] * len(AUDIT_COLUMNS))})"
    return f"INSERT INTO audit ({', '.join(AUDIT_COLUMNS)}) VALUES {', '.join([marks] * rows)}"  # noqa: S608  # our own names
