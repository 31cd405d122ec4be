"""What a resource authorization server is told before it serves: frozen values, checked when made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from idjag.protocol import names
from idjag.protocol.client_auth import Registration
from idjag.protocol.jose import KeySet
from idjag.protocol.jose.minimums import ALGORITHMS
from idjag.protocol.resources import comparable, is_resource
from idjag.protocol.scopes import is_scope_token

__all__ = [
    "Account",
    "Client",
    "Link",
    "RasConfig",
    "Resource",
    "Strategy",
    "SubjectRules",
    "TrustedIssuer",
]

Strategy = Literal["iss_sub", "aud_sub", "email"]

_LONGEST_ACCESS_TOKEN = 12 * 3600  # RAS-38: hours at most, never days
_OTHERS = "a subject strategy other than iss_sub"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Link:
    """One person at one issuer; ``tenant`` is the issuer's, "" when it has none.  The key of an account."""

    issuer: str
    tenant: str
    sub: str


@dataclass(frozen=True, slots=True)
class Account:
    """A person here; ``id`` becomes ``sub`` of our tokens, ``tenant`` is ours, never the issuer's.

    ``scopes``: what this person may be granted at most; None for no ceiling of their own.
    """

    id: str
    email: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    tenant: str | None = None
    scopes: frozenset[str] | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class SubjectRules:
    """How persons of one issuer are found here; ``email_domains`` those it is authoritative for."""

    by: tuple[Strategy, ...] = ("iss_sub",)
    email_domains: frozenset[str] = frozenset()
    jit: bool = False

    def __post_init__(self) -> None:
        if not self.by or len(set(self.by)) != len(self.by):
            raise ValueError("subject.by must name each strategy once, and at least one")
        if self.jit and "iss_sub" not in self.by:
            raise ValueError("subject.jit needs iss_sub: a new account is found again by its link")
        if "email" in self.by and not self.email_domains:
            raise ValueError("subject.by email needs email_domains: nobody is authoritative for all mail")
        for domain in self.email_domains:
            if not domain.isascii() or domain != domain.lower() or "@" in domain or "." not in domain:
                raise ValueError(f"email_domains: {domain!r} is no lower-case domain name")


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An identity provider that we believe, and for what (RAS-46).

    ``keys`` pinned, or fetched from ``jwks_uri``, or from the metadata of the issuer.
    ``max_lifetime`` is seconds; ``tenants`` non-empty makes the issuer multi-tenant (TEN-08);
    ``expires`` NumericDate; ``scope_ceiling`` None for none.
    """

    issuer: str
    profiles: frozenset[str] = frozenset({"id-jag"})
    jwks_uri: str | None = None
    keys: KeySet | None = None
    algorithms: tuple[str, ...] = ("ES256", "RS256")
    reuse: Literal["never", "until_expiry"] = "never"
    max_lifetime: int = 600
    tenants: frozenset[str] = frozenset()
    scope_ceiling: frozenset[str] | None = None
    default_scopes: tuple[str, ...] = ()
    subject: SubjectRules = field(default_factory=SubjectRules)
    expires: int | None = None
    active: bool = True

    def __post_init__(self) -> None:
        if not self.algorithms or not set(self.algorithms) <= ALGORITHMS:
            raise ValueError(f"algorithms of {self.issuer} must be some of {sorted(ALGORITHMS)}")
        if not 1 <= self.max_lifetime <= names.MAX_ID_JAG_LIFETIME:
            raise ValueError(f"max_lifetime must be 1 to {names.MAX_ID_JAG_LIFETIME} seconds")
        if self.keys is not None and self.jwks_uri is not None:
            raise ValueError(f"trusted issuer {self.issuer}: keys or jwks_uri, not both")
        if len(self.tenants) > 1 and self.subject.by != ("iss_sub",):
            # email_domains say what the issuer speaks for, not which of its customers does: one of them
            # would name the people of another (RAS-24, TEN-10)
            raise ValueError(f"trusted issuer {self.issuer}: not built: several tenants with {_OTHERS}")

    def trusted_for_id_jag(self, *, now: int) -> bool:
        """Whether grants of people are accepted from it at that second (RAS-46, RAS-47)."""
        return self.active and "id-jag" in self.profiles and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class Client:
    """A requesting app as it is registered here.

    ``registration`` None: only for hosts that authenticate it themselves (``Ras.redeem``).
    ``issuers``: whose grants it may bring; none means that it is not registered for this grant.
    ``tenant``: the one of ours that it belongs to.
    """

    client_id: str
    scopes: frozenset[str]
    issuers: frozenset[str]
    tenant: str | None = None
    registration: Registration | None = None

    def __post_init__(self) -> None:
        if self.registration is not None and self.registration.client_id != self.client_id:
            raise ValueError(f"client {self.client_id}: its registration is for another client_id")


@dataclass(frozen=True, slots=True)
class Resource:
    """A protected API; ``uri`` in the spelling that tokens carry."""

    uri: str
    scopes: frozenset[str]

    def __post_init__(self) -> None:
        if not is_resource(self.uri):
            raise ValueError(f"resource {self.uri!r} must be an absolute URI without a fragment")
        if not all(map(is_scope_token, self.scopes)):
            raise ValueError(f"resource {self.uri}: its scopes must be scope tokens")


@dataclass(frozen=True, slots=True)
class RasConfig:
    """Everything that a redemption is judged by; replaced as a whole by ``Ras.configure``.

    ``accepted_audiences``: further exact strings beside ``issuer``.  ``access_token_lifetime`` is seconds.
    """

    issuer: str
    trusted_issuers: tuple[TrustedIssuer, ...]
    resources: tuple[Resource, ...]
    clients: tuple[Client, ...] = ()
    accepted_audiences: frozenset[str] = frozenset()
    default_resource: str | None = None
    access_token_lifetime: int = 900
    _issuers: dict[str, TrustedIssuer] = field(init=False, repr=False, compare=False)
    _resources: dict[str, Resource] = field(init=False, repr=False, compare=False)
    _clients: dict[str, tuple[Client, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _is_issuer(self.issuer):  # MET-02
            raise ValueError("issuer: an https URL without query or fragment (http only on this machine)")
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
        if self.default_resource is not None and self.resource(self.default_resource) is None:
            raise ValueError("default_resource: it is not among the resources")

    @property
    def audiences(self) -> frozenset[str]:
        """What ``aud`` of a grant may be, byte for byte (RAS-12)."""
        return self.accepted_audiences | {self.issuer}

    @property
    def base(self) -> str:
        """The issuer without a final slash: what endpoint paths are appended to."""
        return self.issuer.removesuffix("/")

    @property
    def scopes(self) -> list[str]:
        """Every declared scope, sorted, for the metadata."""
        return sorted({scope for resource in self.resources for scope in resource.scopes})

    def trusted_issuer(self, issuer: str) -> TrustedIssuer | None:
        """The entry of exactly this issuer."""
        return self._issuers.get(issuer)

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
