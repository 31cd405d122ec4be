"""New databases with every revision; for SQLite these run once, and all others are copies of the first."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from idjag.idp.store import schema
from tests.cluster import Cluster

__all__ = ["new_database", "of_each_kind"]

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


def of_each_kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty database for a fixture with the parameters sqlite and postgresql; its URL."""
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("store")
        folder.chmod(0o700)
        return new_database(folder / "idjag.db")
    postgres: Cluster = request.getfixturevalue("postgres")
    url = postgres.schema()
    schema.upgrade(url)
    return url
