"""The resource server's side: checks the access tokens that reach an API (RFC 6750, 9068, 9449).

Tokens are read from the Authorization header and from nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import quote

from idjag.protocol import access_token, dpop_nonce, names
from idjag.protocol.access_token import AccessToken
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply, refusal_reply
from idjag.protocol.jose import JoseError, KeySet, jws
from idjag.protocol.scopes import join
from idjag.ras.binding import Binding, Presented, checked_base, origin
from idjag.ras.challenges import challenges, credentials
from idjag.ras.metadata import resource_metadata_url
from idjag.ras.proofs import MemoryProofs, Proofs
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
# pchar and the slash: what may stand in a path as it is (RFC 3986 section 3.3)
_SAFE = "/:@!$&'()*+,;=-._~"
_DENIAL = "websocket.http.response"
_PROOF = frozenset({Reason.DPOP_PROOF_INVALID, Reason.USE_DPOP_NONCE})


class Guard:
    """Checks tokens for one ``resource`` that ``issuer`` makes.

    ``keys`` is the signer's set, or a function of the kid where they are fetched.  ``scopes`` are
    required of every request.  ``resource_metadata`` is a URL; by default where RFC 9728 puts it.

    For tokens that are bound to a key (DPoP):
    ``base`` is what stands before the path of a request in the URL that clients use: what a proof is
    for is never read from Host or from what proxies add.  By default the origin of ``resource``; name
    it where a proxy strips a prefix (``https://api.example/chat``) or the resource is no URL.
    ``key_bound`` refuses all other tokens.  ``proofs`` remembers which were used: by default this process
    does, so that an API in several of them needs another (``idjag.ras.proofs``).
    ``nonce_key``, 32 secret octets, the same on every node: a proof must then carry a nonce of ours.
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
        base: str | None = None,
        key_bound: bool = False,
        proofs: Proofs | None = None,
        nonce_key: bytes | None = None,
    ) -> None:
        self._issuer = issuer
        self._resource = resource
        self._keys = keys
        self._scopes = scopes
        self._clock = clock
        self._skew = skew
        self._metadata = resource_metadata or resource_metadata_url(resource)
        self._binding = Binding(
            resource=resource,
            base=origin(resource) if base is None else checked_base(base),
            key_bound=key_bound,
            proofs=MemoryProofs() if proofs is None else proofs,
            nonce_key=nonce_key,
        )
        self.nonce_headers()  # a key that is too short fails at the start

    def check(self, headers: Headers, *, method: str, path: str, scopes: tuple[str, ...] = ()) -> AccessToken:
        """The token of a request; its ``jkt`` says whether a key was proven.

        ``path`` is the one of the request line, percent-encoded, a query changes nothing.  ``scopes`` are
        required beside those of the guard.
        Raises Refused TOKEN_MISSING, TOKEN_INVALID, DPOP_PROOF_INVALID, USE_DPOP_NONCE,
        SCOPE_INSUFFICIENT, UNAVAILABLE.
        """
        presented = _presented(tuple(headers), method=method, path=path)
        try:
            return self._checked(presented, {*self._scopes, *scopes}, now=self._clock())
        except Refused as refused:
            refused.fact.setdefault("scheme", presented.scheme)  # refusal() answers in the one that was used
            raise

    def refusal(self, refused: Refused, *, scopes: tuple[str, ...] = ()) -> Reply:
        """The answer to a refused request (RFC 6750 section 3, RFC 9449 section 7.1, MET-12)."""
        reply = refusal_reply(refused, decision_id=new_id())
        # at a token endpoint these two are 400; here they are challenges like any other
        status = 401 if refused.reason in _PROOF else reply.status
        if status not in (401, 403):
            return reply
        required = (*self._scopes, *scopes)
        values = challenges(refused, schemes=self._binding.schemes, metadata=self._metadata, scopes=required)
        challenged = ((b"www-authenticate", value) for value in values)
        return Reply(status, (*reply.headers, *challenged, *self.nonce_headers()), reply.body)

    def nonce_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What every answer of an API with ``nonce_key`` should carry: the nonce for the next proof."""
        nonce = self._binding.nonce(now=self._clock())
        return () if nonce is None else ((dpop_nonce.HEADER, nonce.encode()),)

    @property
    def blocking(self) -> bool:
        """Whether ``check`` may wait for the network."""
        return not isinstance(self._keys, KeySet) or not isinstance(self._binding.proofs, MemoryProofs)

    def _checked(self, presented: Presented, scopes: set[str], *, now: int) -> AccessToken:
        token = access_token.accept(
            presented.token,
            keys=self._key_set(presented.token),
            issuer=self._issuer,
            resource=self._resource,
            now=now,
            skew=self._skew,
        )
        proof = self._binding.proven(presented, token, now=now)
        missing = scopes - set(token.scopes)
        if missing:
            raise Refused(Reason.SCOPE_INSUFFICIENT, missing=join(sorted(missing)))
        if proof is not None:
            self._binding.use_up(proof, now=now)
        return token

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
            raise Refused(Reason.UNAVAILABLE, port="keys", error=type(failed).__name__) from failed


class Guarded:
    """ASGI middleware: only requests with a good token reach ``app``, over HTTP and WebSocket.

    The token is in the scope as ``access_token``; an API asks it for what a path needs beyond ``scopes``.
    The handshake of a WebSocket is a GET: a proof for it names the https URL.
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
            scope["access_token"] = await self._token(scope)
        except Refused as refused:
            await self._refuse(refused, scope, send)
            return
        await self._app(scope, receive, _with(self._guard.nonce_headers(), send))

    async def _token(self, scope: Message) -> AccessToken:
        headers, method, path = scope["headers"], scope.get("method", "GET"), _path(scope)
        check = self._guard.check
        if self._guard.blocking:
            return await asyncio.to_thread(check, headers, method=method, path=path, scopes=self._scopes)
        return check(headers, method=method, path=path, scopes=self._scopes)

    async def _refuse(self, refused: Refused, scope: Message, send: Send) -> None:
        if scope["type"] == "websocket" and _DENIAL not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
        kind = "http.response" if scope["type"] == "http" else _DENIAL
        reply = self._guard.refusal(refused, scopes=self._scopes)
        headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
        await send({"type": f"{kind}.start", "status": reply.status, "headers": headers})
        await send({"type": f"{kind}.body", "body": reply.body})


def _presented(headers: tuple[tuple[bytes, bytes], ...], *, method: str, path: str) -> Presented:
    scheme, token = credentials(headers)
    return Presented(scheme, token, method, path, headers)


def _path(scope: Message) -> str:
    """The path as it came: the decoded one no longer says which of its slashes were ``%2F``."""
    raw = scope.get("raw_path")
    return quote(scope["path"], safe=_SAFE) if raw is None else bytes(raw).decode("latin-1")


def _with(headers: tuple[tuple[bytes, bytes], ...], send: Send) -> Send:
    """A ``send`` that adds these headers to the answer."""
    if not headers:
        return send

    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept", f"{_DENIAL}.start"):
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return sending
