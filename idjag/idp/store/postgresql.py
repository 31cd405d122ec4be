"""PostgreSQL through SQLAlchemy, for what is not the ledger's: the schema, the key check."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

__all__ = ["alone", "engine", "reason"]

# Any number that nobody else uses: "idjag" in ASCII.
_UPGRADES = 0x69646A6167
_UPGRADE_SECONDS = 60
_CONNECT_SECONDS = 5


def engine(url: str) -> Engine:
    """An engine whose connections end with their use."""
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
    )


def alone(connection: Connection) -> None:
    """Until the end of the transaction nobody else changes the schema; waits for whoever does."""
    connection.execute(text(f"SET LOCAL lock_timeout = '{_UPGRADE_SECONDS}s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADES})


def reason(error: DBAPIError) -> str:
    """One line of what the driver says; it names no password."""
    return (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
