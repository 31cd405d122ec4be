"""What the IdP publishes about itself: metadata under both names, and its keys."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from idjag.idp.endpoint import durable
from idjag.idp.factors import acr
from idjag.idp.fresh import Shared, fresh_snapshots
from idjag.idp.released import CLAIMS
from idjag.idp.services import Services
from idjag.idp.signin.pages import LANGUAGES
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Entry, Facts, Unavailable, Verdict
from idjag.protocol import metadata
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply, TokenRequest, json_reply, public_reply, refusal_reply

__all__ = ["Discovery", "path_of"]

LOGIN_SCOPES = ("openid", "profile", "email", "offline_access")
_READ_METHODS = ("GET", "HEAD")
# A browser asks first when a page sends a header of its own, as MCP clients do.
_PREFLIGHT = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-max-age", b"3600"),
)


def path_of(base: str, endpoint: str) -> str:
    """The path of one of our endpoints, for an issuer with or without a path."""
    return urlsplit(base).path + endpoint


class Discovery:
    """Answers metadata, JWKS and health; all of it public and readable from anywhere (MET-20)."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._fresh = fresh_snapshots(services)
        self._durable = Shared(self._prove)
        self._proved: int | None = None
        self._metadata = metadata.identity_provider(
            services.issuer,
            base=services.base,
            scopes=list(LOGIN_SCOPES),
            acrs=list(acr.sign_ins(services.issuer)),
            claims=sorted(name for names in CLAIMS.values() for name in names),
            locales=list(LANGUAGES),
            documents=services.publications is not None,
            certificates=services.certificate_headers.methods,
            mtls_base=services.mtls_base,
        )

    async def metadata(self, request: TokenRequest) -> Reply:
        """RFC 8414 and OpenID Connect Discovery: one document (MET-01)."""
        return self._public(request, self._metadata)

    async def jwks(self, request: TokenRequest) -> Reply:
        """The published keys as of now, on every node (MET-09)."""
        if request.method not in _READ_METHODS:  # no look for what is not even a question
            return self._public(request, {})
        try:
            snapshot = await self._fresh.look()
        except Unavailable:
            raise Refused(Reason.UNAVAILABLE) from None
        keys = snapshot.keys.published(self._services.clock())
        return self._public(request, {"keys": keys})

    async def alive(self, request: TokenRequest) -> Reply:
        """``/healthz``: this process answers."""
        return self._check(request, ready=True)

    async def ready(self, request: TokenRequest) -> Reply:
        """``/readyz``: there are keys to sign with, and what is written becomes durable (promise P21)."""
        if request.method not in _READ_METHODS:
            return self._not_allowed(b"GET, HEAD")
        try:
            now = self._services.clock()
            ready = self._services.ready() and len((await self._fresh.look()).keys.verifying(now=now)) > 0
            if ready:
                await self._durable.look()
        except (Unavailable, TimeoutError):
            ready = False
        return self._check(request, ready=ready)

    async def _prove(self) -> None:
        """Commit nothing, durably; once a second is enough, however often strangers ask."""
        now = self._services.clock()
        if self._proved != now:
            await durable(self._services, _nothing(self._services, now))
            self._proved = now

    async def elsewhere(self, _request: TokenRequest) -> Reply:
        """What the door before the pages turns away, should it ever come further."""
        raise Refused(Reason.HOST_UNKNOWN)

    def _check(self, request: TokenRequest, *, ready: bool) -> Reply:
        if request.method not in _READ_METHODS:
            return self._not_allowed(b"GET, HEAD")
        return json_reply({"status": "ok" if ready else "unavailable"}, status=200 if ready else 503)

    def _public(self, request: TokenRequest, members: Mapping[str, object]) -> Reply:
        """MET-10: cacheable, with an ETag, for any origin and never with credentials."""
        if request.method == "OPTIONS":
            return Reply(204, _PREFLIGHT, b"")
        if request.method not in _READ_METHODS:
            return self._not_allowed(b"GET, HEAD, OPTIONS")
        return public_reply(members, if_none_match=request.header(b"if-none-match"))

    def _not_allowed(self, allow: bytes) -> Reply:
        refused = Refused(Reason.METHOD_WRONG)
        return refusal_reply(refused, decision_id=self._services.new_id(), allow=allow)


def _nothing(services: Services, now: int) -> Entry[Snapshot, None]:
    """An entry that says nothing; it goes before all others, since a busy node is no broken one."""

    def decide(_snapshot: Snapshot, _facts: Facts) -> Verdict[None]:
        return Verdict(None, events=())

    return Entry(services.tenant, services.new_id(), now, decide, urgent=True)
