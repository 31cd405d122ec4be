"""One question by every door: the page Ask, the API, the command with `--server`; and a real exchange."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from idjag import cli
from idjag.idp.administration import tokens
from idjag.idp.administration.roles import Role
from idjag.idp.holds import Kind, find, place
from tests import plain_http
from tests.idp.console.desk import Administrator
from tests.idp.me.person import Person, administer, policy
from tests.idp.signin.site import Site

ROOT = {"kind": "operator", "id": "0@host"}
# 15 January 2027 08:00 UTC, a Friday: what the clock of the site says
OPEN = {"tz": "UTC", "days": ["fri"], "from": "07:00", "to": "09:00"}
SHUT = {"tz": "UTC", "days": ["fri"], "from": "09:00", "to": "17:00"}


def rule(**said: Any) -> Callable[[Site], None]:
    return lambda site: administer(site, policy(**said))


def hold(kind: Kind, key: str, app: str | None = None, *, lasts: int | None = None) -> Callable[[Site], None]:
    def held(site: Site) -> None:
        until = None if lasts is None else site.clock.now + lasts
        target = find(site.services, kind, key, app=app)
        place(site.services, target, actor=ROOT, reason="a test", until=until)

    return held


def guardrail(**said: Any) -> Callable[[Site], None]:
    one = {"id": "never", "who": {"everyone": True}, "reason": "a test", **said}
    return lambda site: administer(site, {"version": 1, "guardrails": [one]})


CASES: dict[str, tuple[Callable[[Site], None], str | None]] = {
    "allowed": (lambda _site: None, None),
    "somebody else's rule": (rule(who={"users": ["bob"]}), "access_denied"),
    "another scope": (rule(scopes=["chat.history"]), "invalid_scope"),
    "a stronger sign-in": (rule(conditions={"amr": ["mfa"]}), "insufficient_user_authentication"),
    "a fresher sign-in": (rule(conditions={"max_auth_age": "30s"}), "insufficient_user_authentication"),
    "a fresh one": (rule(conditions={"max_auth_age": "10m"}), None),
    "within hours": (rule(conditions={"hours": OPEN}), None),
    "beyond hours": (rule(conditions={"hours": SHUT}), "access_denied"),
    "a bound key": (rule(conditions={"key_bound": True}), "access_denied"),
    "a guardrail on all": (guardrail(), "access_denied"),
    "a guardrail on the scope": (guardrail(scopes=["chat.read"]), "invalid_scope"),
    "a guardrail on another": (guardrail(scopes=["chat.write"]), None),
    "the person held": (hold("user", "alice"), "access_denied"),
    "the person held here": (hold("user", "alice", "wiki"), "access_denied"),
    "the person held elsewhere": (hold("user", "alice", "notes"), None),
    "the app held": (hold("app", "wiki"), "access_denied"),
    "the connection held": (hold("connection", "wiki-chat"), "access_denied"),
    "the resource app held": (hold("resource-app", "chat"), "access_denied"),
    "a hold that is over": (hold("connection", "wiki-chat", lasts=30), None),
}
AGE = 60  # seconds since the sign-in when everybody asks


QUICK = ("allowed", "a stronger sign-in", "beyond hours", "a guardrail on all", "a hold that is over")


@pytest.mark.parametrize(
    "case", [pytest.param(one, marks=() if one in QUICK else pytest.mark.soak) for one in CASES]
)
def test_every_door_says_what_the_token_endpoint_does(site: Site, tmp_path: Path, case: str) -> None:
    """Attack case 78, ADM-01: step-up, holds of each kind, guardrails and clocks, asked of all at once."""
    change, error = CASES[case]
    with Administrator(site, Role.VIEWER, "bob") as bob, Person(site, "alice") as alice:
        code = parse_qs(urlsplit(alice.ask().headers["location"]).query)["code"][0]
        id_token = alice.redeem(code).json()["id_token"]
        change(site)
        site.clock.now += AGE
        exchanged = alice.exchange(id_token).json()
        assert exchanged.get("error") == error
        claims = {"acr": "urn:idjag:acr:pwd", "amr": ["pwd"], "auth_age": f"{AGE}s", "address": "127.0.0.1"}
        asked = {"user": "alice", "from": "wiki", "to": "chat", "scopes": ["chat.read"], **claims}
        value = tokens.create(site.services, name="ci", role=Role.VIEWER, lifetime=600, actor=ROOT).value

        answer = plain_http.post(
            f"{site.url}/admin/api/v1/ask", json=asked, headers={"authorization": f"Bearer {value}"}
        ).json()
        exit_code, printed = command(site, value, tmp_path)
        query = {**asked, "scopes": "chat.read", "amr": "pwd"}
        page = bob.get(f"/admin/ask?{urlencode(query)}")

    assert answer["error"] == error
    assert printed == answer
    assert (exit_code == 0) is (error is None)
    assert page.status_code == 200
    assert answer["headline"] in page.text.replace("&#39;", "'").replace("<bdi>", "").replace("</bdi>", "")
    if error == "insufficient_user_authentication":
        step_up = answer["step_up"]
        assert exchanged.get("max_age") == step_up["max_age"]
        assert (exchanged.get("acr_values") or "").split() == list(step_up["acr_values"] or ())
    if error is None:
        assert exchanged["scope"].split() == answer["scopes"]
        assert exchanged["expires_in"] == answer["lifetime"]


def command(site: Site, value: str, folder: Path) -> tuple[int, Any]:
    """`idjag ask --server ... --json`: its exit code and what it prints."""
    file = folder / "token"
    file.write_text(value)
    words = ["--server", site.url, "ask", "--user", "alice", "--from", "wiki", "--to", "chat", "--json"]
    words += ["--scope", "chat.read", "--acr", "urn:idjag:acr:pwd", "--amr", "pwd", "--ip", "127.0.0.1"]
    out, err = io.StringIO(), io.StringIO()
    words += ["--auth-age", f"{AGE}s"]
    code = cli.run(words, environ={"IDJAG_API_TOKEN_FILE": str(file)}, out=out, err=err)
    assert out.getvalue(), err.getvalue()
    return code, json.loads(out.getvalue())
