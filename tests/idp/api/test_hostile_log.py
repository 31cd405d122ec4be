"""What the audit log keeps of callers of the API: nothing to guess secrets by, nor to move a terminal."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.idp.api.bureau import Bureau
from tests.idp.grants.acme import app

PASSWORD = "correct horse 4711"
SECRET = "winter-2026-winter-2026-winter-2026"


def guessed(office: Bureau, *documents: object) -> list[object]:
    """The documents whose digest somebody who reads the log would find there."""
    log = json.dumps(office.acme.events())
    return [
        one
        for one in documents
        for text in (one if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False).encode(),)
        if hashlib.sha256(text).hexdigest() in log
    ]


def test_nobody_who_reads_the_log_can_try_passwords_on_it(office: Bureau) -> None:
    """Attack case 199: a quick hash of what holds a password gives it away to whoever tries all of them."""
    user = {"username": "mallory", "password": PASSWORD}
    assert office("owner", "PUT", "/users/mallory", json=user).status_code == 200
    made = {**app("fresh"), "auth": {"method": "client_secret", "secret": SECRET}}
    assert office("owner", "PUT", "/apps/fresh", json=made).status_code == 200
    second = json.dumps({"version": 1, "users": [{"username": "peggy", "password": PASSWORD}]}).encode()
    assert office("owner", "POST", "/state", content=second).status_code == 200
    plain = b'{"version": 1, "groups": [{"name": "engineering"}, {"name": "sales"}, {"name": "more"}]}'
    assert office("owner", "POST", "/state", content=plain).status_code == 200

    said = [{"version": 1, "users": [user]}, {"version": 1, "apps": [made]}, second]
    assert guessed(office, *said) == []
    assert guessed(office, plain) == [plain]


@pytest.mark.parametrize("role", [None, "viewer"])
def test_what_a_caller_calls_itself_moves_no_terminal(office: Bureau, role: str | None) -> None:
    """Attack case 198: ESC, the C1 control CSI, NEL, and a byte order mark, by strangers and by viewers."""
    agent = b"\x1b[2J\x9b31m\x85\xef\xbb\xbf curl"
    path = "/tokens/%1b%5b2J%C2%9B31m%E2%80%A8x"
    headers = {"user-agent": agent}
    status = 403 if role else 401
    assert office(role, "DELETE", path, headers=headers).status_code == status
    assert office("owner", "GET", "/me").status_code == 200  # behind it: nobody waits for that record
    (event,) = [one for one in office.acme.events() if one["event"].startswith(("admin.ref", "refused."))]
    assert event["user_agent"].endswith(" curl")
    assert event["user_agent"].isprintable()
    query = {"event": event["event"]}
    for kind, lines in (("csv", 2), ("ndjson", 1)):
        file = office("auditor", "GET", "/audit/export", params={**query, "file": kind}).text
        assert len(file.splitlines()) == lines
        assert all(line.isprintable() for line in file.splitlines())


CANARY = "canary-of-a-secret"
WRONG: list[tuple[str, object]] = [
    ("/users/x", {"username": "x", "password": [CANARY]}),
    ("/users/x", {"username": "x", "passwort": CANARY}),
    ("/users/x", {"username": "x", "password": f"{CANARY}\0"}),
    ("/users/x", {"username": "x", "password": f"hash:{CANARY}"}),
    ("/users/x", {"username": "x", "password": f"file:/{CANARY}"}),
    ("/users/x", {"username": CANARY, "password": CANARY}),
    ("/apps/x", {**app("x"), "auth": CANARY}),
    ("/apps/x", {**app("x"), "secret": CANARY}),
    ("/apps/x", {**app("x"), "auth": {"method": CANARY, "secret": CANARY}}),
    ("/apps/x", {**app("x"), "auth": {"method": "none", "secret": CANARY}}),
    ("/apps/x", {**app("x"), "auth": {"method": "client_secret", "secret": f"é{CANARY}"}}),
    ("/apps/x", {**app("x"), "auth": {"method": "private_key_jwt", "jwks": {"keys": [{"k": CANARY}]}}}),
]


def test_a_refusal_repeats_nothing_that_may_be_secret(
    office: Bureau, caplog: pytest.LogCaptureFixture
) -> None:
    """Attack case 199: in right and in wrong fields; neither the answer, nor the logs."""
    caplog.set_level("DEBUG")
    for path, body in WRONG:
        answer = office("owner", "PUT", path, json=body)
        assert (answer.status_code, CANARY in answer.text) == (400, False), (body, answer.text)
    for text in (f"users: {CANARY}\n", CANARY, f"version: {CANARY}\n", f"a: {CANARY}: b\n"):
        answer = office("owner", "POST", "/state", content=text.encode())
        assert (answer.status_code, CANARY in answer.text) == (400, False), answer.text
    assert CANARY not in json.dumps(office.acme.events())
    assert CANARY not in caplog.text
    assert office("owner", "PUT", "/users/x", json={"username": "x"}).status_code == 200
