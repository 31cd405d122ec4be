"""The SQL of the owners' rows: text with placeholders, and the values for them; runs nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

from idjag.ledger.entry import Delete, Expire, Insert, Key, Row, Update, Upsert, Value, Write

__all__ = [
    "Statement",
    "by_column",
    "first_and_last",
    "issued_statement",
    "quoted",
    "select",
    "select_any",
    "write_statement",
]

Statement: TypeAlias = tuple[str, tuple[Value, ...]]


def select(table: str, where: Row | None, *, mark: str) -> Statement:
    """All columns of the rows that equal ``where``; ``mark`` is the driver's placeholder."""
    names, nulls, values = _condition(where or {})
    return _select(table, names, nulls, mark=mark), values


def by_column(keys: Iterable[Key]) -> dict[tuple[str, str], list[Key]]:
    """The keys of each table and column: what one statement can ask for."""
    columns: dict[tuple[str, str], list[Key]] = defaultdict(list)
    for key in keys:
        columns[key[:2]].append(key)
    return columns


def select_any(table: str, column: str, values: Sequence[str], *, mark: str) -> Statement:
    """All columns of the rows whose ``column`` is one of the values, of which there is one at least.

    The statement has room for a power of two, filled up by repeats: few texts serve all batches.
    """
    room = 1 << (len(values) - 1).bit_length()
    return _select_any(table, column, room, mark=mark), (*values, *([values[-1]] * (room - len(values))))


def write_statement(write: Write, *, mark: str) -> Statement:
    """One write as one statement."""
    match write:
        case Insert(table, row):
            return _insert(table, tuple(row), upsert=False, mark=mark), tuple(row.values())
        case Upsert(table, row):
            return _insert(table, tuple(row), upsert=True, mark=mark), tuple(row.values())
        case Update(table, where, row):
            names, nulls, values = _condition(where)
            return _update(table, tuple(row), names, nulls=nulls, mark=mark), (*row.values(), *values)
        case Delete(table, where):
            names, nulls, values = _condition(where)
            return _delete(table, names, nulls, mark=mark), values
        case Expire(table, column, now, limit):
            return _expire(table, column, mark=mark), (now, limit)


def issued_statement(mark: str) -> str:
    """When ID-JAGs were issued first and last: two steps into ``schema.ISSUED``, however many there are.

    Takes tenant, subject, requesting app and resource app, twice.
    """
    which = " AND ".join(
        f"{name} = {mark}" for name in ("tenant", "subject", "requesting_app", "resource_app")
    )
    times = f"SELECT time FROM audit WHERE event = 'id_jag.issued' AND {which} ORDER BY time"  # noqa: S608
    return f"SELECT ({times} LIMIT 1) AS first, ({times} DESC LIMIT 1) AS last"


def first_and_last(row: Row) -> tuple[int, int] | None:
    """What that statement found; None for never."""
    first, last = row["first"], row["last"]
    return (first, last) if isinstance(first, int) and isinstance(last, int) else None


def quoted(name: str) -> str:
    """A table or column name for SQL text; raises ValueError for what is no identifier."""
    if not name.isidentifier():
        raise ValueError("a table or column name is an identifier")
    return f'"{name}"'


def _condition(where: Row) -> tuple[tuple[str, ...], frozenset[str], tuple[Value, ...]]:
    """Names, those of them that are null, and the values of the others: in SQL null equals nothing."""
    nulls = frozenset(name for name, value in where.items() if value is None)
    return tuple(where), nulls, tuple(value for value in where.values() if value is not None)


def _where(names: tuple[str, ...], nulls: frozenset[str], *, mark: str) -> str:
    terms = [f"{quoted(name)} IS NULL" if name in nulls else f"{quoted(name)} = {mark}" for name in names]
    return f" WHERE {' AND '.join(terms)}" if terms else ""


# Names come from our own code, so that the shapes are few and each text is made once.


@lru_cache(maxsize=512)
def _select(table: str, names: tuple[str, ...], nulls: frozenset[str], *, mark: str) -> str:
    return f"SELECT * FROM {quoted(table)}{_where(names, nulls, mark=mark)}"  # noqa: S608  # quoted


@lru_cache(maxsize=512)
def _select_any(table: str, column: str, room: int, *, mark: str) -> str:
    marks = ", ".join([mark] * room)
    return f"SELECT * FROM {quoted(table)} WHERE {quoted(column)} IN ({marks})"  # noqa: S608  # quoted


@lru_cache(maxsize=512)
def _insert(table: str, names: tuple[str, ...], *, upsert: bool, mark: str) -> str:
    columns = ", ".join(map(quoted, names))
    text = f"INSERT INTO {quoted(table)} ({columns}) VALUES ({', '.join([mark] * len(names))})"  # noqa: S608  # quoted
    if not upsert:
        return text
    kept = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in names if name != "id")
    return f"{text} ON CONFLICT (id) DO {f'UPDATE SET {kept}' if kept else 'NOTHING'}"


@lru_cache(maxsize=512)
def _update(
    table: str, changed: tuple[str, ...], names: tuple[str, ...], *, nulls: frozenset[str], mark: str
) -> str:
    values = ", ".join(f"{quoted(name)} = {mark}" for name in changed)
    return f"UPDATE {quoted(table)} SET {values}{_where(names, nulls, mark=mark)}"  # noqa: S608  # quoted


@lru_cache(maxsize=512)
def _delete(table: str, names: tuple[str, ...], nulls: frozenset[str], *, mark: str) -> str:
    return f"DELETE FROM {quoted(table)}{_where(names, nulls, mark=mark)}"  # noqa: S608  # quoted


@lru_cache(maxsize=512)
def _expire(table: str, column: str, *, mark: str) -> str:
    # DELETE has no LIMIT in PostgreSQL, nor in most builds of SQLite
    dead = f"SELECT id FROM {quoted(table)} WHERE {quoted(column)} <= {mark} LIMIT {mark}"  # noqa: S608  # quoted
    return f"DELETE FROM {quoted(table)} WHERE id IN ({dead})"  # noqa: S608  # quoted
