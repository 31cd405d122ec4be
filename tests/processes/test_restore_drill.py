"""The restore drill, with real processes: a backup brings back the state, and no access that had ended."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from idjag.demo.wire import Browser
from tests.processes.acme import Acme


@pytest.mark.soak
def test_a_restore_brings_back_the_state_and_no_access(acme: Acme) -> None:
    """Promise P10: less than five minutes, and nothing that was given out before can be used again."""
    heads = acme.folder / "heads"
    checkpointing = {"IDJAG_AUDIT_CHECKPOINT": str(heads)}
    acme = replace(acme, environ={**acme.environ, **checkpointing})
    acme.apply()
    browser, copy = Browser(), acme.folder / "copy.db"
    with acme.serve():
        id_token = acme.sign_in(browser=browser)
        acme.exchange(id_token)
        assert acme.here("db", "backup", str(copy)).code == 0
        acme.apply(alice="disabled")  # what ends after the backup
        assert acme.wiki.exchange(id_token).status == 400

    began = time.monotonic()
    _replace(acme.folder / "idp" / "idjag.db", copy)
    refused = acme.command("serve")
    assert (refused.code, "idjag db after-restore" in refused.err) == (2, True)
    done = acme.here("db", "after-restore")
    assert (done.code, done.out.startswith("ended: 1 sessions, 1 families")) == (0, True), done.out
    with acme.serve():
        for token in (id_token,):
            answer = acme.wiki.exchange(token)
            assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")
        pending = acme.wiki.begin()
        back, form = browser.get(pending.url, until=acme.wiki.redirect_uri)
        assert (back.startswith(acme.idp), b"password" in form.body) == (
            True,
            True,
        )  # the cookie is worth nothing
        acme.exchange(acme.sign_in())  # positive control: whoever signs in again is served
    assert time.monotonic() - began < 300
    verified = acme.here("audit", "verify", "--checkpoint", str(heads))
    assert (verified.code, "lost by a restore" in verified.out) == (0, True), verified.out


def _replace(database: Path, copy: Path) -> None:
    for end in ("-wal", "-shm"):
        Path(f"{database}{end}").unlink(missing_ok=True)
    copy.replace(database)
