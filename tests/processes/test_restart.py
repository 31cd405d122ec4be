"""What a restart keeps, and what stops a start."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from idjag.demo.wire import Browser, fetch
from idjag.protocol.jose import jws
from tests.processes.acme import Acme
from tests.processes.program import Finished, run


def key_set(issuer: str) -> dict[str, Any]:
    return fetch(f"{issuer}/jwks").json()


def assert_stopped(done: Finished, code: int, *words: str) -> None:
    """One line on standard error, what the server says first aside, with what to change."""
    said = [line for line in done.err.splitlines() if not line.startswith("idjag: serving ")]
    assert (done.code, done.out, len(said)) == (code, "", 1), done.err
    assert said[0].startswith("idjag: ")
    for word in words:
        assert word in said[0]


def test_a_restart_keeps_keys_and_sessions(acme: Acme) -> None:
    """A browser that was signed in stays so, and an ID token from before is still exchanged."""
    acme.apply()
    browser = Browser()
    with acme.serve():
        before, id_token = key_set(acme.idp), acme.sign_in(browser=browser)
    with acme.serve():
        assert key_set(acme.idp) == before
        pending = acme.wiki.begin()
        back, _ = browser.get(pending.url, until=acme.wiki.redirect_uri)
        assert back.startswith(acme.wiki.redirect_uri)  # no form in between
        stranger, form = Browser().get(pending.url, until=acme.wiki.redirect_uri)
        assert (stranger.startswith(acme.idp), b"password" in form.body) == (True, True)
        assert jws.parse(acme.exchange(id_token), max_bytes=16_384).kid in {
            key["kid"] for key in before["keys"]
        }


def test_a_restart_of_the_ras_keeps_keys_links_and_what_was_redeemed(acme: Acme) -> None:
    """RAS-19, RAS-20: a grant redeemed before the restart is a replay after it."""
    acme.apply()
    with acme.serve():
        id_token = acme.sign_in()
        used, fresh = acme.exchange(id_token), acme.exchange(id_token)
        with acme.serve_ras():
            before, first = key_set(acme.chat), acme.redeem(used)
        with acme.serve_ras():
            assert key_set(acme.chat) == before
            replay = acme.wiki.redeem(used)
            assert (replay.status, replay.json()["error"]) == (400, "invalid_grant")
            second = acme.redeem(fresh)
    subs = {jws.parse(token, max_bytes=16_384).claims["sub"] for token in (first, second)}
    assert subs == {"u-alice"}


def test_what_was_answered_outlives_a_kill(acme: Acme) -> None:
    """Architecture section 4: no token without its durable audit record."""
    acme.apply()
    with acme.serve() as server:
        id_jag = acme.exchange(acme.sign_in())
        server.kill()
    jti = jws.parse(id_jag, max_bytes=16_384).claims["jti"]
    exported = acme.here("audit", "export").out
    assert [json.loads(line)["jti"] for line in exported.splitlines() if "id_jag.issued" in line] == [jti]
    assert acme.here("audit", "verify").code == 0
    with acme.serve():
        acme.exchange(acme.sign_in())


@pytest.mark.soak
def test_another_kek_stops_the_start_and_the_right_one_starts_it(acme: Acme) -> None:
    """Architecture section 7: a wrong or missing KEK never makes new keys."""
    acme.apply()
    kek = acme.folder / "idp" / "kek"
    right = kek.read_text()
    kek.write_text(os.urandom(32).hex())
    assert_stopped(acme.command("serve"), 3, "not the key-encryption key of the database")
    assert acme.here("apply", "-f", str(acme.folder / "acme.yaml")).code == 3
    kek.unlink()
    assert_stopped(acme.command("serve"), 3, "does not exist: put the key-encryption key back")
    assert not kek.exists()
    kek.touch(mode=0o600)
    kek.write_text(right)
    with acme.serve():
        assert fetch(f"{acme.idp}/readyz").status == 200


@pytest.mark.soak
def test_another_kek_stops_the_start_of_the_ras(acme: Acme) -> None:
    """The same for `idjag ras serve`."""
    with acme.serve_ras():
        before = key_set(acme.chat)
    kek = acme.folder / "ras.db.kek"
    right = kek.read_text()
    kek.write_text(os.urandom(32).hex())
    serve = ("ras", "serve", "-f", "ras.yaml")
    done = run(*serve, environ=acme.ras_environ, folder=acme.folder, secrets=acme.secrets)
    assert_stopped(done, 3, "key-encryption key")
    kek.write_text(right)
    with acme.serve_ras():
        assert key_set(acme.chat) == before


WRONG_SETTINGS = [
    pytest.param({"IDJAG_ISSUER": "http://idp.acme.example"}, ["IDJAG_ISSUER", "https"], id="http issuer"),
    pytest.param({"IDJAG_PORTT": "1"}, ["IDJAG_PORTT", "IDJAG_PORT?"], id="a typing error"),
    pytest.param({"IDJAG_METRICS": ":9000"}, ["IDJAG_METRICS", "not built"], id="not built"),
    pytest.param(
        {"IDJAG_PORT": "none", "IDJAG_LOG_LEVEL": "loud"},
        ["IDJAG_PORT must be", "IDJAG_LOG_LEVEL must be"],
        id="two at once",
    ),
]


@pytest.mark.parametrize(("environ", "words"), WRONG_SETTINGS)
def test_wrong_settings_stop_the_start_with_one_line(
    acme: Acme, environ: dict[str, str], words: list[str]
) -> None:
    """Contract section 3: one message naming each; nothing is made."""
    assert_stopped(acme.command("serve", **environ), 2, *words)
    assert not (acme.folder / "idp").exists()
