"""Revision 0003 over a database in use: what was there goes on, and an older idjag may write beside it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command

from idjag.idp.store import schema

FAMILY = "('f-1', 't', 'c-1', 'app', 'p-1', 's-1', 0, 0, 1000, NULL)"
OLD_COLUMNS = "id, tenant_id, code_id, app_id, person_id, session_id, epoch, offline, created, revoked"


def query(path: Path, text: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(text).fetchall()


def moved(url: str, revision: str) -> None:
    with schema.writing(url) as connection:
        move = command.downgrade if revision == "0002" else command.upgrade
        move(schema._config(connection), revision)


def test_families_of_before_end_with_their_sessions(tmp_path: Path) -> None:
    path, url = tmp_path / "data" / "idp.db", f"sqlite:///{tmp_path / 'data' / 'idp.db'}"
    schema.upgrade(url)
    moved(url, "0002")
    query(path, f"INSERT INTO family ({OLD_COLUMNS}) VALUES {FAMILY}")  # noqa: S608 - our own text
    moved(url, "head")
    kept = query(path, "SELECT id, sid, jkt, spec, last_used, expires FROM family")
    assert kept == [("f-1", None, None, "{}", 0, 1000 + 12 * 3600)]


def test_an_older_idjag_beside_this_one_can_write_its_rows(tmp_path: Path) -> None:
    """Promise P11: it names no column that it does not know."""
    path, url = tmp_path / "data" / "idp.db", f"sqlite:///{tmp_path / 'data' / 'idp.db'}"
    schema.upgrade(url)
    query(path, f"INSERT INTO family ({OLD_COLUMNS}) VALUES {FAMILY}")  # noqa: S608 - our own text
    assert query(path, "SELECT sid, spec, last_used, expires FROM family") == [(None, "{}", 0, 0)]
