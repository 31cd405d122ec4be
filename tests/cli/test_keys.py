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
        connection.exec_driver_sql(
            "INSERT INTO tenant (id, name, issuer, created) VALUES ('t1', 'default', 'https://a.example', 1)"
        )


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


def started(environ: dict[str, str]) -> list[dict[str, object]]:
    """A deployment with its first keys, as `keys list` shows them."""
    state = Path(environ["IDJAG_DATA_DIR"]).parent / "state.yaml"
    state.write_text("version: 1\n", "utf-8")
    assert idjag(environ, "apply", "-f", str(state))[0] == 0
    return listed(environ)


def listed(environ: dict[str, str]) -> list[dict[str, object]]:
    keys: list[dict[str, object]] = json.loads(idjag(environ, "keys", "list", "--json")[1])
    return keys


def test_a_rotation_publishes_the_next_key_and_says_when_it_signs(environ: dict[str, str]) -> None:
    """MET-09."""
    started(environ)
    code, out, err = idjag(environ, "keys", "rotate", "--alg", "ES256", "--in", "2h", "--json")

    (change,) = json.loads(out)["changes"]
    assert (code, err, change["alg"], change["status"], change["made"]) == (0, "", "ES256", "next", True)
    (planned,) = [key for key in listed(environ) if key["status"] == "next"]
    assert (planned["kid"], planned["activated"]) == (change["kid"], change["at"])
    again = idjag(environ, "keys", "rotate", "--alg", "ES256")
    assert (again[0], "planned before" in again[1]) == (1, True)


def test_an_emergency_rotation_signs_at_once(environ: dict[str, str]) -> None:
    before = started(environ)
    code, out, err = idjag(environ, "keys", "rotate", "--now")

    assert (code, err) == (0, "")
    after = listed(environ)
    assert {key["kid"] for key in after if key["status"] == "retiring"} == {key["kid"] for key in before}
    assert sorted(str(key["alg"]) for key in after if key["status"] == "active") == [
        "ES256",
        "Ed25519",
        "RS256",
    ]
    assert all(str(key["kid"]) in out for key in after)


def test_a_revoked_key_is_replaced_and_everything_is_in_the_audit_log(environ: dict[str, str]) -> None:
    """Attack case 205."""
    kid = next(str(key["kid"]) for key in started(environ) if key["alg"] == "ES256")
    code, out, _ = idjag(environ, "keys", "revoke", kid, "--reason", "seen in a chat")

    assert (code, f"ES256 key {kid} is revoked" in out) == (0, True)
    states = {key["status"] for key in listed(environ) if key["alg"] == "ES256"}
    assert states == {"revoked", "active"}
    events = [json.loads(line) for line in idjag(environ, "audit", "export")[1].splitlines()]
    (revoked,) = [event for event in events if event["event"] == "key.revoked"]
    assert (revoked["after"]["kid"], revoked["after"]["reason"]) == (kid, "seen in a chat")
    assert revoked["actor"]["kind"] == "operator"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("revoke", "no-such-kid", "--reason", "x"), "no living key", id="unknown kid"),
        pytest.param(("revoke", "kid", "--reason", "a\nb"), "--reason", id="a reason of two lines"),
        pytest.param(("rotate", "--in", "5m"), "at least 10m", id="sooner than caches forget"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    environ: dict[str, str], arguments: tuple[str, ...], message: str
) -> None:
    started(environ)
    code, out, err = idjag(environ, "keys", *arguments)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
