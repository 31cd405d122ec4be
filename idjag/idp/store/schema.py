"""The database's schema: which one a file has, making it the newest, refusing one that we do not know.

An upgrade is one transaction with the note of its revision: killed anywhere, it is all there or not at all,
and running it again completes it.

Revisions that begin with the same two digits only add: an idjag that knows 0005 goes on serving, and starts,
on 0006, as it must while nodes are brought up to date one after the other.  One that takes something away, or
demands what older ones do not write, begins the next hundred, and stops them.
"""

from __future__ import annotations

import os
import pkgutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

from idjag.idp.settings import sqlite_path
from idjag.idp.store import postgresql
from idjag.idp.store.migrations import versions
from idjag.ledger.gate import PATIENCE, write_gate
from idjag.ledger.schema import OWN_TABLES

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["SchemaRefused", "check", "current", "head", "known", "reading", "upgrade", "writing"]

_ADDING = 2  # digits
_SCRIPTS = "idjag.idp.store:migrations"  # a package and a folder in it: found wherever it is installed


class SchemaRefused(Exception):
    """The database cannot be used as it is; the message says what to change."""


def head() -> str:
    """The newest revision that this idjag knows."""
    return max(known())


def current(url: str) -> str | None:
    """The database's revision, None when it has none; changes nothing.  Raises SchemaRefused."""
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return None
    with reading(url) as connection:
        return _revision(connection)


def check(url: str) -> None:
    """Refuse a schema that this idjag cannot work with: SchemaRefused."""
    found = current(url)
    if found == head() or _is_ahead(found, url):
        return
    has = f"schema {found}" if found else "no schema"
    raise SchemaRefused(f"{_name(url)} has {has}, this idjag needs {head()}: run idjag db upgrade")


def upgrade(url: str, *, patience: float = PATIENCE) -> str:
    """Make the file if there is none, and its schema the newest; the revision.  Raises SchemaRefused.

    One that a newer idjag has added to stays as it is.  ``patience``: see ``writing``.
    """
    path = sqlite_path(url)
    if path is not None:
        _make_private(path)
    with writing(url, patience=patience) as connection:
        found = _revision(connection)
        if found is not None and (found == head() or _is_ahead(found, url)):
            return found
        tables = set(inspect(connection).get_table_names()) - OWN_TABLES - {"alembic_version"}
        if found is None and tables:
            raise SchemaRefused(f"{_name(url)} is a database of something else")
        _migrate(connection)
    return head()


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A connection to look with; raises SchemaRefused when the database cannot be read."""
    path = sqlite_path(url)
    if path is None:
        with _connected(postgresql.engine(url), _name(url)) as connection:
            yield connection
        return
    with _connected(_engine(path, begin="BEGIN"), _name(url)) as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        yield connection


@contextmanager
def writing(url: str, *, patience: float = PATIENCE) -> Iterator[Connection]:
    """A connection in one transaction that no other writer can enter; committed at the end.

    ``patience``: seconds to wait for other writers of a file.
    """
    path = sqlite_path(url)
    if path is None:
        with _connected(postgresql.engine(url), _name(url)) as connection, connection.begin():
            postgresql.alone(connection)
            yield connection
        return
    with _connected(_engine(path, begin="BEGIN IMMEDIATE", patience=patience), _name(url)) as connection:
        try:
            with write_gate(path, patience=patience):
                transaction = connection.begin()
        except TimeoutError as error:
            raise SchemaRefused(f"{path}: {error}") from None
        with transaction:
            yield connection


@contextmanager
def _connected(engine: Engine, name: str) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise SchemaRefused(f"{name}: {postgresql.reason(error)}") from None
    finally:
        engine.dispose()


def _engine(path: Path, *, begin: str, patience: float = PATIENCE) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)), poolclass=NullPool, connect_args={"timeout": patience}
    )

    @event.listens_for(engine, "begin")
    def begin_by_hand(connection: Connection) -> None:
        # The driver begins before DML alone, and late: DDL would be outside of any transaction.
        connection.exec_driver_sql(begin)

    return engine


def _name(url: str) -> str:
    """The database as messages name it: a URL may carry a password."""
    return str(sqlite_path(url) or "the PostgreSQL database")


def _revision(connection: Connection) -> str | None:
    """Where the note of Alembic stands, read without it: a start need not import what it does not run."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _migrate(connection: Connection) -> None:
    from alembic import command

    command.upgrade(_config(connection), "head")


def _config(connection: Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    config.attributes["connection"] = connection
    return config


@cache
def known() -> frozenset[str]:
    """Our revisions: each is a module ``vNNNN_name``."""
    found = (module.name.partition("_")[0] for module in pkgutil.iter_modules(versions.__path__))
    return frozenset(name.removeprefix("v") for name in found)


def _is_ahead(revision: str | None, url: str) -> bool:
    """Whether a newer idjag has only added to the schema; raises SchemaRefused when it did more."""
    if revision is None or revision in known():
        return False
    if revision[:_ADDING] == head()[:_ADDING]:
        return True
    raise SchemaRefused(
        f"{_name(url)} has schema {revision}, which is newer than this idjag ({head()}): "
        "install the idjag that made it, or a newer one"
    )


def _make_private(path: Path) -> None:
    """The database's file, 0600, in a folder that nobody else can enter."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = path.parent.stat()
        if folder.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SchemaRefused(
                f"{path.parent} is open to other users: chmod 700 {path.parent}, or name a folder below it"
            )
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return
        if os.geteuid() == 0:
            # A command run by root must not lock the service out of its own database.
            os.fchown(file, folder.st_uid, folder.st_gid)
        os.close(file)
    except OSError as error:
        raise SchemaRefused(f"{path} cannot be made: {error.strerror}") from None
