"""A long log: it leaves as a file of any length, what breaks off has no end, what is too broad is said."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from idjag.idp.app import assemble
from idjag.idp.store.listing import Listing
from idjag.idp.store.lists.asking import Asking
from tests.idp.console.desk import Administrator, acme
from tests.idp.signin.seeds import TENANT
from tests.idp.signin.site import Host, Site
from tests.ledger.parts import sql

LOG, EXPORT = "/admin/audit", "/admin/audit/export"
ROWS = 21_000
_MANY = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    "INSERT INTO audit SELECT tenant, 100000 + i, time, 'mass', decision_id, subject, requesting_app, "
    "resource_app, jti, reason, replace(body, 'login.succeeded', 'mass'), salts, prev_hash, hash "
    "FROM n, (SELECT * FROM audit WHERE event = 'login.succeeded' ORDER BY no DESC LIMIT 1)"
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("long") / "idjag.db"


@pytest.fixture(scope="module")
def long(host: Host, path: Path) -> Iterator[Administrator]:
    """The owner of a log of more rows than were ever exported at once, all of this second."""
    with acme(host, path.parent) as site, Administrator(site) as alice:
        sql(path, _MANY, ROWS)
        yield alice


def exports(path: Path) -> list[str]:
    """The references of all exports so far."""
    rows = sql(path, "SELECT decision_id FROM audit WHERE event = 'audit.exported' ORDER BY no")
    return [row["decision_id"] for row in rows]


@contextmanager
def gone(path: Path, table: str = "audit") -> Iterator[None]:
    """Somebody takes a table away."""
    sql(path, f"ALTER TABLE {table} RENAME TO taken_away")
    try:
        yield
    finally:
        sql(path, f"ALTER TABLE taken_away RENAME TO {table}")


@contextmanager
def impatient(site: Site, host: Host, path: Path) -> Iterator[None]:
    """No question may take longer than nothing."""
    url, before = f"sqlite:///{path}", host.app
    with closing(Listing(url, TENANT, ask=Asking(url, seconds=0.0))) as lookups:
        host.app = assemble(site.services, lookups=lookups)
        try:
            yield
        finally:
            host.app = before


@pytest.mark.parametrize("kind", [pytest.param("csv", marks=pytest.mark.soak), "ndjson"])
def test_an_export_has_all_rows_however_many_there_are(long: Administrator, kind: str) -> None:
    """Issue 7: it is written as it is read, and has an end."""
    file = long.page(EXPORT, event="mass", format=kind)
    if kind == "csv":
        numbers = [row["id"] for row in csv.DictReader(io.StringIO(file.text))]
    else:
        numbers = [json.loads(line)["id"] for line in file.text.splitlines()]
    assert [int(no) for no in numbers] == [*range(100_000 + ROWS, 100_000, -1)]
    assert "content-length" not in file.headers
    assert file.headers["content-type"].startswith("text/csv" if kind == "csv" else "application/x-ndjson")


def test_no_cell_of_an_export_is_a_formula(long: Administrator) -> None:
    long.page(LOG, reason="=cmd|' /C calc'!A0")
    agent = "=HYPERLINK(1)"
    assert long.get(f"{LOG}?event=nothing", headers={"user-agent": agent}).status_code == 200
    rows = list(csv.DictReader(io.StringIO(long.page(EXPORT, event="audit.read", format="csv").text)))
    assert f"'{agent}" in [row["user_agent"] for row in rows]


def test_a_file_that_broke_off_has_no_end(
    long: Administrator, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever saves it is told that it is not all; the log says why, and under which reference."""
    address = f"{EXPORT}?event=mass&format=ndjson"
    with long.stream("GET", address) as answer:
        assert answer.status_code == 200
        octets = answer.iter_raw(1024)
        assert next(octets).startswith(b'{"id": 121000')
        with gone(path), pytest.raises(httpx.RemoteProtocolError):
            for _ in octets:
                pass
    (said,) = [record for record in caplog.records if record.name == "idjag.idp.audit"]
    assert said.getMessage().startswith("an export broke off kind=SchemaRefused ref=")
    assert said.getMessage().rpartition("=")[2] == exports(path)[-1]
    assert str(path) not in caplog.text


def test_a_question_that_takes_too_long_is_said_to(long: Administrator, host: Host, path: Path) -> None:
    broad, before = {"text": "nothing of the kind"}, exports(path)
    with impatient(long.site, host, path):
        page = long.page(LOG, 422, **broad)
        assert "too long" in page.text
        assert 'value="nothing of the kind"' in page.text
        file = long.page(EXPORT, 422, **broad)
        assert "content-disposition" not in file.headers
        assert "too long" in file.text
    assert exports(path) == before
    assert "Nothing in this time" in long.page(LOG, **broad).text


@pytest.mark.parametrize(
    ("place", "table"),
    [
        ("/admin", "audit_count"),
        ("/admin/people?q=a", "person"),
        (LOG, "audit"),
        (f"{EXPORT}?event=nothing", "audit"),
    ],
)
def test_a_database_that_cannot_be_read_is_no_fault_of_ours(
    long: Administrator, path: Path, place: str, table: str
) -> None:
    """A page with a reference, and 503, so that whoever asks comes again."""
    with gone(path, table):
        answer = long.get(place)
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert "no such table" not in answer.text
    assert long.get(place).status_code == 200


def test_nobody_gets_a_file_of_whose_end_they_are_not_told(long: Administrator, path: Path) -> None:
    """By HTTP/1.0, which proxies speak that nobody told otherwise, a file that breaks off looks whole."""
    before = exports(path)
    host = long.site.url.partition("://")[2]
    cookies = "; ".join(f"{name}={value}" for name, value in long.cookies.items())
    head = f"Host: {host}\r\nConnection: close\r\nCookie: {cookies}\r\n\r\n"

    def asked(version: str) -> bytes:
        name, _, port = host.partition(":")
        with socket.create_connection((name, int(port)), timeout=10) as wire:
            wire.sendall(f"GET {EXPORT}?event=nothing HTTP/{version}\r\n{head}".encode())
            return b"".join(iter(lambda: wire.recv(65536), b""))

    assert asked("1.1").startswith(b"HTTP/1.1 200 ")
    assert len(exports(path)) == len(before) + 1
    refused = asked("1.0")
    assert refused.startswith(b"HTTP/1.1 505 ")
    assert b"content-disposition" not in refused.lower()
    assert b"proxy_http_version 1.1" in refused
