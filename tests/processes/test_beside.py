"""Commands beside a running server: what an administrator changes holds for the very next request."""

from __future__ import annotations

import json

from idjag.demo.wire import Answer, Browser
from tests.processes.acme import Acme


def denied(answer: Answer) -> tuple[int, object]:
    members = answer.json()
    assert "access_token" not in members
    return answer.status, members["error"]


def test_what_is_applied_holds_for_the_next_request(acme: Acme) -> None:
    """Contract section 4, architecture section 4: no polling bound, and no restart."""
    acme.apply()
    with acme.serve():
        id_token = acme.sign_in()
        acme.exchange(id_token)
        acme.apply(connection="paused")
        assert denied(acme.wiki.exchange(id_token)) == (400, "access_denied")
        acme.apply()
        acme.exchange(id_token)
        acme.apply(alice="disabled")
        assert denied(acme.wiki.exchange(id_token)) == (400, "invalid_grant")
        acme.apply()
        # enabled again: a session that was ended is not revived (architecture section 4)
        assert denied(acme.wiki.exchange(id_token)) == (400, "invalid_grant")
        acme.exchange(acme.sign_in())
        verified = acme.here("audit", "verify")
        assert (verified.code, verified.out) == (0, "verified\n")
    events = [json.loads(line)["event"] for line in acme.here("audit", "export").out.splitlines()]
    story = [event for event in events if event.startswith("id_jag.") or event == "state.applied"]
    assert story == [
        *("state.applied", "id_jag.issued"),
        *("state.applied", "id_jag.denied"),
        *("state.applied", "id_jag.issued"),
        *("state.applied", "id_jag.denied"),
        *("state.applied", "id_jag.denied", "id_jag.issued"),
    ]


def test_a_file_whose_own_tests_fail_and_a_dry_run_change_nothing(acme: Acme) -> None:
    """Contract section 4: all or nothing; contract section 2: exit code 1."""
    acme.apply()
    with acme.serve():
        id_token = acme.sign_in()
        acme.write_state(connection="paused", bob="allow")
        refused = acme.command("apply", "-f", "acme.yaml")
        assert (refused.code, refused.out) == (1, "")
        assert "sales do not read chat" in refused.err
        acme.write_state(connection="paused")
        looked = acme.here("apply", "-f", str(acme.folder / "acme.yaml"), "--dry-run")
        assert (looked.code, looked.err) == (0, "")
        assert "dry run: nothing was changed" in looked.out
        acme.exchange(id_token)


def test_a_wrong_password_signs_nobody_in(acme: Acme) -> None:
    """Beside it the right one, in the same browser."""
    acme.apply()
    with acme.serve():
        browser, pending = Browser(), acme.wiki.begin()
        url, page = browser.get(pending.url)
        for username in ("alice", "nobody"):
            typed = {"username": username, "password": "not hers"}
            url, page = browser.submit(url, page, typed=typed, until=acme.wiki.redirect_uri)
            assert (url.startswith(acme.idp), page.status) == (True, 403)
        typed = {"username": "alice", "password": acme.password("alice")}
        url, _ = browser.submit(url, page, typed=typed, until=acme.wiki.redirect_uri)
        assert url.startswith(acme.wiki.redirect_uri)
