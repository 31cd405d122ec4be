"""New SQLite databases with every revision: these run for the first one, the others are copies of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from idjag.idp.store import schema

__all__ = ["new_database"]

_EMPTY: list[bytes] = []


def new_database(path: Path) -> str:
    """An empty database at that path; its URL."""
    url = f"sqlite:///{path}"
    if _EMPTY:
        path.write_bytes(_EMPTY[0])
        return url
    schema.upgrade(url)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _EMPTY.append(path.read_bytes())
    return url
