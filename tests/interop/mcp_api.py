"""Chat's APIs behind our guard: a real MCP server for each resource, and a path that needs another scope."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from mcp.server import MCPServer

from idjag.asgi import Door, router
from idjag.demo.wire import fetch
from idjag.protocol.http import Reply, TokenRequest, json_reply
from idjag.ras import Guard, KeySet
from idjag.ras.guard import Guarded
from idjag.ras.metadata import resource_metadata_url
from idjag.trust.fetch import PinnedFetcher
from idjag.trust.jwks import Jwks
from idjag.trust.outbound import OutboundAllow
from tests.interop.files import WANTS_NONCES, Target

__all__ = ["THREADS", "api", "fetched_keys", "mcp_server"]

THREADS = ["Release on Friday?", "Lunch"]


def fetched_keys() -> Jwks:
    """Keys of issuers on this machine, over HTTP."""
    return Jwks(PinnedFetcher(OutboundAllow.parse("", loopback=True), None))


def api(targets: Mapping[str, Target], *, mcp: str) -> Any:
    """``/{target}/mcp/threads`` and ``/history`` take that RAS's tokens; ``mcp`` is who has an MCP server.

    The API of an issuer with a path wants nonces in proofs, as its RAS does.
    """
    keys = fetched_keys()

    def guard(target: Target) -> Guard:
        def of_its_ras(kid: str | None) -> KeySet:
            return keys.keys(target.issuer, None, kid=kid)

        return Guard(
            issuer=target.issuer,
            resource=target.resource,
            keys=of_its_ras,
            scopes=("chat.read",),
            nonce_key=secrets.token_bytes(32) if target.id == WANTS_NONCES else None,
        )

    routes: dict[str, Any] = {}
    for name, target in targets.items():
        metadata = resource_metadata_url(target.resource)
        routes[urlsplit(metadata).path] = Door(_passed_on(metadata, target))
        routes[f"/{name}/mcp/threads"] = Guarded(Door(_threads), guard(target))
        routes[f"/{name}/mcp/history"] = Guarded(Door(_threads), guard(target), scopes=("chat.history",))
    return router(routes, otherwise=mcp_server(f"/{mcp}/mcp", guard(targets[mcp])))


def mcp_server(path: str, guard: Guard) -> Any:
    """An MCP server of the SDK, its requests checked by our guard and not by the SDK."""
    server = MCPServer("chat")

    @server.tool()
    def threads() -> list[str]:
        """Chat threads."""
        return THREADS

    app = server.streamable_http_app(streamable_http_path=path, stateless_http=True, json_response=True)
    return Guarded(app, guard)


def _passed_on(metadata: str, target: Target) -> Callable[[TokenRequest], Awaitable[Reply]]:
    """What the proxy before the API does with this path: the RAS has the document."""
    ras = urlsplit(target.issuer)
    there = urlsplit(metadata)._replace(scheme=ras.scheme, netloc=ras.netloc).geturl()

    async def answer(_: TokenRequest) -> Reply:
        return json_reply((await asyncio.to_thread(fetch, there)).json())

    return answer


async def _threads(_: TokenRequest) -> Reply:
    return json_reply({"threads": THREADS})
