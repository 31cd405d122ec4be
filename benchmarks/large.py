"""A deployment of 1,000 apps, 10,000 connections, 100,000 people and a long log, served from PostgreSQL.

To fill it takes minutes: BENCH_FOLDER keeps it for the next time.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from benchmarks.console_seeds import fill
from idjag import cli
from idjag.idp.administration.administrators import operator
from idjag.idp.administration.appointments import give
from idjag.idp.administration.roles import Role
from idjag.idp.app import open_store
from idjag.idp.questions import find_person
from idjag.idp.settings import Settings
from tests.cluster import NOBODY, Cluster, binaries
from tests.processes.acme import Acme, acme_in
from tests.processes.program import Secrets, started

__all__ = ["Large", "large"]

_SCHEMA = "large"


@dataclass(frozen=True, slots=True)
class Large:
    """Where it is, and as whom to enter: ``username`` is an owner.  ``rows`` of its log are there."""

    url: str
    rows: int
    pid: int
    database: str = field(repr=False)
    username: str = "alice"
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@contextmanager
def large(rows: int) -> Iterator[Large]:
    """Served while the ``with`` lasts, by one worker process."""
    with ExitStack() as stack:
        kept = os.environ.get("BENCH_FOLDER")
        folder = Path(kept or stack.enter_context(_temporary()))
        database = stack.enter_context(_database(folder / "pg"))
        environ, known = _environ(folder, database, rows)
        port = environ["IDJAG_PORT"]
        program = stack.enter_context(
            started(["serve"], environ=environ, folder=folder, secrets=Secrets(*known.values()))
        )
        password = known["ALICE_PASSWORD"]
        yield Large(
            f"http://127.0.0.1:{port}",
            rows,
            program.process.pid,
            database,
            password=password,
            token=_token(environ),
        )


def _token(environ: Mapping[str, str]) -> str:
    """Of the admin API, for an owner."""
    out = io.StringIO()
    asked = ("admin", "token-create", "--name", "benchmark", "--role", "owner", "--expires", "1d")
    code = cli.run(asked, environ=environ, out=out, err=io.StringIO())
    assert code == 0, code
    return out.getvalue().strip()


@contextmanager
def _temporary() -> Iterator[str]:
    # not TMPDIR: the path of a socket has 107 octets at most
    folder = tempfile.mkdtemp(prefix="idjag-large-", dir="/tmp")
    Path(folder).chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _database(folder: Path) -> Iterator[str]:
    """The server, and the URL of the schema in it."""
    server = binaries()
    if server is None:
        raise SystemExit("benchmarks: no PostgreSQL server is installed")
    running = Cluster(server, folder)
    if running.data.exists():
        running.start()
    else:
        folder.mkdir()
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        running.make()
        with psycopg.connect(running.url(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {_SCHEMA}".encode())
    try:
        yield running.url(_SCHEMA)
    finally:
        running.stop()


def _environ(folder: Path, database: str, rows: int) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The environment of the server, and the secrets in it; fills the database that is new."""
    note = folder / "large.json"
    if not note.exists():
        (folder / "acme").mkdir(mode=0o700)
        acme = acme_in(folder / "acme")
        kek = folder / "acme" / "kek"
        kek.touch(mode=0o600)
        kek.write_text(secrets.token_hex(32), encoding="ascii")
        environ = {
            **acme.environ,
            "IDJAG_DATABASE_URL": database,
            "IDJAG_KEK_FILE": str(kek),
            "IDJAG_LOG_LEVEL": "error",
        }
        _fill(acme, environ, rows)
        note.write_text(json.dumps({"environ": environ, "rows": rows}), encoding="utf-8")
    made = json.loads(note.read_text(encoding="utf-8"))
    if made["rows"] != rows:
        raise SystemExit(f"benchmarks: {folder} has {made['rows']} rows, and BENCH_ROWS says {rows}")
    environ = made["environ"]
    return environ, {name: environ[name] for name in ("ALICE_PASSWORD", "WIKI_SECRET")}


def _fill(acme: Acme, environ: Mapping[str, str], rows: int) -> None:
    done = replace(acme, environ=environ).here("apply", "-f", str(acme.folder / "acme.yaml"))
    assert done.code == 0, done.err
    with open_store(Settings.load(environ)) as store:
        tenant = store.tenant
        by = operator({"kind": "operator", "id": "root"})
        give(store, find_person(store, "alice"), Role.OWNER, by=by)
    fill(environ["IDJAG_DATABASE_URL"], rows, tenant=tenant, end=int(time.time()))
