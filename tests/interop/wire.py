"""Requests as foreign clients put them on the wire: exactly these parameters, in this order."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from idjag.demo.wire import Answer

__all__ = ["ask", "assert_refused", "encoded_basic", "post", "raw_basic"]

_FORM = "application/x-www-form-urlencoded"


def ask(
    method: str, url: str, *, headers: Mapping[str, str] | None = None, body: str | None = None
) -> Answer:
    """One request; headers of the answer have lower-case names."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path or "/", body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        known = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, known, response.read())
    finally:
        connection.close()


def post(
    url: str,
    form: Mapping[str, str | list[str]],
    *,
    basic: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """A token request; ``basic`` is the whole header, a list is one parameter several times."""
    sent = {"content-type": _FORM, **({"authorization": basic} if basic else {}), **(headers or {})}
    return ask("POST", url, headers=sent, body=urlencode(form, doseq=True))


def encoded_basic(client_id: str, secret: str) -> str:
    """As RFC 6749 section 2.3.1 has it: both parts form-encoded first."""
    return raw_basic(quote(client_id, safe=""), quote(secret, safe=""))


def raw_basic(client_id: str, secret: str) -> str:
    """As MCP's Inspector and Authlib do it: joined as they are."""
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def assert_refused(answer: Answer, error: str, *, status: int = 400) -> dict[str, Any]:
    """Fact 14: JSON that a client can show, never HTML, never a token; gives its members."""
    assert answer.headers["content-type"].partition(";")[0] == "application/json", answer.body
    members: dict[str, Any] = answer.json()
    assert (answer.status, members["error"]) == (status, error), members
    assert members["error_description"].endswith(f"(ref {members['decision_id']})")
    assert answer.headers["cache-control"] == "no-store"
    assert not {"access_token", "id_token", "refresh_token"} & members.keys()
    return members
