"""The RAS as a program of its own: its paths, and nothing that a host would have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from idjag.asgi import ASGIApp, Door, Receive, Scope, Send
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply, TokenRequest, json_reply, public_reply, refusal_reply
from idjag.protocol.jose import KeySet
from idjag.protocol.metadata import authorization_server_path, protected_resource_path
from idjag.ras.metadata import protected_resource
from idjag.ras.model import Resource
from idjag.ras.server import Ras, new_id

__all__ = ["standalone"]

Answer: TypeAlias = Callable[[TokenRequest], Awaitable[Reply]]

_RECEIPT_KEYS = "/receipt-keys"
_READ = frozenset({"GET", "HEAD"})
_PREFLIGHT = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-max-age", b"3600"),
)


def standalone(
    ras: Ras, *, trusted_proxies: Sequence[str] = (), receipt_keys: Callable[[], KeySet] | None = None
) -> ASGIApp:
    """The application; endpoints stand below the path of the issuer.

    Health needs no authentication and says nothing but yes or no (attack case 231).  ``receipt_keys``: what
    issuers verify receipts with, published apart from the keys of tokens; None when none are sent.
    """
    return _Paths(ras, lambda: _routes(ras, trusted_proxies, receipt_keys))


def _routes(
    ras: Ras, trusted_proxies: Sequence[str], receipt_keys: Callable[[], KeySet] | None
) -> dict[str, ASGIApp]:
    """The one table of paths, for the configuration as it is now."""
    base = urlsplit(ras.config.issuer).path.rstrip("/")
    well_known = authorization_server_path(ras.config.issuer)
    # no registered word; whoever registers this server at its issuers finds the address here
    more = {"receipt_jwks_uri": f"{ras.config.base}{_RECEIPT_KEYS}"} if receipt_keys else {}
    read = {
        well_known: _metadata(ras, more),
        # RFC 8414 inserts the path; some clients append it as OpenID Connect does
        f"{base}/.well-known/oauth-authorization-server": _metadata(ras, more),
        f"{base}/jwks": _keys(ras.signer.public),
        "/healthz": _health(lambda: True),
        "/readyz": _health(ras.ready),
    }
    if receipt_keys is not None:
        read[f"{base}{_RECEIPT_KEYS}"] = _keys(receipt_keys)
    for path, resources in _by_path(ras.config.resources).items():
        read.setdefault(path, _protected_resource(ras, resources))
    routes: dict[str, ASGIApp] = {path: Door(_only_read(answer)) for path, answer in read.items()}
    routes[f"{base}/token"] = ras.door(trusted_proxies=trusted_proxies)
    for endpoint in ras.endpoints:
        routes[f"{base}/{endpoint}"] = ras.door(endpoint, trusted_proxies=trusted_proxies)
    routes[f"{base}/authorize"] = Door(_no_authorize)
    return routes


class _Paths:
    """Dispatches by exact path; everything else is 404 in JSON.

    Another configuration may have other resources and endpoints: the table is then made anew (RAS-47).
    """

    def __init__(self, ras: Ras, make: Callable[[], dict[str, ASGIApp]]) -> None:
        self._ras = ras
        self._make = make
        self._made = (ras.config, make())
        self._nothing = Door(_not_found)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        await self._table().get(scope["path"], self._nothing)(scope, receive, send)

    def _table(self) -> dict[str, ASGIApp]:
        config, routes = self._made
        if config is not self._ras.config:
            config = self._ras.config
            routes = self._make()
            self._made = (config, routes)
        return routes


async def _lifespan(receive: Receive, send: Send) -> None:
    """What is open was opened before and is closed after; there is nothing to do here."""
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


def _metadata(ras: Ras, more: Mapping[str, object]) -> Answer:
    async def answer(request: TokenRequest) -> Reply:
        members = {**ras.metadata(endpoints=ras.endpoints), **more}
        return public_reply(members, if_none_match=request.header(b"if-none-match"))

    return answer


def _keys(public: Callable[[], KeySet]) -> Answer:
    async def answer(request: TokenRequest) -> Reply:
        keys = await asyncio.to_thread(public)  # may look into the database
        return public_reply(keys.to_dict(), if_none_match=request.header(b"if-none-match"))

    return answer


def _by_path(resources: Sequence[Resource]) -> dict[str, list[Resource]]:
    paths: dict[str, list[Resource]] = {}
    for resource in resources:
        paths.setdefault(protected_resource_path(resource.uri), []).append(resource)
    return paths


def _protected_resource(ras: Ras, resources: list[Resource]) -> Answer:
    """RFC 9728, for where the API and this server share an origin or a proxy."""

    async def answer(request: TokenRequest) -> Reply:
        host = (request.header(b"host") or b"").decode("latin-1").lower()
        meant = [each for each in resources if urlsplit(each.uri).netloc.lower() == host]
        if not meant and len(resources) == 1:
            meant = resources
        if not meant:
            return await _not_found(request)
        members = protected_resource(ras.config, meant[0])
        return public_reply(members, if_none_match=request.header(b"if-none-match"))

    return answer


def _health(ready: Callable[[], bool]) -> Answer:
    async def answer(_: TokenRequest) -> Reply:
        return json_reply({"status": "ok"}) if ready() else json_reply({"status": "down"}, status=503)

    return answer


def _only_read(answer: Answer) -> Answer:
    """GET and HEAD; OPTIONS for browsers that ask first, because they send a header of their own."""

    async def read(request: TokenRequest) -> Reply:
        if request.method in _READ:
            return await answer(request)
        if request.method == "OPTIONS":
            return Reply(204, _PREFLIGHT, b"")
        reply = json_reply({"error": "invalid_request", "error_description": "Use GET."}, status=405)
        return Reply(405, (*reply.headers, (b"allow", b"GET, HEAD, OPTIONS")), reply.body)

    return read


async def _no_authorize(_: TokenRequest) -> Reply:
    """MCP clients demand the endpoint in the metadata (interop fact 6); nothing is authorized here."""
    return refusal_reply(Refused(Reason.GRANT_NOT_ALLOWED), decision_id=new_id())


async def _not_found(_: TokenRequest) -> Reply:
    return json_reply({"error": "not_found"}, status=404)
