"""The resource server's side: checks the access tokens that reach an API (RFC 6750, RFC 9068 section 4).

Tokens are read from the Authorization header and from nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from idjag.protocol import access_token, names
from idjag.protocol.access_token import AccessToken
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply, refusal_reply
from idjag.protocol.jose import JoseError, KeySet, jws
from idjag.protocol.scopes import join
from idjag.ras.metadata import resource_metadata_url
from idjag.ras.server import new_id, system_clock

__all__ = ["Guard", "Guarded", "Headers", "KeysFor"]

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
"""Pairs with lower-case names, as ASGI has them."""

KeysFor: TypeAlias = Callable[[str | None], KeySet]
"""The issuer's keys for a kid; may block, may raise."""

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

_MAX_TOKEN = 16 * 1024


class Guard:
    """Checks tokens for one ``resource`` that ``issuer`` makes.

    ``keys`` is the signer's set, or a function of the kid where they are fetched.  ``scopes`` are
    required of every request.  ``resource_metadata`` is a URL; by default where RFC 9728 puts it.
    """

    def __init__(
        self,
        *,
        issuer: str,
        resource: str,
        keys: KeySet | KeysFor,
        scopes: tuple[str, ...] = (),
        clock: Callable[[], int] = system_clock,
        skew: int = names.SKEW,
        resource_metadata: str | None = None,
    ) -> None:
        self._issuer = issuer
        self._resource = resource
        self._keys = keys
        self._scopes = scopes
        self._clock = clock
        self._skew = skew
        self._metadata = resource_metadata or resource_metadata_url(resource)

    def check(self, headers: Headers, *, scopes: tuple[str, ...] = ()) -> AccessToken:
        """The token of a request; raises Refused TOKEN_MISSING, TOKEN_INVALID, SCOPE_INSUFFICIENT.

        ``scopes`` are required beside those of the guard.
        """
        text = _bearer(headers)
        token = access_token.accept(
            text,
            keys=self._key_set(text),
            issuer=self._issuer,
            resource=self._resource,
            now=self._clock(),
            skew=self._skew,
        )
        missing = {*self._scopes, *scopes} - set(token.scopes)
        if missing:
            raise Refused(Reason.SCOPE_INSUFFICIENT, missing=join(sorted(missing)))
        return token

    def refusal(self, refused: Refused, *, scopes: tuple[str, ...] = ()) -> Reply:
        """The answer to a refused request, with its challenge (RFC 6750 section 3, MET-12)."""
        reply = refusal_reply(refused, decision_id=new_id())
        if reply.status not in (401, 403):
            return reply
        parts = [f'resource_metadata="{self._metadata}"']
        if refused.reason is not Reason.TOKEN_MISSING:  # nothing was wrong with what was not sent
            error = "invalid_token" if reply.status == 401 else "insufficient_scope"
            parts.insert(0, f'error="{error}"')
        if required := dict.fromkeys((*self._scopes, *scopes)):
            parts.append(f'scope="{join(required)}"')
        challenge = f"Bearer {', '.join(parts)}".encode()
        return Reply(reply.status, (*reply.headers, (b"www-authenticate", challenge)), reply.body)

    def _key_set(self, token: str) -> KeySet:
        if isinstance(self._keys, KeySet):
            return self._keys
        try:
            kid = jws.parse(token, max_bytes=_MAX_TOKEN).kid
        except JoseError as wrong:
            raise Refused(Reason.TOKEN_INVALID, problem=wrong.code) from None
        try:
            return self._keys(kid)
        except Exception as failed:
            raise Refused(Reason.UNAVAILABLE, error=type(failed).__name__) from failed

    @property
    def blocking(self) -> bool:
        """Whether ``check`` may wait for the network."""
        return not isinstance(self._keys, KeySet)


class Guarded:
    """ASGI middleware: only requests with a good token reach ``app``.

    The token is in the scope as ``access_token``; an API asks it for what a path needs beyond ``scopes``.
    """

    def __init__(self, app: Application, guard: Guard, *, scopes: tuple[str, ...] = ()) -> None:
        self._app = app
        self._guard = guard
        self._scopes = scopes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            scope["access_token"] = await self._token(scope["headers"])
        except Refused as refused:
            await self._refuse(refused, scope, send)
            return
        await self._app(scope, receive, send)

    async def _token(self, headers: Headers) -> AccessToken:
        if self._guard.blocking:
            return await asyncio.to_thread(self._guard.check, headers, scopes=self._scopes)
        return self._guard.check(headers, scopes=self._scopes)

    async def _refuse(self, refused: Refused, scope: Message, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        reply = self._guard.refusal(refused, scopes=self._scopes)
        headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


def _bearer(headers: Headers) -> str:
    values = [value for name, value in headers if name == b"authorization"]
    if not values:
        raise Refused(Reason.TOKEN_MISSING)
    scheme, _, token = values[0].partition(b" ")
    if len(values) > 1 or scheme.lower() != b"bearer":
        raise Refused(Reason.TOKEN_INVALID, problem="not one bearer token")
    try:
        return token.strip(b" ").decode("ascii")
    except UnicodeDecodeError:
        raise Refused(Reason.TOKEN_INVALID, problem="encoding") from None
