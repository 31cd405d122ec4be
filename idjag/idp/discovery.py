"""What the IdP publishes about itself: metadata under both names, and its keys."""

from __future__ import annotations

import asyncio
import hashlib
import json
from urllib.parse import urlsplit

from idjag.idp.services import Services
from idjag.idp.snapshot import SIGN_INS, Snapshot
from idjag.protocol import metadata
from idjag.protocol.http import JSON_TYPE, NO_STORE, Reply, TokenRequest, json_reply

__all__ = ["Discovery", "path_of"]

LOGIN_SCOPES = ("openid", "profile", "email")
_MAX_AGE = 300  # seconds; a new key is published longer than this before its first use
_READ_METHODS = ("GET", "HEAD")


def path_of(base: str, endpoint: str) -> str:
    """The path of one of our endpoints, for an issuer with or without a path."""
    return urlsplit(base).path + endpoint


class Discovery:
    """Answers metadata, JWKS and health; all of it public and readable from anywhere (MET-20)."""

    def __init__(self, services: Services) -> None:
        self._services = services
        document = metadata.identity_provider(
            services.issuer, base=services.base, scopes=list(LOGIN_SCOPES), acrs=list(SIGN_INS)
        )
        self._metadata = json.dumps(document, separators=(",", ":")).encode()

    async def metadata(self, request: TokenRequest) -> Reply:
        """RFC 8414 and OpenID Connect Discovery: one document (MET-01)."""
        return _public(request, self._metadata)

    async def jwks(self, request: TokenRequest) -> Reply:
        """The published keys as of now, on every node (MET-09)."""
        snapshot = await self._fresh()
        keys = snapshot.keys.published(self._services.clock())
        return _public(request, json.dumps({"keys": keys}, separators=(",", ":")).encode())

    async def alive(self, request: TokenRequest) -> Reply:
        """``/healthz``: this process answers."""
        return _check(request, ready=True)

    async def ready(self, request: TokenRequest) -> Reply:
        """``/readyz``: the ledger takes entries and there are keys to sign with."""
        ready = self._services.ready()
        if ready:
            ready = len((await self._fresh()).keys.verifying()) > 0
        return _check(request, ready=ready)

    async def _fresh(self) -> Snapshot:
        return await asyncio.to_thread(self._services.ledger.fresh, self._services.tenant)


def _check(request: TokenRequest, *, ready: bool) -> Reply:
    if request.method not in _READ_METHODS:
        return _not_allowed()
    reply = json_reply({"status": "ok" if ready else "unavailable"}, status=200 if ready else 503)
    return reply if request.method == "GET" else Reply(reply.status, reply.headers, b"")


def _public(request: TokenRequest, body: bytes) -> Reply:
    """MET-10: cacheable, with an ETag, for any origin and never with credentials."""
    if request.method not in _READ_METHODS:
        return _not_allowed()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'.encode()
    headers = (
        (b"cache-control", f"public, max-age={_MAX_AGE}".encode()),
        (b"etag", etag),
        (b"access-control-allow-origin", b"*"),
    )
    if request.header(b"if-none-match") == etag:
        return Reply(304, headers, b"")
    return Reply(200, (JSON_TYPE, *headers), body if request.method == "GET" else b"")


def _not_allowed() -> Reply:
    return Reply(405, ((b"allow", b"GET, HEAD"), *NO_STORE), b"")
