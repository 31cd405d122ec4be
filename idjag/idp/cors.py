"""CORS of the endpoints that pages call: for the pages of registered single-page apps, and nobody else's.

Metadata and keys are for everybody (discovery.py); pages and cookies for no other origin at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from idjag.idp.fresh import fresh_snapshots
from idjag.idp.services import Services
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Unavailable
from idjag.protocol.http import Reply, TokenRequest

__all__ = ["ForSinglePageApps"]

_VARY = (b"vary", b"Origin")
_PREFLIGHT = (
    (b"access-control-allow-headers", b"authorization, content-type, dpop"),
    (b"access-control-max-age", b"600"),
    (b"cache-control", b"no-store"),
)


class ForSinglePageApps:
    """Answers preflights and names the origin, when a redirect URI of a single-page app has that origin."""

    def __init__(
        self,
        services: Services,
        answer: Callable[[TokenRequest], Awaitable[Reply]],
        *,
        methods: bytes = b"POST",
    ) -> None:
        self._services = services
        self._methods = (b"access-control-allow-methods", methods)
        self._answer = answer
        self._fresh = fresh_snapshots(services)
        self._known: tuple[Snapshot, frozenset[bytes]] | None = None

    async def __call__(self, request: TokenRequest) -> Reply:
        """One request; credentials in cookies are never allowed along."""
        origin = next((value for name, value in request.headers if name == b"origin"), None)
        if origin is None or not await self._allowed(origin):
            return await self._answer(request)
        allowed = ((b"access-control-allow-origin", origin), _VARY)
        if request.method == "OPTIONS":
            return Reply(204, (self._methods, *_PREFLIGHT, *allowed), b"")
        reply = await self._answer(request)
        exposed = (b"access-control-expose-headers", b"dpop-nonce, www-authenticate, x-decision-id")
        return Reply(reply.status, (*reply.headers, *allowed, exposed), reply.body)

    async def _allowed(self, origin: bytes) -> bool:
        if origin in self._origins(self._services.snapshot):
            return True
        # our policy facts may be behind those of another process: look again before refusing
        try:
            return origin in self._origins(await self._fresh.look())
        except Unavailable:
            return False  # what is wrong the endpoint itself says, to whoever may read it

    def _origins(self, snapshot: Snapshot) -> frozenset[bytes]:
        """Worked out once per snapshot; whether the app is still there is decided with the grant."""
        if self._known is None or self._known[0] is not snapshot:
            pages = [client for client in snapshot.clients.values() if client.app.kind == "spa"]
            origins = {origin for client in pages for origin in client.origins}
            self._known = (snapshot, frozenset(origin.encode() for origin in origins))
        return self._known[1]
