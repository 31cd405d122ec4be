"""What a resource authorization server is told before it serves: frozen values, checked when made.

Whom it believes is in trusted.py, which of them may speak for the same people in authority.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from idjag.forwarded import CertificateHeaders
from idjag.protocol import names
from idjag.protocol.client_auth import Registration
from idjag.protocol.resources import comparable, is_resource
from idjag.protocol.scopes import is_scope_token
from idjag.protocol.sub_id import SamlNameId
from idjag.ras import authority
from idjag.ras.callers import Callers
from idjag.ras.cors import is_origin
from idjag.ras.step_up import NO_REQUIREMENT, Requirement
from idjag.ras.trusted import IssuerRef, SubjectRules, TrustedIssuer, means, refuse_text

__all__ = [
    "Account",
    "Client",
    "Link",
    "RasConfig",
    "Resource",
    "SubjectRules",
    "TrustedIssuer",
]

_LONGEST_ACCESS_TOKEN = 12 * 3600  # RAS-38: hours at most, never days
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_IN_BROWSERS = frozenset({names.NO_AUTHENTICATION, names.CLIENT_ID_METADATA_DOCUMENT})


@dataclass(frozen=True, slots=True)
class Link:
    """One person at one issuer; ``tenant`` is the issuer's, "" when it has none.  The key of an account."""

    issuer: str
    tenant: str
    sub: str


@dataclass(frozen=True, slots=True)
class Account:
    """A person here; ``id`` becomes ``sub`` of our tokens, ``tenant`` is ours, never the issuer's.

    ``scopes``: what this person may be granted at most; None for no ceiling of their own.  ``sub_ids``:
    who they are for SAML, for the strategy of that name.
    """

    id: str
    email: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    tenant: str | None = None
    scopes: frozenset[str] | None = None
    active: bool = True
    sub_ids: tuple[SamlNameId, ...] = ()

    def __post_init__(self) -> None:
        refuse_text(self.scopes, f"account {self.id}")


@dataclass(frozen=True, slots=True)
class Client:
    """A requesting app as it is registered here.

    ``registration`` None: only for hosts that authenticate it themselves (``Ras.redeem``); its method
    ``none`` lets a public client redeem grants that are bound to a key, and no others.
    ``issuers``: whose grants it may bring; none means that it is not registered for this grant.
    ``tenant``: the one of ours that it belongs to.  ``require``: how people must have signed in.
    ``origins``: of its pages, which may then ask the token endpoint; for clients without a secret.
    """

    client_id: str
    scopes: frozenset[str]
    issuers: frozenset[IssuerRef]
    tenant: str | None = None
    registration: Registration | None = None
    require: Requirement = NO_REQUIREMENT
    origins: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        refuse_text(self.scopes, f"client {self.client_id}")
        if wrong := [each for each in sorted(self.origins) if not is_origin(each)]:
            raise ValueError(f"client {self.client_id}: {wrong[0]!r} is no origin, as https://host is")
        if self.origins and (self.registration is None or self.registration.method not in _IN_BROWSERS):
            raise ValueError(f"client {self.client_id}: origins are for clients that have no secret to keep")
        if self.registration is not None and self.registration.client_id != self.client_id:
            raise ValueError(f"client {self.client_id}: its registration is for another client_id")

    @property
    def public(self) -> bool:
        """Whether it has no credentials: nothing but a key binds its grants to it (A-14)."""
        return self.registration is not None and self.registration.method == names.NO_AUTHENTICATION

    def knows(self, issuer: str) -> bool:
        """Whether it may bring grants of this issuer, of whatever tenant."""
        return any(issuer == (ref if isinstance(ref, str) else ref[0]) for ref in self.issuers)

    def brings(self, issuer: str, tenant: str) -> bool:
        """Whether it may bring grants of this tenant of the issuer ("" when it has none)."""
        return means(self.issuers, issuer, tenant)


@dataclass(frozen=True, slots=True)
class Resource:
    """A protected API; ``uri`` in the spelling that tokens carry.

    ``key_bound``: it takes only tokens that are bound to a key (DPOP-11).  ``require``: how people must
    have signed in.
    """

    uri: str
    scopes: frozenset[str]
    key_bound: bool = False
    require: Requirement = NO_REQUIREMENT

    def __post_init__(self) -> None:
        refuse_text(self.scopes, f"resource {self.uri}")
        if not is_resource(self.uri):
            raise ValueError(f"resource {self.uri!r} must be an absolute URI without a fragment")
        if not all(map(is_scope_token, self.scopes)):
            raise ValueError(f"resource {self.uri}: its scopes must be scope tokens")


@dataclass(frozen=True, slots=True)
class RasConfig:
    """Everything that a redemption is judged by; replaced as a whole by ``Ras.configure``.

    ``accepted_audiences``: further exact strings beside ``issuer``.  ``access_token_lifetime`` is seconds.
    ``token_endpoint``: its URL as clients know it, ``base`` and /token when None.  ``one_resource``: an
    access token is for a single resource (decision 0022).  ``dpop_nonce``: proofs must carry a nonce.
    ``callers`` may introspect, or end everything of a person.  ``issuer_lookup``: clients may ask whether an
    issuer would be accepted from them (decision 0033).  ``certificate_headers``: in which the proxies of the
    doors tell client certificates, without which no client can authenticate with one.
    """

    issuer: str
    trusted_issuers: tuple[TrustedIssuer, ...]
    resources: tuple[Resource, ...]
    clients: tuple[Client, ...] = ()
    accepted_audiences: frozenset[str] = frozenset()
    default_resource: str | None = None
    access_token_lifetime: int = 900
    token_endpoint: str | None = None
    one_resource: bool = False
    dpop_nonce: bool = False
    callers: Callers = field(default_factory=Callers)
    issuer_lookup: bool = False
    certificate_headers: CertificateHeaders = field(default_factory=CertificateHeaders)
    _issuers: dict[str, TrustedIssuer] = field(init=False, repr=False, compare=False)
    _resources: dict[str, Resource] = field(init=False, repr=False, compare=False)
    _clients: dict[str, tuple[Client, ...]] = field(init=False, repr=False, compare=False)
    _reach: authority.Reach = field(init=False, repr=False, compare=False)
    _origins: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_addresses()
        issuers = {trusted.issuer: trusted for trusted in self.trusted_issuers}
        governed = {comparable(resource.uri): resource for resource in self.resources}
        clients: dict[str, tuple[Client, ...]] = {}
        for client in self.clients:
            clients[client.client_id] = (*clients.get(client.client_id, ()), client)
        if len(issuers) != len(self.trusted_issuers):
            raise ValueError("trusted_issuers: an issuer is listed twice")
        if len(governed) != len(self.resources):
            raise ValueError("resources: a resource is listed twice")
        if len({(client.tenant, client.client_id) for client in self.clients}) != len(self.clients):
            raise ValueError("clients: a client_id is listed twice within one tenant")
        if self.issuer in issuers:  # a grant of our own would come back to us in a circle
            raise ValueError("trusted_issuers: this server's own issuer is in the list")
        if not governed:
            raise ValueError("resources: name at least one")
        if not 1 <= self.access_token_lifetime <= _LONGEST_ACCESS_TOKEN:
            raise ValueError(f"access_token lifetime must be 1 to {_LONGEST_ACCESS_TOKEN} seconds")
        object.__setattr__(self, "_issuers", issuers)
        object.__setattr__(self, "_resources", governed)
        object.__setattr__(self, "_clients", clients)
        object.__setattr__(self, "_origins", frozenset(o for each in self.clients for o in each.origins))
        if self.default_resource is not None and self.resource(self.default_resource) is None:
            raise ValueError("default_resource: it is not among the resources")
        object.__setattr__(self, "_reach", authority.reach(self.trusted_issuers, self.clients))
        authority.check(self.trusted_issuers, self._reach)
        self.callers.check(clients=clients, resources=(each.uri for each in self.resources), issuers=issuers)
        self._check_certificates()

    def _check_addresses(self) -> None:
        if not _is_issuer(self.issuer):  # MET-02
            raise ValueError("issuer: an https URL without query or fragment (http only on this machine)")
        if self.token_endpoint is not None and not _is_issuer(self.token_endpoint.partition("?")[0]):
            raise ValueError("token_endpoint: an https URL without fragment (http only on this machine)")

    def _check_certificates(self) -> None:
        for each in self._registrations:
            if each.method in names.MUTUAL_TLS and each.method not in self.certificate_headers.methods:
                setting = "certificate_headers (IDJAG_CLIENT_CERTIFICATE_HEADER)"
                raise ValueError(f"{each.client_id}: {each.method} needs {setting}, which is not set")

    @property
    def published(self) -> bool:
        """Whether somebody who authenticates here publishes elsewhere what that needs."""
        return any(each.published for each in self._registrations)

    @property
    def _registrations(self) -> list[Registration]:
        clients = [client.registration for client in self.clients if client.registration is not None]
        servers = [caller.registration for caller in self.callers.resource_servers]
        return [*clients, *servers, *(caller.registration for caller in self.callers.revokers)]

    @property
    def origins(self) -> frozenset[str]:
        """Whose pages may ask the token endpoint."""
        return self._origins

    @property
    def audiences(self) -> frozenset[str]:
        """What ``aud`` of a grant may be, byte for byte (RAS-12)."""
        return self.accepted_audiences | {self.issuer}

    @property
    def base(self) -> str:
        """The issuer without a final slash: what endpoint paths are appended to."""
        return self.issuer.removesuffix("/")

    @property
    def endpoint(self) -> str:
        """The URL of the token endpoint: what DPoP proofs are made for, and generic grants may be."""
        return self.token_endpoint or f"{self.base}/token"

    @property
    def scopes(self) -> list[str]:
        """Every declared scope, sorted, for the metadata."""
        return sorted({scope for resource in self.resources for scope in resource.scopes})

    def trusted_issuer(self, issuer: str) -> TrustedIssuer | None:
        """The entry of exactly this issuer."""
        return self._issuers.get(issuer)

    def serves(self, issuer: str, issuer_tenant: str, *, tenant: str | None) -> bool:
        """Whether people of this issuer (of its tenant) may enter our ``tenant``, as said here (TEN-10)."""
        return tenant in self._reach.get((issuer, issuer_tenant), ())

    def opens(self, issuer: str, issuer_tenant: str, *, tenant: str | None) -> bool:
        """``serves``, where a client of the host's own table speaks for what is not said here."""
        return not self._reach.get((issuer, issuer_tenant)) or self.serves(
            issuer, issuer_tenant, tenant=tenant
        )

    def resource(self, uri: str) -> Resource | None:
        """The governed resource that ``uri`` means (XCH-27)."""
        return self._resources.get(comparable(uri))

    def client(self, client_id: str, *, tenant: str | None) -> Client | None:
        """The client registered under this id; ``tenant`` None for a door that serves all tenants.

        RAS-18: the same id in another tenant is another client.  A door for all tenants serves an id
        that two of them use to neither.
        """
        same_id = self._clients.get(client_id, ())
        meant = [client for client in same_id if tenant in (None, client.tenant)]
        return meant[0] if len(meant) == 1 else None


def _is_issuer(uri: str) -> bool:
    """RFC 8414 section 2; http for development on a loopback address alone."""
    if not is_resource(uri) or "?" in uri:
        return False
    parts = urlsplit(uri)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
