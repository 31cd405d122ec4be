"""What an entry may write, and which facts a write may change."""

from __future__ import annotations

from idjag.ledger.entry import Delete, Expire, Insert, Key, Row, Update, Upsert, Value, Write
from idjag.ledger.expiry import forgets_one_time_ids
from idjag.ledger.schema import OWN_TABLES

__all__ = ["check", "may_reach", "storable"]


def storable(value: Value) -> bool:
    """Whether every database can hold it: PostgreSQL has no NUL in texts, nobody half a pair."""
    if not isinstance(value, str):
        return True
    return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value if c > "\ud7ff")


def check(write: Write) -> None:
    """Refuse a write that would reach the ledger's own tables, or more rows than its author can mean.

    Raises ValueError.
    """
    if write.table.lower() in OWN_TABLES and not forgets_one_time_ids(write):
        raise ValueError(f"{write.table} is the ledger's own")
    match write:
        case Insert() | Upsert() if not isinstance(write.row.get("id"), str):
            raise ValueError(f"a row of {write.table} has a text id")
        case Update() | Delete() if not write.where:
            raise ValueError(f"a change of {write.table} says which rows")
        case Update() if not write.values:
            raise ValueError(f"a change of {write.table} says which values")
        case Update() if "id" in write.values:
            raise ValueError(f"a row of {write.table} keeps its id")
        case Expire() if write.limit < 1:
            raise ValueError(f"an expiry of {write.table} says how many rows at most")
    for row in _rows(write):
        if not all(map(storable, row.values())):
            raise ValueError(f"a value for {write.table} is no text that can be stored")


def may_reach(write: Write, key: Key) -> bool:
    """Whether the rows of the key may be others after the write; never wrongly False.

    Tables have no cascades and no triggers that write: what a write changes is in its own table.
    """
    if write.table.lower() != key.table.lower():
        return False
    match write:
        case Insert(_, row):
            return _may_equal(row, key)
        case Upsert(_, row):
            return key.column != "id" or _may_equal(row, key)
        case Update(_, where) | Delete(_, where):
            return key.column != "id" or _may_equal(where, key)
        case Expire():
            return True


def _may_equal(row: Row, key: Key) -> bool:
    """Whether the column of the key may hold its value; one that is not named may hold anything."""
    value = row.get(key.column, key.value)
    # A database may take a number for the text that it is written as.
    return not isinstance(value, str | int) or str(value) == key.value


def _rows(write: Write) -> tuple[Row, ...]:
    match write:
        case Insert(_, row) | Upsert(_, row):
            return (row,)
        case Update(_, where, values):
            return where, values
        case Delete(_, where):
            return (where,)
        case Expire():
            return ()
