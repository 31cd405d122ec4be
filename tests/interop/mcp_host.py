"""A SaaS built on the MCP SDK's authorization server: its hook embeds our RAS (docs/interop.md)."""

from __future__ import annotations

from typing import Any, get_args

from mcp.server.auth.provider import (
    IdentityAssertionParams,
    TokenError,
    TokenErrorCode,
)
from mcp.server.auth.routes import create_auth_routes
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.applications import Starlette

from idjag.asgi import router
from idjag.protocol import names
from idjag.protocol.scopes import join
from idjag.ras import (
    Client,
    Guard,
    JwtSigner,
    MemoryStore,
    NotRedeemed,
    PrivateKey,
    Ras,
    RasConfig,
    Registration,
    Resource,
    SubjectRules,
    TrustedIssuer,
    hash_secret,
)
from tests.interop.files import SCOPES, Target
from tests.interop.mcp_api import fetched_keys, mcp_server

__all__ = ["embedded_ras", "host"]


def embedded_ras(target: Target, *, idp: str, store: MemoryStore, secret: str) -> Ras:
    """What the SaaS puts together at start; people are found by their mail."""
    rules = SubjectRules(by=("iss_sub", "email"), email_domains=frozenset({"acme.example"}))
    config = RasConfig(
        issuer=target.issuer,
        trusted_issuers=(TrustedIssuer(idp, subject=rules),),
        clients=(_client(target, idp, secret),),
        resources=(Resource(target.resource, frozenset(SCOPES)),),
    )
    signer = JwtSigner(PrivateKey.generate("ES256", kid="host-1"))
    return Ras(config, keys=fetched_keys(), accounts=store, store=store, signer=signer)


def _client(target: Target, idp: str, secret: str) -> Client:
    # The registration is for our own token endpoint: behind the hook, the SDK authenticates clients.
    registration = Registration(target.wiki, names.CLIENT_SECRET, secret_hashes=(hash_secret(secret),))
    return Client(target.wiki, frozenset(SCOPES), issuers=frozenset({idp}), registration=registration)


def host(ras: Ras, target: Target, *, secret: str, method: str) -> Any:
    """The SDK's authorization server and an MCP server behind our guard; ``/ours`` is our token endpoint."""
    client = OAuthClientInformationFull(
        client_id=target.wiki,
        client_secret=secret,
        grant_types=[names.JWT_BEARER],
        token_endpoint_auth_method=method,
    )
    provider: Any = _Provider(ras, client)
    routes = create_auth_routes(provider, AnyHttpUrl(target.issuer), identity_assertion_enabled=True)
    server = Starlette(routes=routes)
    guard = Guard(
        issuer=target.issuer, resource=target.resource, keys=ras.signer.public(), scopes=("chat.read",)
    )
    paths = ("/.well-known/oauth-authorization-server", "/authorize", "/token")
    return router({**dict.fromkeys(paths, server), "/ours": ras.asgi}, otherwise=mcp_server("/mcp", guard))


class _Provider:
    """Those hooks of the SDK's provider that this grant needs."""

    def __init__(self, ras: Ras, client: OAuthClientInformationFull) -> None:
        self._ras = ras
        self._client = client

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self._client if client_id == self._client.client_id else None

    async def exchange_identity_assertion(
        self, client: OAuthClientInformationFull, params: IdentityAssertionParams
    ) -> OAuthToken:
        try:
            redemption = await self._ras.aredeem(
                params.assertion,
                client_id=client.client_id,
                scope=params.scopes,
                resource=params.resource or (),
            )
        except NotRedeemed as refused:
            raise TokenError(_sayable(refused.error), refused.description) from None
        return OAuthToken(
            access_token=redemption.access_token,
            expires_in=redemption.expires_in,
            scope=join(redemption.scopes),
        )


def _sayable(error: str) -> TokenErrorCode:
    """The SDK answers 500 to an error code outside its list (access_denied, temporarily_unavailable)."""
    sayable: tuple[TokenErrorCode, ...] = get_args(TokenErrorCode)
    return next((code for code in sayable if code == error), "invalid_grant")
