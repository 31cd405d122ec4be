"""`idjag keys`: what is stored of the signing keys, without their private halves."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from idjag.cli import run
from idjag.idp.keys import KeyLoader, ensure_keys
from idjag.idp.settings import Settings, sqlite_path
from idjag.idp.store import schema
from idjag.idp.store.kek import open_sealer
from idjag.ledger.sqlite import SqliteLedger

NOW = 1_800_000_000


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"IDJAG_ISSUER": "https://idp.example", "IDJAG_DATA_DIR": str(tmp_path / "data")}


def idjag(environ: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return run(arguments, environ=environ, out=out, err=err), out.getvalue(), err.getvalue()


def make_keys(environ: dict[str, str]) -> None:
    settings = Settings.load(environ)
    schema.upgrade(settings.database_url)
    sealer, chain_key = open_sealer(settings, now=NOW)
    loader = KeyLoader(sealer)
    ledger = SqliteLedger(
        sqlite_path(settings.database_url) or "",
        load=lambda reader, tenant, _head: loader.load(reader.rows("signing_key", {"tenant_id": tenant})),
        chain_key=chain_key,
    )
    kids = iter(["kid-a", "kid-b", "kid-c", "holder"])
    with ledger:
        ledger.open_tenant("t1")
        ensure_keys(ledger, sealer, tenant="t1", now=NOW, new_kid=lambda: next(kids))
    with schema.writing(settings.database_url) as connection:
        connection.exec_driver_sql("INSERT INTO tenant VALUES ('t1', 'default', 'https://idp.example', 1)")


def test_the_keys_are_listed_with_their_states(environ: dict[str, str]) -> None:
    make_keys(environ)
    code, out, err = idjag(environ, "keys", "list")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    time = "2027-01-15T08:00:00Z"
    assert lines == [
        ["tenant", "kid", "alg", "status", "created", "activated", "retires"],
        ["default", "kid-a", "ES256", "active", time, time, "-"],
        ["default", "kid-b", "RS256", "active", time, time, "-"],
        ["default", "kid-c", "Ed25519", "active", time, time, "-"],
    ]


def test_the_list_is_there_for_scripts_too_and_has_no_key_in_it(environ: dict[str, str]) -> None:
    make_keys(environ)
    _, out, _ = idjag(environ, "keys", "list", "--json")
    assert [set(key) for key in json.loads(out)] == [
        {"tenant", "kid", "alg", "status", "created", "activated", "retires"}
    ] * 3
    assert [key["created"] for key in json.loads(out)] == [NOW] * 3


def test_no_key_encryption_key_is_needed_to_look(environ: dict[str, str]) -> None:
    make_keys(environ)
    (Path(environ["IDJAG_DATA_DIR"]) / "kek").unlink()
    assert idjag(environ, "keys", "list")[0] == 0


def test_a_database_without_schema_is_not_made_by_looking(environ: dict[str, str]) -> None:
    code, out, err = idjag(environ, "keys", "list")
    assert (code, out) == (3, "")
    assert err.endswith("run idjag db upgrade\n")
    assert not Path(environ["IDJAG_DATA_DIR"]).exists()


@pytest.mark.parametrize("arguments", [("rotate",), ("revoke", "kid-a")])
def test_what_is_not_built_says_so(environ: dict[str, str], arguments: tuple[str, ...]) -> None:
    assert idjag(environ, "keys", *arguments) == (2, "", f"idjag: keys {arguments[0]}: not built\n")
