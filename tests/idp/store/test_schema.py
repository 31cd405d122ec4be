"""idjag.idp.store.schema: made, upgraded all or nothing, in step with the tables, refused when unknown."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlmodel import SQLModel

from idjag.idp.store import schema, tables
from idjag.idp.store.lists import indexes
from idjag.idp.store.schema import SchemaRefused
from idjag.ledger.schema import OWN_TABLES, statements

NEWEST = schema.head()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "idjag.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


def query(path: Path, text: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(text).fetchall()


def table_names(path: Path) -> set[object]:
    return {name for (name,) in query(path, "SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_an_upgrade_makes_every_table(path: Path, url: str) -> None:
    assert schema.current(url) is None
    assert not path.exists()
    assert schema.upgrade(url) == NEWEST
    assert table_names(path) == {*SQLModel.metadata.tables, *OWN_TABLES, "alembic_version"}
    assert {tables.App.__tablename__, tables.KekCheck.__tablename__} <= table_names(path)
    assert schema.current(url) == schema.head() == NEWEST
    schema.check(url)


def test_tables_and_migrations_agree(url: str) -> None:
    schema.upgrade(url)
    with schema.reading(url) as connection:
        assert _differences(connection) == []


def test_a_table_that_no_migration_makes_would_be_seen(path: Path, url: str) -> None:
    """Positive control of the test above."""
    schema.upgrade(url)
    query(path, "ALTER TABLE hold DROP COLUMN reason")
    query(path, "DROP INDEX ix_hold_target")
    query(path, "DROP TABLE guardrail")
    with schema.reading(url) as connection:
        kinds = {str(each[0]) for each in _differences(connection)}
    assert kinds == {"add_table", "add_index", "add_column"}


def _differences(connection: Connection) -> list[tuple[object, ...]]:
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_object": lambda _object, name, kind, _reflected, _other: (
            not (kind == "table" and name in OWN_TABLES) and name not in indexes.EVERY
        ),
    }
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, SQLModel.metadata))


def test_the_tables_of_the_ledger_are_its_own(path: Path, url: str) -> None:
    schema.upgrade(url)
    other = path.with_name("ledger.db")
    for statement in statements("sqlite"):
        query(other, statement)
    own = ", ".join(f"'{name}'" for name in OWN_TABLES)
    text = f"SELECT name, sql FROM sqlite_master WHERE tbl_name IN ({own}) ORDER BY 1"  # noqa: S608 - our names
    found = [row for row in query(path, text) if row[0] not in indexes.EVERY]
    assert found == query(other, text) != []


def test_a_second_upgrade_changes_nothing(path: Path, url: str) -> None:
    schema.upgrade(url)
    query(
        path, "INSERT INTO tenant (id, name, issuer, created) VALUES ('t', 'default', 'https://a.example', 1)"
    )
    before = query(path, "SELECT name, sql FROM sqlite_master ORDER BY 1")
    assert schema.upgrade(url) == NEWEST
    assert query(path, "SELECT name, sql FROM sqlite_master ORDER BY 1") == before
    assert query(path, "SELECT id FROM tenant") == [("t",)]


def test_a_downgrade_takes_everything_back_and_can_be_repeated(path: Path, url: str) -> None:
    schema.upgrade(url)
    before = query(path, "SELECT name, sql FROM sqlite_master ORDER BY 1")
    with schema.writing(url) as connection:
        command.downgrade(schema._config(connection), "base")
    assert table_names(path) == {"alembic_version"}
    assert schema.current(url) is None
    schema.upgrade(url)
    assert query(path, "SELECT name, sql FROM sqlite_master ORDER BY 1") == before


def test_a_newer_schema_is_refused_and_left_alone(path: Path, url: str) -> None:
    """Attack case 226."""
    schema.upgrade(url)
    query(path, "UPDATE alembic_version SET version_num = '0999'")
    for start in (schema.upgrade, schema.check):
        with pytest.raises(SchemaRefused, match="0999, which is newer than this idjag"):
            start(url)
    assert schema.current(url) == "0999"


def test_an_older_schema_names_the_command(path: Path, url: str) -> None:
    with pytest.raises(SchemaRefused, match=f"no schema, this idjag needs {NEWEST}: run idjag db upgrade"):
        schema.check(url)
    schema.upgrade(url)
    query(path, "DELETE FROM alembic_version")
    with pytest.raises(SchemaRefused, match="run idjag db upgrade"):
        schema.check(url)


def test_a_database_of_something_else_is_left_alone(path: Path, url: str) -> None:
    path.parent.mkdir(mode=0o700)
    query(path, "CREATE TABLE bookmarks (id INTEGER)")
    with pytest.raises(SchemaRefused, match="something else"):
        schema.upgrade(url)
    assert table_names(path) == {"bookmarks"}


def test_a_ledger_that_was_there_first_is_taken_in(path: Path, url: str) -> None:
    path.parent.mkdir(mode=0o700)
    for statement in statements("sqlite"):
        query(path, statement)
    assert schema.upgrade(url) == NEWEST


@pytest.mark.parametrize("act", [schema.upgrade, schema.check, schema.current])
def test_what_is_no_database_is_refused_by_name(path: Path, url: str, act: object) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"not a database " * 100)
    assert callable(act)
    with pytest.raises(SchemaRefused, match=r"idjag\.db: file is not a database"):
        act(url)
    assert path.read_bytes() == b"not a database " * 100


# --- files


def test_the_database_is_ours_alone(path: Path, url: str) -> None:
    schema.upgrade(url)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o710, 0o701, 0o777])
def test_a_folder_that_others_can_enter_is_refused(path: Path, url: str, mode: int) -> None:
    path.parent.mkdir()
    path.parent.chmod(mode)
    with pytest.raises(SchemaRefused, match=f"chmod 700 {path.parent}"):
        schema.upgrade(url)
    assert list(path.parent.iterdir()) == []
    path.parent.chmod(0o700)
    assert schema.upgrade(url) == NEWEST


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "ascii")
    with pytest.raises(SchemaRefused, match="cannot be made"):
        schema.upgrade(f"sqlite:///{tmp_path / 'file' / 'idjag.db'}")


@pytest.mark.parametrize("name", ["with space", "per%20cent", "ключ", "a;b"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    url = f"sqlite:///{tmp_path / name / 'idjag.db'}"
    assert schema.upgrade(url) == NEWEST
    assert (tmp_path / name / "idjag.db").exists()
    assert schema.current(url) == NEWEST


def test_reading_cannot_write(url: str) -> None:
    schema.upgrade(url)
    with pytest.raises(SchemaRefused, match="readonly"), schema.reading(url) as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
    assert schema.current(url) == NEWEST


# --- interrupted, and at the same time

KILLED_AT_EVERY_STATEMENT = """
import os, signal, sqlite3, sys
from pathlib import Path
from sqlalchemy import Engine, event
from idjag.idp.store import schema

def child(url, number):
    ran = 0
    @event.listens_for(Engine, "before_cursor_execute")
    def count(*_):
        nonlocal ran
        if ran == number:
            os.kill(os.getpid(), signal.SIGKILL)
        ran += 1
    schema.upgrade(url)
    os._exit(0)

number = 0
while True:
    path = Path(sys.argv[1]) / str(number) / "idjag.db"
    url = f"sqlite:///{path}"
    pid = os.fork()
    if pid == 0:
        child(url, number)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        break
    left = schema.current(url), len(sqlite3.connect(path).execute("SELECT * FROM sqlite_master").fetchall())
    if left != (None, 0) or schema.upgrade(url) != schema.head():
        sys.exit(f"killed before statement {number}, left {left}")
    number += 1
print(number, os.WEXITSTATUS(status))
"""


@pytest.mark.soak
def test_an_upgrade_killed_before_any_statement_leaves_nothing_and_completes_when_run_again(
    tmp_path: Path,
) -> None:
    """Attack case 226, kill -9 at each step."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EVERY_STATEMENT, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    steps, status = done.stdout.split()
    assert int(steps) > 3 * len(SQLModel.metadata.tables)
    assert status == "0"


def test_two_upgrades_at_the_same_time_are_one_after_the_other(url: str) -> None:
    start, done = threading.Barrier(4), []

    def upgrade() -> None:
        start.wait()
        done.append(schema.upgrade(url, patience=60))  # the first one takes its time on a busy machine

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [NEWEST] * 4


@pytest.mark.slow
def test_an_upgrade_waits_for_no_stuck_writer_for_ever(path: Path, url: str) -> None:
    schema.upgrade(url)
    with closing(sqlite3.connect(path, isolation_level=None)) as stuck:
        stuck.execute("BEGIN IMMEDIATE")
        with pytest.raises(SchemaRefused, match="locked"):
            schema.upgrade(url)
    assert schema.upgrade(url) == NEWEST


def test_the_revisions_that_we_know_are_those_that_alembic_knows() -> None:
    """They are found by the names of their modules: a start that migrates nothing loads no Alembic."""
    scripts = ScriptDirectory.from_config(schema._config())
    assert {each.revision for each in scripts.walk_revisions()} == schema.known()
    assert scripts.get_current_head() == schema.head()
