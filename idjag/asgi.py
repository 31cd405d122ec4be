"""The one bare ASGI door: bytes and header pairs in, Reply out; used by the IdP and the RAS alike.

It decides nothing about OAuth. It has no lifespan: whoever wires the program starts and stops things.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from threading import Lock
from typing import Any, TypeAlias

from idjag.forwarded import CertificateHeaders, Networks, believed, client_address, trusted_networks
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.http import Reply, TokenRequest, refusal_reply
from idjag.protocol.names import MAX_BODY

__all__ = [
    "ASGIApp",
    "CertificateHeaders",
    "Door",
    "Networks",
    "Receive",
    "Scope",
    "Send",
    "below",
    "client_address",
    "guarded",
    "later",
    "router",
    "trusted_networks",
]

Scope: TypeAlias = Any
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_SECONDS = 30.0
MAX_HEADERS = 100
MAX_HEAD = 32 * 1024
_ONCE = (b"host", b"authorization", b"content-type", b"content-length")  # DPoP: see protocol/http.py
_MAX_CAUSES = 5
_MAX_DISCARDED = 8 * 1024 * 1024
_DISCARD_SECONDS = 2.0
_NO_CERTIFICATES = CertificateHeaders()

_log = logging.getLogger(__name__)


class Door:
    """An ASGI application that answers with one function.

    ``trusted_proxies``: addresses and CIDRs whose X-Forwarded-For is believed, and ``certificate_headers``,
    which are taken off whatever anybody else sends.  ``known_host``: says of a
    Host header's value, in lower case, whether it is ours; without it every single one is. ``refused``
    is told of what the door itself turned away, with the decision id that the client saw.
    ``body_seconds`` is for the whole body.
    """

    def __init__(
        self,
        answer: Callable[[TokenRequest], Awaitable[Reply]],
        *,
        trusted_proxies: Sequence[str] = (),
        certificate_headers: CertificateHeaders = _NO_CERTIFICATES,
        known_host: Callable[[str], bool] | None = None,
        refused: Callable[[Refused, TokenRequest, str], None] | None = None,
        new_id: Callable[[], str] = lambda: secrets.token_urlsafe(16),
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._answer = answer
        self._trusted = trusted_networks(trusted_proxies)
        self._certificates = certificate_headers if certificate_headers.names else None
        self._once = (*_ONCE, *certificate_headers.names)
        self._known_host = known_host
        self._refused = refused
        self._new_id = new_id
        self._body_seconds = body_seconds

    def admits(self, scope: Scope) -> bool:
        """Whether the head of this request is one that the door does not turn away."""
        try:
            self._check_head(self._request(scope))
        except Refused:
            return False
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; a WebSocket is turned away."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            raise RuntimeError(f"this application has no {scope['type']}")
        request, incoming = self._request(scope), _Incoming(receive)
        try:
            reply = await self._reply(request, incoming)
            rest = incoming if reply.status == ANSWERS[Reason.TOO_LARGE].status else None
            await _send(send, reply, head=request.method == "HEAD", rest=rest)
        except _Disconnected:
            pass
        except OSError:  # what a server's send may raise once the client has gone
            _log.debug("client went away")

    def _request(self, scope: Scope) -> TokenRequest:
        """The request without its body."""
        headers = tuple((bytes(name).lower(), bytes(value)) for name, value in scope["headers"])
        peer, certificate = _peer(scope), None
        source = client_address(peer, headers, trusted=self._trusted)
        if self._certificates is not None:
            if believed(peer, trusted=self._trusted):
                certificate = self._certificates.told(headers)
            else:
                headers = self._certificates.without(headers)
        return TokenRequest(
            scope["method"], scope["query_string"], headers, source=source, certificate=certificate
        )

    async def _reply(self, head: TokenRequest, incoming: _Incoming) -> Reply:
        """The answer to a request, whatever happens; raises _Disconnected alone."""
        try:
            self._check_head(head)
            body = await self._body(head, incoming)
            request = TokenRequest(head.method, head.query, head.headers, body, head.source, head.certificate)
        except Refused as refused:
            return self._turned_away(refused, head)
        try:
            return await self._answer(request)
        except Refused as refused:
            return refusal_reply(refused, decision_id=self._new_id())
        except Exception as error:  # noqa: BLE001 - the last one who can still answer
            return self._fault(error)

    def _check_head(self, request: TokenRequest) -> None:
        """What no server in front of us refuses; raises Refused."""
        names = [name for name, _ in request.headers]
        size = len(b"".join(names)) + len(b"".join([value for _, value in request.headers]))
        if len(request.headers) > MAX_HEADERS or size + len(request.query) > MAX_HEAD:
            raise Refused(Reason.HEADERS_TOO_LARGE)
        for name in self._once:
            if names.count(name) > 1:
                raise Refused(Reason.DUPLICATE_HEADER, header=name.decode("ascii"))
        if b"content-length" in names and b"transfer-encoding" in names:
            # RFC 9112 section 6.1: a proxy in front may have believed the other one (attack case 213)
            raise Refused(Reason.LENGTH_AMBIGUOUS)
        if self._known_host is not None:
            host = request.header(b"host") or b""
            if not self._known_host(host.decode("latin-1").lower()):
                raise Refused(Reason.HOST_UNKNOWN, host=ascii(host))

    async def _body(self, request: TokenRequest, incoming: _Incoming) -> bytes:
        """The whole body, as far as it is not too long and comes in time; raises Refused."""
        declared = request.header(b"content-length") or b""
        if declared.isdigit() and (len(declared) > 18 or int(declared) > MAX_BODY):
            raise Refused(Reason.TOO_LARGE, limit=MAX_BODY)
        try:
            async with asyncio.timeout(self._body_seconds):
                return await incoming.read()
        except TimeoutError:
            raise Refused(Reason.BODY_TOO_SLOW, seconds=self._body_seconds) from None

    def _turned_away(self, refused: Refused, request: TokenRequest) -> Reply:
        """The answer of the door itself; the connection ends, since nobody reads the rest of the body."""
        decision_id = self._new_id()
        if self._refused is not None:
            try:
                self._refused(refused, request, decision_id)
            except Exception as error:  # noqa: BLE001 - who counts refusals must not change the answer
                self._log_fault(error, decision_id)
        reply = refusal_reply(refused, decision_id=decision_id)
        return Reply(reply.status, (*reply.headers, (b"connection", b"close")), reply.body)

    def _fault(self, error: Exception) -> Reply:
        """Say nothing about a programming error but where to look."""
        decision_id = self._new_id()
        self._log_fault(error, decision_id)
        return refusal_reply(Refused(Reason.FAULT), decision_id=decision_id)

    @staticmethod
    def _log_fault(error: Exception, decision_id: str) -> None:
        silent = _silent(error, left=_MAX_CAUSES)
        _log.exception(
            "unexpected %s ref=%s",
            type(error).__qualname__,
            decision_id,
            exc_info=(type(silent), silent, silent.__traceback__),
        )


class _Disconnected(Exception):
    """The client went away before its request was complete."""


class _Incoming:
    """The body of one request, as it comes."""

    __slots__ = ("_receive", "ended")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def read(self) -> bytes:
        """All of it; raises Refused TOO_LARGE as soon as that is clear, and _Disconnected."""
        chunks: list[bytes] = []
        size = 0
        while not self.ended:
            chunk = await self._next()
            size += len(chunk)
            if size > MAX_BODY:
                raise Refused(Reason.TOO_LARGE, limit=MAX_BODY)
            chunks.append(chunk)
        return b"".join(chunks)

    async def discard(self) -> None:
        """Let a client finish what it is sending: a connection closed under it would lose our answer."""
        left = _MAX_DISCARDED
        with contextlib.suppress(TimeoutError, _Disconnected):
            async with asyncio.timeout(_DISCARD_SECONDS):
                while left > 0 and not self.ended:
                    left -= len(await self._next())

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        self.ended = not message.get("more_body", False)
        return bytes(message.get("body", b""))


class _Fault(Exception):
    """Stands for an exception in the log: its text could quote the request, so only its kind is kept."""


async def _send(send: Send, reply: Reply, *, head: bool, rest: _Incoming | None) -> None:
    """Send the reply; while ``rest`` of a body is still coming, the connection stays open for a moment."""
    headers = list(reply.headers)
    if reply.status not in (204, 304):  # RFC 9110 section 8.6: these have no body to be measured
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if head else reply.body
    await send({"type": "http.response.body", "body": body, "more_body": rest is not None})
    if rest is not None:
        await rest.discard()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _silent(error: BaseException, *, left: int) -> _Fault:
    """The same traceback and the same causes, without a single value."""
    silent = _Fault(type(error).__qualname__).with_traceback(error.__traceback__)
    below = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if below is not None and left:
        silent.__cause__ = _silent(below, left=left - 1)
    return silent


def router(routes: Mapping[str, ASGIApp], otherwise: ASGIApp) -> ASGIApp:
    """An application that dispatches by the exact path; everything else goes to ``otherwise``.

    ASGI paths are percent-decoded already, so ``/%74oken`` is ``/token`` and gets the same application
    with the same checks. No other spelling is folded: ``//token``, ``/token/``, ``/TOKEN`` and
    ``/token;x`` are other paths. What is not HTTP (lifespan too) is for ``otherwise``.
    """
    table = dict(routes)

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        found = table.get(scope["path"]) if scope["type"] == "http" else None
        await (otherwise if found is None else found)(scope, receive, send)

    return dispatch


def below(prefix: str, app: ASGIApp, otherwise: ASGIApp) -> ASGIApp:
    """An application for ``prefix`` and every path below it; the rest is for ``otherwise``."""

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        inside = scope["type"] == "http" and (scope["path"] + "/").startswith(prefix + "/")
        await (app if inside else otherwise)(scope, receive, send)

    return dispatch


def later(make: Callable[[], ASGIApp]) -> ASGIApp:
    """An application that is made, in a thread, when somebody first asks for something of it.

    Whoever starts a server waits for what answers token requests, and not for pages.
    """
    made: list[ASGIApp] = []
    making = Lock()

    def ready() -> ASGIApp:
        with making:
            if not made:
                made.append(make())
        return made[0]

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        app = made[0] if made else await asyncio.to_thread(ready)
        await app(scope, receive, send)

    return dispatch


def guarded(app: ASGIApp, door: Door) -> ASGIApp:
    """An application behind a door: a request that the door would turn away is answered by the door."""

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        shut = scope["type"] == "http" and not door.admits(scope)
        await (door if shut else app)(scope, receive, send)

    return dispatch


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
