"""A large table for a snapshot is read a few rows at a time, and is the same rows."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg

from idjag.ledger.entry import Row
from idjag.ledger.postgres_store import reading
from idjag.ledger.postgres_wire import Wire
from idjag.ledger.schema import statements
from idjag.ledger.sqlite import SqliteTransaction, connect
from tests.cluster import Cluster

ROWS, OTHERS = 4001, 3  # a page of PostgreSQL's has 2000
_FILL = """\
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4004)
INSERT INTO one_time (id, tenant, kind, holder, until)
SELECT 'id-' || i, CASE WHEN i > 3 THEN 'ours' ELSE 'theirs' END, 'jti', 'h', i FROM n
"""
OURS: Row = {"tenant": "ours"}


def by_id(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: str(row["id"]))


def test_sqlite_gives_them_one_by_one(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "idjag.db")) as connection:
        for statement in (*statements("sqlite"), _FILL):
            connection.execute(statement)
        reader = SqliteTransaction(connection)
        each = reader.each("one_time", OURS)
        assert not isinstance(each, list)
        found = list(each)
        assert len(found) == ROWS
        assert by_id(found) == by_id(reader.rows("one_time", OURS))


def test_postgresql_gives_them_in_pages(postgres: Cluster) -> None:
    """A last page that is full, one that is not, and one without anything end the reading."""
    url = postgres.schema()
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (*statements("postgresql"), _FILL):
            connection.execute(statement.encode())
    with closing(Wire(url)) as wire, reading(wire) as reader:
        found = list(reader.each("one_time", OURS))
        assert len(found) == ROWS
        assert by_id(found) == by_id(reader.rows("one_time", OURS))
        assert list(reader.each("one_time", {"tenant": "nobody"})) == []
        assert len(list(reader.each("one_time", {"tenant": "theirs"}))) == OTHERS
