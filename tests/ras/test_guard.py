"""The resource server's side: which tokens open the API, and what a refusal says (AT-03, RAS-49, MET-12)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from idjag.protocol.errors import Refused
from idjag.protocol.jose import KeySet, PrivateKey, jws
from idjag.ras import Guard
from idjag.ras.guard import Guarded
from tests.ras.world import API, CLIENT, FILES, NOW, RAS, World, body, grant, key

METADATA = "https://api.chat.example/.well-known/oauth-protected-resource"


def guard(**changes: Any) -> Guard:
    usual: dict[str, Any] = {
        "issuer": RAS,
        "resource": API,
        "keys": KeySet([key("ras").public]),
        "scopes": ("chat.read",),
        "clock": lambda: NOW,
    }
    return Guard(**(usual | changes))


def access_token(signer: PrivateKey | None = None, /, typ: str = "at+jwt", **changes: Any) -> str:
    good: dict[str, Any] = {
        "iss": RAS,
        "sub": "u-alice",
        "aud": API,
        "client_id": CLIENT,
        "jti": "t-1",
        "iat": NOW,
        "exp": NOW + 900,
        "scope": "chat.read chat.history",
    }
    claims = {name: value for name, value in (good | changes).items() if value is not None}
    return jws.sign(claims, key=signer or key("ras"), typ=typ)


def bearer(token: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", b"Bearer " + token.encode())]


def test_a_token_of_our_server_opens_the_api(world: World) -> None:
    """AT-03: from the redemption to the API."""
    token = guard().check(bearer(body(world.post())["access_token"]))
    assert (token.sub, token.client_id, token.scopes) == ("u-alice", CLIENT, ("chat.read", "chat.history"))


def test_the_scheme_has_any_case_and_a_list_of_audiences_will_do() -> None:
    token = access_token(aud=[FILES, API])
    assert guard().check([(b"authorization", b"bearer " + token.encode())]).audiences == (FILES, API)


WRONG: list[tuple[str, Callable[[], str]]] = [
    ("an ID-JAG", lambda: grant(key("ras"), iss=RAS, aud=API)),
    ("typ JWT", lambda: access_token(typ="JWT")),
    ("another issuer", lambda: access_token(iss="https://evil.example")),
    ("another audience", lambda: access_token(aud=FILES)),
    ("no audience", lambda: access_token(aud=None)),
    ("an empty audience", lambda: access_token(aud=[])),
    ("another key", lambda: access_token(key("other"))),
    ("expired", lambda: access_token(exp=NOW - 60, iat=NOW - 900)),
    ("from the future", lambda: access_token(iat=NOW + 61)),
    ("bound to a key", lambda: access_token(cnf={"jkt": "x"})),
    ("no sub", lambda: access_token(sub=None)),
    ("nonsense", lambda: "nonsense"),
    ("too long", lambda: "x" * 20_000),
]


@pytest.mark.parametrize(("_why", "make"), WRONG, ids=[why for why, _ in WRONG])
def test_no_other_token_opens_it(_why: str, make: Callable[[], str]) -> None:
    """RAS-49, AT-03, DPOP-17, attack case 82."""
    checking = guard()
    with pytest.raises(Refused, match="token_invalid") as refusal:
        checking.check(bearer(make()))
    reply = checking.refusal(refusal.value)
    assert (reply.status, body(reply)["error"]) == (401, "invalid_token")
    assert dict(reply.headers)[b"www-authenticate"].decode() == (
        f'Bearer error="invalid_token", resource_metadata="{METADATA}", scope="chat.read"'
    )


def test_a_request_without_a_token_is_told_where_to_learn_more() -> None:
    """MET-12, RFC 6750 section 3.1: no error code for what was not sent."""
    checking = guard()
    with pytest.raises(Refused, match="token_missing") as refusal:
        checking.check([(b"host", b"api.chat.example")])
    challenge = dict(checking.refusal(refusal.value).headers)[b"www-authenticate"].decode()
    assert challenge == f'Bearer resource_metadata="{METADATA}", scope="chat.read"'


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"DPoP x.y.z")],
        [(b"authorization", b"Basic eDp5")],
        [(b"authorization", b"Bearer \xff")],
        [*bearer(access_token()), *bearer(access_token())],
    ],
    ids=["DPoP", "Basic", "not ASCII", "two"],
)
def test_only_one_bearer_token_is_read(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Refused, match="token_invalid"):
        guard().check(headers)


def test_a_missing_scope_is_another_refusal() -> None:
    """Contract section 7: 403 insufficient_scope; clients ask again for what is named."""
    checking = guard()
    headers = bearer(access_token())
    assert checking.check(headers, scopes=("chat.history",)).sub == "u-alice"
    with pytest.raises(Refused, match="scope_insufficient") as refusal:
        checking.check(headers, scopes=("chat.write",))
    reply = checking.refusal(refusal.value, scopes=("chat.write",))
    assert (reply.status, body(reply)["error"]) == (403, "insufficient_scope")
    assert b'error="insufficient_scope"' in dict(reply.headers)[b"www-authenticate"]
    assert b'scope="chat.read chat.write"' in dict(reply.headers)[b"www-authenticate"]


def test_keys_may_be_fetched_by_kid() -> None:
    """A resource server far from its RAS."""
    asked: list[str | None] = []

    def keys(kid: str | None) -> KeySet:
        asked.append(kid)
        if kid == "down":
            raise OSError("no route")
        return KeySet([key("ras").public])

    checking = guard(keys=keys)
    assert checking.check(bearer(access_token())).sub == "u-alice"
    assert asked == ["ras"]
    with pytest.raises(Refused, match="unavailable") as refusal:
        checking.check(bearer(access_token(key("down"))))
    assert checking.refusal(refusal.value).status == 503
    with pytest.raises(Refused, match="token_invalid"):
        checking.check(bearer("nonsense"))


async def _api(scope: Any, receive: Any, send: Any) -> None:
    text = scope["access_token"].sub.encode() if "access_token" in scope else b"open"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text})


def call(app: Any, headers: Any, kind: str = "http", query: bytes = b"") -> list[Any]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind, "headers": headers, "query_string": query, "path": "/"}
    asyncio.run(app(scope, receive, send))
    return sent


RAS_KEYS = KeySet([key("ras").public])


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
    assert call(app, [], query=b"access_token=" + access_token().encode())[0]["status"] == 401


def test_the_middleware_closes_websockets_without_a_token() -> None:
    app = Guarded(_api, guard())
    assert call(app, [], kind="websocket") == [{"type": "websocket.close", "code": 1008}]
    assert call(app, [], kind="lifespan")[1]["body"] == b"open"
