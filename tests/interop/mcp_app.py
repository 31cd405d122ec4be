"""Wiki as an MCP client: the SDK's identity assertion provider, fed with ID-JAGs of our IdP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import httpx2
from mcp import Client
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from tests.interop.files import Target
from tests.interop.world import World

__all__ = ["Method", "Wire", "call_tool", "get", "provider"]

Method = Literal["client_secret_basic", "client_secret_post"]
T = TypeVar("T")


@dataclass
class Wire:
    """What went over the wire, and what the SDK stored; it is the SDK's token storage, too."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    tokens: OAuthToken | None = None
    seen: list[httpx2.Response] = field(default_factory=list, repr=False)

    async def get_tokens(self) -> OAuthToken | None:
        """Of the storage."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Of the storage."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Of the storage; the client is configured."""
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Of the storage; never called."""
        raise AssertionError(client_info)

    async def keep(self, response: httpx2.Response) -> None:
        """For ``httpx2``'s hooks."""
        await response.aread()
        self.seen.append(response)

    @property
    def token_requests(self) -> list[httpx2.Request]:
        """Those to a token endpoint."""
        return [each.request for each in self.seen if each.request.url.path.endswith("/token")]

    @property
    def paths(self) -> list[str]:
        """Of everything, in order."""
        return [each.request.url.path for each in self.seen]


def provider(
    world: World,
    target: Target,
    wire: Wire,
    *,
    method: Method = "client_secret_post",
    client_id: str | None = None,
    **changes: Any,
) -> IdentityAssertionOAuthProvider:
    """The SDK's provider for Wiki at ``target``; ``changes`` are its own parameters."""
    client_id = client_id or target.wiki
    app = "calendar" if client_id == target.calendar else "wiki"

    async def fetch_id_jag(audience: str, resource: str) -> str:
        wire.asked.append((audience, resource))
        asked = {"audience": audience, "resource": resource, "scope": "chat.read chat.history"}
        return await asyncio.to_thread(world.id_jag, target.id, app=app, **asked)

    given: dict[str, Any] = {
        "server_url": target.resource,
        "storage": wire,
        "client_id": client_id,
        "client_secret": world.secrets[client_id],
        "issuer": target.issuer,
        "assertion_provider": fetch_id_jag,
        "token_endpoint_auth_method": method,
    }
    return IdentityAssertionOAuthProvider(**{**given, **changes})


def get(*urls: str, auth: httpx2.Auth, wire: Wire) -> list[httpx2.Response]:
    """GET one after the other, with one provider and what it remembers."""

    async def each(http: httpx2.AsyncClient) -> list[httpx2.Response]:
        return [await http.get(url) for url in urls]

    return _with_client(each, auth, wire)


def call_tool(url: str, name: str, *, auth: httpx2.Auth, wire: Wire) -> Any:
    """Call a tool of an MCP server."""

    async def call(http: httpx2.AsyncClient) -> Any:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            return await client.call_tool(name, {})

    return _with_client(call, auth, wire)


def _with_client(use: Callable[[httpx2.AsyncClient], Awaitable[T]], auth: httpx2.Auth, wire: Wire) -> T:
    async def run() -> T:
        hooks = {"response": [wire.keep]}
        async with httpx2.AsyncClient(auth=auth, event_hooks=hooks, timeout=30) as http:
            return await use(http)

    return asyncio.run(run())
