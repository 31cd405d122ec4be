"""Asks the database without a lock and without a transaction, for a few seconds at most."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import URL, Connection, Engine, TextClause, bindparam, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError

from idjag.idp.lookups import TooMuch
from idjag.idp.settings import sqlite_path
from idjag.idp.store import postgresql
from idjag.idp.store.schema import SchemaRefused
from idjag.ledger.gate import PATIENCE

__all__ = ["PAIRS", "Asking", "begins", "contains", "escaped", "pairs_text", "starts"]

SECONDS: Final = 10.0
_POOL: Final = 4
_STEPS: Final = 10_000  # of SQLite's machine between two looks at the clock
_SETTINGS: Final = (
    "SET default_transaction_read_only = on",
    # they cost more than any of these questions
    "SET jit = off",
    "SET max_parallel_workers_per_gather = 0",
)
_CANCELLED: Final = "57014"

Dialect: TypeAlias = Literal["sqlite", "postgresql"]


class Asking:
    """A few connections to one database, made on demand; ``seconds`` is the longest that a question takes."""

    def __init__(self, url: str, *, seconds: float = SECONDS) -> None:
        self._url = url
        self._path = sqlite_path(url)
        self._seconds = seconds

    @property
    def dialect(self) -> Dialect:
        """Which of the two it is."""
        return "postgresql" if self._path is None else "sqlite"

    def rows(self, question: str, **values: Any) -> list[dict[str, Any]]:
        """The rows that answer; ``:name`` stands for a value, also for a list of them after IN.

        Raises SchemaRefused when the database cannot be read, TooMuch when it takes too long.
        """
        # no id is empty: a list with nothing in it has no type of its own
        lists = {
            name: sorted(value) or [""] for name, value in values.items() if isinstance(value, frozenset)
        }
        values |= lists
        asked = _expanding(question, *(name for name, value in values.items() if isinstance(value, list)))
        try:
            with self._engine.connect() as connection:
                self._limit(connection)
                return [dict(row) for row in connection.execute(asked, values).mappings()]
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state == _CANCELLED or str(error.orig) == "interrupted":
                raise TooMuch("this takes too long: ask for less") from None
            raise SchemaRefused(f"{self._path or 'the database'}: {postgresql.reason(error)}") from None

    def value(self, question: str, **values: Any) -> Any:
        """The one value of the one row that answers; None without a row."""
        return next((next(iter(row.values())) for row in self.rows(question, **values)), None)

    def close(self) -> None:
        """Close the connections that are idle."""
        if "_engine" in self.__dict__:
            self._engine.dispose()

    @cached_property
    def _engine(self) -> Engine:
        return _engine_of(self._url, self._path, seconds=self._seconds)

    def _limit(self, connection: Connection) -> None:
        if self._path is not None:
            until = time.monotonic() + self._seconds
            driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(lambda: time.monotonic() > until, _STEPS)


def begins(column: str, value: str, dialect: Dialect) -> str:
    """A condition: the column begins as the value ``:value`` does, in any case; by an index of lower()."""
    low = f"lower({column})"
    return starts(low if dialect == "sqlite" else f'{low} COLLATE "C"', value, dialect)


def starts(lowered: str, value: str, dialect: Dialect) -> str:
    """The same for an expression that is in lower case, and in PostgreSQL of the collation C."""
    last = "'\U0010ffff'" if dialect == "sqlite" else "U&'\\+10FFFF'"
    return f"({lowered} >= lower(:{value}) AND {lowered} < lower(:{value}) || {last})"


def pairs_text(pairs: Iterable[tuple[str, str]]) -> str:
    """The value of ``:pairs`` in PAIRS: as a list of conditions it would be one look for each of them."""
    return json.dumps(sorted(set(pairs)))


PAIRS: Final = {
    "sqlite": (
        "(SELECT json_extract(value, '$[0]') AS app, json_extract(value, '$[1]') AS target "
        "FROM json_each(:pairs))"
    ),
    "postgresql": (
        "(SELECT value ->> 0 AS app, value ->> 1 AS target "
        "FROM json_array_elements(CAST(:pairs AS json)) AS each (value))"
    ),
}
"""A table of pairs, (app, target), to begin with."""


def contains(column: str, value: str) -> str:
    """A condition: the value ``:value`` (``escaped``) stands somewhere in the column, in any case."""
    return f"lower({column}) LIKE '%' || lower(:{value}) || '%' ESCAPE '~'"


def escaped(value: str) -> str:
    """For LIKE, where % and _ stand for other characters."""
    for each in "~%_":
        value = value.replace(each, f"~{each}")
    return value


def _expanding(question: str, *lists: str) -> TextClause:
    return text(question).bindparams(*(bindparam(name, expanding=True) for name in lists))


def _engine_of(url: str, path: Path | None, *, seconds: float) -> Engine:
    if path is not None:
        engine = create_engine(
            URL.create("sqlite", database=str(path)),
            pool_size=_POOL,
            isolation_level="AUTOCOMMIT",
            connect_args={"timeout": PATIENCE, "check_same_thread": False},
        )
        _at_first(engine, ("PRAGMA query_only = ON",))
        return engine
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=_POOL,
        pool_pre_ping=True,
        isolation_level="AUTOCOMMIT",
        # what is prepared is planned for no value in particular: partial indexes would not be seen
        connect_args={"connect_timeout": int(PATIENCE), "prepare_threshold": None},
    )
    _at_first(engine, (*_SETTINGS, f"SET statement_timeout = {seconds * 1000:.0f}"))
    return engine


def _at_first(engine: Engine, statements: Sequence[str]) -> None:
    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
