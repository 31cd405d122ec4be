"""`idjag db`: the schema from the command line."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from idjag.cli import run
from idjag.idp.store import schema

NEWEST = schema.head()
KEK = "8f3b6c0de2a95714f0c17b92d46e38a5176de90b42fc8563aa1e70d93c5b28f4"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"IDJAG_ISSUER": "https://idp.example", "IDJAG_DATA_DIR": str(tmp_path / "data")}


def idjag(environ: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return run(arguments, environ=environ, out=out, err=err), out.getvalue(), err.getvalue()


def test_the_schema_is_made_and_then_there_is_nothing_to_do(environ: dict[str, str]) -> None:
    assert idjag(environ, "db", "current") == (
        1,
        f"schema none, the newest is {NEWEST}: run idjag db upgrade\n",
        "",
    )
    assert idjag(environ, "db", "upgrade") == (0, f"schema {NEWEST}, was none\n", "")
    assert idjag(environ, "db", "upgrade") == (0, f"schema {NEWEST}, nothing to do\n", "")
    assert idjag(environ, "db", "current") == (0, f"schema {NEWEST}, the newest\n", "")


def test_looking_makes_nothing(environ: dict[str, str]) -> None:
    assert idjag(environ, "db", "current", "--json") == (
        1,
        f'{{"current": null, "newest": "{NEWEST}"}}\n',
        "",
    )
    assert not Path(environ["IDJAG_DATA_DIR"]).exists()
    idjag(environ, "db", "upgrade")
    code, out, _ = idjag(environ, "db", "current", "--json")
    assert (code, json.loads(out)) == (0, {"current": NEWEST, "newest": NEWEST})


def test_a_server_that_is_not_there_is_one_line_without_the_password(environ: dict[str, str]) -> None:
    url = "postgresql://u:s3cret@127.0.0.1:1/idjag"
    for action in ("upgrade", "current"):
        code, out, err = idjag({**environ, "IDJAG_DATABASE_URL": url, "IDJAG_KEK": KEK}, "db", action)
        assert (code, out, err.count("\n")) == (3, "", 1)
        assert err.startswith("idjag: the PostgreSQL database: ")
        assert "s3cret" not in err


def test_wrong_settings_are_one_line_and_exit_2(environ: dict[str, str]) -> None:
    code, out, err = idjag({**environ, "IDJAG_PORT": "x", "IDJAG_HOST": "a b"}, "db", "current")
    assert (code, out) == (2, "")
    assert "IDJAG_PORT" in err
    assert "IDJAG_HOST" in err
    assert err.count("\n") == 1


def test_a_newer_schema_is_one_line_and_exit_3(environ: dict[str, str]) -> None:
    """Attack case 226."""
    idjag(environ, "db", "upgrade")
    with closing(
        sqlite3.connect(Path(environ["IDJAG_DATA_DIR"]) / "idjag.db", isolation_level=None)
    ) as database:
        database.execute("UPDATE alembic_version SET version_num = '0999'")
    code, out, err = idjag(environ, "db", "upgrade")
    assert (code, out) == (3, "")
    assert "newer than this idjag" in err
    assert err.count("\n") == 1


def test_the_settings_may_be_in_a_file(environ: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "idjag.toml"
    config.write_text(f"issuer = 'https://idp.example'\ndata_dir = '{tmp_path / 'other'}'\n", "utf-8")
    assert idjag({}, "--config", str(config), "db", "upgrade") == (0, f"schema {NEWEST}, was none\n", "")
    assert (tmp_path / "other" / "idjag.db").exists()
