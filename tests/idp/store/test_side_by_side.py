"""Attack case 226, promise P11: each migration under the idjag before it, and killed anywhere on its way.

What an older idjag writes is known from the schema of its revision: it names all its columns and no other.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Column, Connection, Engine, LargeBinary, MetaData, Table, event, select, text
from sqlalchemy.types import TypeEngine

from idjag.idp.app import open_store
from idjag.idp.settings import Settings
from idjag.idp.store import schema
from idjag.idp.store.schema import SchemaRefused
from tests.cluster import Cluster

REVISIONS = sorted(schema.known())
STEPS = list(pairwise(REVISIONS))
# What is released does not change any more: `make test` proves the newest migration, `make soak` all.
PROVEN = [pytest.param(*step, marks=pytest.mark.soak) for step in STEPS[:-1]]
NOT_ITS_OWN = frozenset({"alembic_version"})


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Makes an empty database of either kind; SQLite's are named."""
    if request.param == "sqlite":
        return lambda name: f"sqlite:///{tmp_path / name / 'idjag.db'}"
    postgres: Cluster = request.getfixturevalue("postgres")
    return lambda _: postgres.schema()


def brought_to(revision: str, url: str) -> str:
    """The database with the schema of a revision, as the idjag of that time made it."""
    schema.upgrade(url)
    with schema.writing(url) as connection:
        command.downgrade(schema._config(connection), "base")
        command.upgrade(schema._config(connection), revision)
    return url


def tables_of(connection: Connection) -> dict[str, Table]:
    """What is there, by name."""
    metadata = MetaData()
    metadata.reflect(connection)
    return {name: table for name, table in metadata.tables.items() if name not in NOT_ITS_OWN}


def row_of(table: Table, number: int) -> dict[str, object]:
    """Something for each column; no two rows share a value."""
    return {column.name: _value(column, number) for column in table.columns}


def _value(column: Column[object], number: int) -> object:
    kind: TypeEngine[object] = column.type
    if isinstance(kind, LargeBinary):
        return f"{column.name} {number}".encode()
    return number if kind.python_type is int else f"{column.name} {number}"


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [*PROVEN, STEPS[-1]])
def test_an_idjag_of_before_reads_and_writes_all_its_tables_on_the_schema_of_after(
    new_url: Callable[[str], str], before: str, after: str
) -> None:
    """It inserts, changes and finds its rows, those of before and its new ones, and names nothing new."""
    url = brought_to(before, new_url("old"))
    with schema.writing(url) as connection:
        old = tables_of(connection)
        for table in old.values():
            connection.execute(table.insert().values(row_of(table, 1)))
    with schema.writing(url) as connection:
        command.upgrade(schema._config(connection), after)
    with schema.writing(url) as connection:
        for table in old.values():
            connection.execute(table.insert().values(row_of(table, 2)))
            key = next(iter(table.primary_key.columns))
            found = connection.execute(select(table).order_by(key)).mappings().all()
            assert [dict(row) for row in found] == [row_of(table, 1), row_of(table, 2)]
            for column in table.columns:
                connection.execute(table.update().where(key == _value(key, 2)).values({column: column}))
            connection.execute(table.delete().where(key == _value(key, 2)))


def test_a_column_that_older_ones_do_not_write_would_be_noticed(tmp_path: Path) -> None:
    """Positive control of the test above: one without a default, as a careless migration would add it."""
    url = brought_to(REVISIONS[0], f"sqlite:///{tmp_path / 'old' / 'idjag.db'}")
    with schema.writing(url) as connection:
        old = tables_of(connection)["tenant"]
        connection.exec_driver_sql("ALTER TABLE tenant RENAME TO was")
        connection.exec_driver_sql("CREATE TABLE tenant AS SELECT * FROM was")
        connection.exec_driver_sql("DROP TABLE tenant")
        columns = ", ".join(f"{column.name} TEXT" for column in old.columns)
        connection.exec_driver_sql(f"CREATE TABLE tenant ({columns}, region TEXT NOT NULL)")
    with pytest.raises(SchemaRefused, match="region"), schema.writing(url) as connection:
        connection.execute(old.insert().values(row_of(old, 2)))


def noted(url: str, revision: str) -> None:
    """The database as an idjag that is newer than this one leaves it."""
    with schema.writing(url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})


def test_a_schema_that_a_newer_idjag_has_added_to_is_served_and_left_as_it_is(
    new_url: Callable[[str], str], tmp_path: Path
) -> None:
    """A worker that is replaced, or a node that starts, while others are ahead already."""
    url, kek = new_url("ahead"), tmp_path / "kek"
    kek.write_text("8f3b6c0de2a95714f0c17b92d46e38a5176de90b42fc8563aa1e70d93c5b28f4", "ascii")
    kek.chmod(0o600)
    given = {"ISSUER": "https://idp.acme.example", "DATABASE_URL": url, "KEK_FILE": str(kek)}
    settings = Settings.load({"HOME": str(tmp_path), **{f"IDJAG_{name}": it for name, it in given.items()}})
    with open_store(settings) as store:
        tenant = store.tenant
    ahead = f"{schema.head()[:2]}99"
    noted(url, ahead)
    assert schema.upgrade(url) == schema.current(url) == ahead
    schema.check(url)
    with open_store(settings) as store:
        assert store.tenant == tenant
    noted(url, "9999")
    with pytest.raises(SchemaRefused, match="9999, which is newer than this idjag"), open_store(settings):
        pass


def killed(url: str, *, before: int) -> bool:
    """An upgrade in a process of its own that is killed before a statement; False when it got through."""
    pid = os.fork()
    if pid == 0:
        ran = 0

        @event.listens_for(Engine, "before_cursor_execute")
        def count(*_: object) -> None:
            nonlocal ran
            ran += 1
            if ran > before:
                os.kill(os.getpid(), signal.SIGKILL)

        schema.upgrade(url)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def everything(url: str) -> object:
    """The schema and what is in it."""
    with schema.reading(url) as connection:
        tables = tables_of(connection)
        return {
            name: ([repr(column) for column in table.columns], connection.execute(select(table)).all())
            for name, table in tables.items()
        }


KILLED_FROM = [pytest.param(each, marks=pytest.mark.soak) for each in REVISIONS[:-1]]


@pytest.mark.parametrize("before", KILLED_FROM)
def test_a_migration_killed_anywhere_leaves_what_was_and_completes_when_it_is_run_again(
    new_url: Callable[[str], str], before: str
) -> None:
    """Kill -9 before each of its statements: all or nothing, with everything that was in the tables."""
    url = brought_to(before, new_url("killed"))
    with schema.writing(url) as connection:
        for table in tables_of(connection).values():
            connection.execute(table.insert().values(row_of(table, 1)))
    as_it_was = everything(url)
    # a connection to PostgreSQL costs more than what it is asked here
    statements, step = 0, 1 if url.startswith("sqlite") else 5
    while killed(url, before=statements):
        assert schema.current(url) == before
        statements += step
    assert statements > 0
    assert schema.current(url) == schema.head()
    assert as_it_was != everything(url)
    assert schema.upgrade(url) == schema.head()
