"""From an empty folder to an issued and redeemed ID-JAG, with two files and the commands alone."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from idjag.demo.wire import fetch
from idjag.protocol.jose import jws
from tests.processes.acme import Acme, acme_in
from tests.processes.program import Finished


@dataclass(frozen=True, slots=True)
class Story:
    """What one run of the whole thread left behind; both servers have ended."""

    acme: Acme
    applied: Finished
    id_jag: str = field(repr=False)
    access_token: str = field(repr=False)
    replayed: Mapping[str, Any]
    jwks: bytes


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Apply, serve, sign in, exchange, redeem; then stop, which demands clean logs and exit codes."""
    acme = acme_in(tmp_path_factory.mktemp("acme"))
    assert not (acme.folder / "idp").exists()
    applied = acme.command("apply", "-f", "acme.yaml")
    assert applied.code == 0, applied.err
    with acme.serve(), acme.serve_ras():
        id_jag = acme.exchange(acme.sign_in())
        access_token = acme.redeem(id_jag)
        replayed = acme.wiki.redeem(id_jag).json()
        jwks = fetch(f"{acme.idp}/jwks").body
    return Story(acme, applied, id_jag, access_token, replayed, jwks)


def claims_of(token: str) -> Mapping[str, Any]:
    return jws.parse(token, max_bytes=16_384).claims


def audit_of(acme: Acme) -> list[dict[str, Any]]:
    done = acme.command("audit", "export")
    assert (done.code, done.err) == (0, "")
    *lines, receipt = done.out.splitlines()
    assert acme.secrets.found_in("\n".join(lines)) == []  # the receipt is a JWS, and no token
    assert "receipt" in json.loads(receipt)
    return [json.loads(line) for line in done.out.splitlines()]


def test_what_is_issued_names_the_audience_the_person_and_the_client(story: Story) -> None:
    """Draft section 3.1; RAS-48: the access token is the RAS's own."""
    grant, token = claims_of(story.id_jag), claims_of(story.access_token)
    assert (grant["iss"], grant["aud"]) == (story.acme.idp, story.acme.chat)
    assert (grant["client_id"], grant["scope"]) == ("wiki-at-chat", "chat.read")
    assert (token["iss"], token["sub"], token["aud"]) == (
        story.acme.chat,
        "u-alice",
        f"{story.acme.chat}/api/",
    )
    assert story.replayed["error"] == "invalid_grant"


def test_the_audit_log_has_the_jti_that_was_issued_and_no_secret(story: Story) -> None:
    """Contract section 9: exactly one event for what was issued; never a token, secret or code."""
    grant = claims_of(story.id_jag)
    issued = [event for event in audit_of(story.acme) if event["event"] == "id_jag.issued"]
    assert [(event["jti"], event["audience"]) for event in issued] == [(grant["jti"], grant["aud"])]
    assert issued[0]["scopes_granted"] == ["chat.read"]


def test_the_audit_log_verifies_until_a_row_is_changed(story: Story, tmp_path: Path) -> None:
    """Architecture section 4: an edit shows in `idjag audit verify`, with exit code 1."""
    verified = story.acme.command("audit", "verify")
    assert (verified.code, verified.out, verified.err) == (0, "verified\n", "")
    original, copy = story.acme.folder / "idp", tmp_path / "idp"
    copy.mkdir(mode=0o700)
    with closing(sqlite3.connect(original / "idjag.db")) as there, closing(_new(copy)) as here:
        there.backup(here)
        changed = here.execute("UPDATE audit SET event = replace(event, 'issued', 'denied')")
        assert changed.rowcount >= 1
        here.commit()
    edited = story.acme.command(
        "audit", "verify", IDJAG_DATA_DIR=str(copy), IDJAG_KEK_FILE=str(original / "kek")
    )
    assert edited.code == 1
    assert edited.out.startswith("broken at row ")


def _new(folder: Path) -> sqlite3.Connection:
    path = folder / "idjag.db"
    path.touch(mode=0o600)
    return sqlite3.connect(path)


def test_inspect_explains_and_verifies_what_was_issued(story: Story, tmp_path: Path) -> None:
    """Contract section 2: offline; 0 for a right signature, 1 for a wrong one, 2 for a wrong file."""
    keys = tmp_path / "jwks.json"
    keys.write_bytes(story.jwks)
    right = story.acme.command("inspect", "-", "--jwks", str(keys), stdin=story.id_jag)
    assert right.code == 0
    assert "This is an ID-JAG" in right.out
    assert "The signature is right." in right.out
    signature = story.id_jag.rpartition(".")[2]
    assert signature not in right.out
    foreign = story.acme.command("inspect", "-", "--jwks", str(keys), stdin=story.access_token)
    assert foreign.code == 1
    as_json = story.acme.command("inspect", "-", "--json", stdin=story.id_jag)
    assert json.loads(as_json.out)["claims"] == claims_of(story.id_jag)


def test_the_plan_shows_no_secret_and_a_second_apply_changes_nothing(story: Story) -> None:
    """Contract section 4: `apply` prints the plan, never a secret; a second one says `no changes`."""
    assert "+ user alice" in story.applied.out
    assert story.acme.secrets.found_in(story.applied.out) == []
    again = story.acme.command("apply", "-f", "acme.yaml")
    assert (again.code, again.err) == (0, "")
    assert "no changes" in again.out


def test_no_secret_rests_in_clear_in_any_file(story: Story) -> None:
    """Architecture section 7; attack cases on secrets at rest: databases and their journals included."""
    searched = []
    for path in story.acme.folder.rglob("*"):
        if path.is_file() and path.name != "bob.password":  # that one is where the person put it
            searched.append(path.name)
            assert story.acme.secrets.found_in(path.read_bytes().decode("latin-1")) == [], path
    assert {"acme.yaml", "ras.yaml", "idjag.db", "ras.db"} <= set(searched)


def test_what_the_servers_made_is_for_their_owner_alone(story: Story) -> None:
    """Architecture section 7: keys and databases are private, whatever the umask."""
    idp, folder = story.acme.folder / "idp", story.acme.folder
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (idp / "kek", folder / "ras.db.kek", idp / "idjag.db", folder / "ras.db")
    }
    assert modes == dict.fromkeys(modes, 0o600)
    assert stat.S_IMODE(idp.stat().st_mode) == 0o700
