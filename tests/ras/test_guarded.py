"""The ASGI middleware around a Guard: HTTP and WebSocket, paths as they came, nonces on the way out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from idjag.ras.guard import Guarded
from idjag.ras.proofs import MemoryProofs
from tests.ras.api import RAS_KEYS, URL, access_token, bearer, bound_token, guard, proven
from tests.ras.world import NOW

DENIAL = "websocket.http.response"
SECRET = b"k" * 32


async def _api(scope: Any, _receive: Any, send: Any) -> None:
    text = scope["access_token"].sub.encode() if "access_token" in scope else b"open"
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": text})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
    await send({"type": "http.response.body", "body": text})


def call(app: Any, headers: Any, kind: str = "http", **scope: Any) -> list[Any]:
    """The messages that are sent; ``scope`` adds to that of a GET for /threads."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    usual: dict[str, Any] = {"type": kind, "headers": headers, "query_string": b"", "path": "/threads"}
    if kind == "http":
        usual["method"] = "GET"
    asyncio.run(app(usual | scope, receive, send))
    return sent


@pytest.mark.parametrize("keys", [RAS_KEYS, lambda _: RAS_KEYS], ids=["at hand", "fetched"])
def test_the_middleware_lets_good_tokens_through_and_nothing_else(keys: Any) -> None:
    """AT-03, over ASGI."""
    app = Guarded(_api, guard(keys=keys), scopes=("chat.history",))
    assert call(app, bearer(access_token()))[1]["body"] == b"u-alice"
    for headers, status in (([], 401), (bearer("x"), 401), (bearer(access_token(scope="chat.read")), 403)):
        start, _ = call(app, headers)
        assert start["status"] == status
        assert b"www-authenticate" in dict(start["headers"])


def test_a_token_in_the_url_is_not_read() -> None:
    """RFC 6750 section 2.3 is not for us: URLs end in logs."""
    app = Guarded(_api, guard())
    query = b"access_token=" + access_token().encode()
    assert call(app, [], query_string=query)[0]["status"] == 401


class Shared:
    """Proofs somewhere else: a port that may block."""

    def __init__(self) -> None:
        self.kept = MemoryProofs()

    def first_time(self, scope: str, jti: str, *, until: int, now: int) -> bool:
        return self.kept.first_time(scope, jti, until=until, now=now)


@pytest.mark.parametrize("proofs", [MemoryProofs(), Shared()], ids=["here", "elsewhere"])
def test_a_bound_token_opens_the_api_once_for_each_proof(proofs: Any) -> None:
    """DPOP-17, over ASGI; RFC 9449 section 11.1. A port of another kind is asked in a thread."""
    checking = guard(proofs=proofs)
    assert checking.blocking is isinstance(proofs, Shared)
    app = Guarded(_api, checking)
    headers = proven(bound_token())
    assert call(app, headers, query_string=b"page=2")[1]["body"] == b"u-alice"
    assert call(app, headers)[0]["status"] == 401
    assert call(app, proven(bound_token(), method="POST"), method="POST")[0]["status"] == 200
    assert call(app, proven(bound_token()), method="POST")[0]["status"] == 401


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ({"path": "/threads"}, "/threads"),
        ({"path": "/threads", "raw_path": b"/threads"}, "/threads"),
        ({"path": "/files/a b/\u00e9|c", "raw_path": None}, "/files/a%20b/%C3%A9%7Cc"),
        ({"path": "/a/b/c", "raw_path": b"/a%2Fb/c"}, "/a%2Fb/c"),
        ({"path": "/threads", "raw_path": b"/mounted/threads", "root_path": "/mounted"}, "/mounted/threads"),
    ],
    ids=["decoded", "both", "decoded, with others", "a slash that is none", "mounted"],
)
def test_the_path_is_the_one_that_was_sent(scope: dict[str, Any], path: str) -> None:
    """DPOP-17: RFC 9449 section 4.3; frameworks rewrite ``path``, not ``raw_path``."""
    app = Guarded(_api, guard())
    url = f"https://api.chat.example{path}"
    assert call(app, proven(bound_token(), url), **scope)[0]["status"] == 200
    assert call(app, proven(bound_token(), f"{url}/x"), **scope)[0]["status"] == 401


def test_a_proof_is_not_for_the_host_that_the_request_names() -> None:
    """Attack case 211: what Host and proxies say changes nothing."""
    app = Guarded(_api, guard())
    forged = [
        (b"host", b"evil.example"),
        (b"x-forwarded-host", b"evil.example"),
        (b"forwarded", b"host=evil.example"),
    ]
    elsewhere = proven(bound_token(), "https://evil.example/threads")
    assert call(app, [*elsewhere, *forged], server=("evil.example", 443))[0]["status"] == 401
    assert call(app, [*proven(bound_token()), *forged])[0]["status"] == 200


def test_the_middleware_closes_websockets_without_a_token() -> None:
    app = Guarded(_api, guard())
    assert call(app, [], kind="websocket") == [{"type": "websocket.close", "code": 1008}]
    assert call(app, bearer(access_token()), kind="websocket")[1]["bytes"] == b"u-alice"
    assert call(app, [], kind="lifespan")[1]["body"] == b"open"


def test_a_websocket_is_opened_by_a_proof_for_its_handshake() -> None:
    """DPOP-17: the handshake is a GET of the https URL (RFC 6455 section 4.1)."""
    app = Guarded(_api, guard())
    headers = proven(bound_token())
    assert call(app, headers, kind="websocket", raw_path=b"/threads")[1]["bytes"] == b"u-alice"
    assert call(app, headers, kind="websocket")[0] == {"type": "websocket.close", "code": 1008}
    other = proven(bound_token(), URL.replace("https", "wss"))
    assert call(app, other, kind="websocket")[0]["type"] == "websocket.close"


def test_a_websocket_client_reads_why_where_the_server_can_say_so() -> None:
    """MET-12: the ASGI extension for a denial; without it a client could never learn a nonce."""
    app = Guarded(_api, guard(nonce_key=SECRET))
    start, rest = call(app, proven(bound_token()), kind="websocket", extensions={DENIAL: {}})
    headers = dict(start["headers"])
    assert (start["type"], start["status"]) == (f"{DENIAL}.start", 401)
    assert headers[b"content-length"] == b"%d" % len(rest["body"])
    assert b"use_dpop_nonce" in headers[b"www-authenticate"]
    nonce = headers[b"dpop-nonce"].decode()
    accepted, _ = call(app, proven(bound_token(), nonce=nonce), kind="websocket", extensions={DENIAL: {}})
    assert accepted == {"type": "websocket.accept", "headers": [(b"dpop-nonce", nonce.encode())]}


def test_every_answer_carries_the_next_nonce_where_one_is_asked_for() -> None:
    """RFC 9449 section 8.2, so that a client rarely has to ask twice."""
    clock = [NOW]
    app = Guarded(_api, guard(nonce_key=SECRET, clock=lambda: clock[0]))
    first = dict(call(app, proven(bound_token()))[0]["headers"])[b"dpop-nonce"].decode()
    start, _ = call(app, proven(bound_token(), nonce=first))
    assert start["headers"] == [(b"x-own", b"1"), (b"dpop-nonce", first.encode())]
    clock[0] += 300
    start, _ = call(app, proven(bound_token(), now=clock[0], nonce=first))
    assert start["status"] == 200
    assert dict(start["headers"])[b"dpop-nonce"].decode() != first
    assert call(Guarded(_api, guard()), bearer(access_token()))[0]["headers"] == [(b"x-own", b"1")]
