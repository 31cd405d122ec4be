"""Whom we believe, for what, and how their people are found here: frozen values, checked when made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from idjag.protocol import custom_claims, names
from idjag.protocol.jose import KeySet
from idjag.protocol.jose.minimums import ALGORITHMS

__all__ = ["IssuerRef", "Profile", "Strategy", "SubjectRules", "TrustedIssuer", "means", "refuse_text"]

Strategy: TypeAlias = Literal["iss_sub", "aud_sub", "email", "sub_id"]
Profile: TypeAlias = Literal["id-jag", "jwt-bearer"]

IssuerRef: TypeAlias = str | tuple[str, str]
"""An issuer, or (issuer, tenant) for one tenant of an issuer that has several."""


def means(refs: Collection[IssuerRef], issuer: str, tenant: str) -> bool:
    """Whether one of ``refs`` is this issuer, or this tenant of it; ``tenant`` "" when it has none."""
    return issuer in refs or (issuer, tenant) in refs


def refuse_text(scopes: Collection[str] | None, whose: str) -> None:
    """Raises ValueError for one text instead of a set: every part of its words would be among them."""
    if scopes is not None and "" in scopes:
        raise ValueError(f"{whose}: scopes are a set of scope tokens, not one text")


@dataclass(frozen=True, slots=True)
class SubjectRules:
    """How persons of one issuer, or of one tenant of it, are found here (decision 0022).

    ``email_domains`` and ``sub_id_issuers`` (SAML entity ids) are what it speaks for.  ``sub_id_match``:
    every member of a NameID counts, or ``nameid`` and ``issuer`` alone.  ``joins``: whose people may be
    this one's too; without it nobody enters an account that another has linked.
    """

    by: tuple[Strategy, ...] = ("iss_sub",)
    email_domains: frozenset[str] = frozenset()
    jit: bool = False
    sub_id_issuers: frozenset[str] = frozenset()
    sub_id_match: Literal["tuple", "nameid"] = "tuple"
    joins: frozenset[IssuerRef] = frozenset()

    def __post_init__(self) -> None:
        if not self.by or len(set(self.by)) != len(self.by):
            raise ValueError("subject.by must name each strategy once, and at least one")
        if self.jit and "iss_sub" not in self.by:
            raise ValueError("subject.jit needs iss_sub: a new account is found again by its link")
        if "email" in self.by and not self.email_domains:
            raise ValueError("subject.by email needs email_domains: nobody is authoritative for all mail")
        if "sub_id" in self.by and not self.sub_id_issuers:
            raise ValueError("subject.by sub_id needs sub_id_issuers: whose NameIDs it may bring")
        if "sub_id" not in self.by and (self.sub_id_issuers or self.sub_id_match != "tuple"):
            raise ValueError("sub_id_issuers and sub_id_match need subject.by sub_id, or nothing reads them")
        for domain in self.email_domains:
            if not domain.isascii() or domain != domain.lower() or "@" in domain or "." not in domain:
                raise ValueError(f"email_domains: {domain!r} is no lower-case domain name")


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An identity provider that we believe, and for what (RAS-46).

    ``keys`` pinned, or fetched from ``jwks_uri``, or from the metadata of the issuer.
    ``max_lifetime`` is seconds; ``expires`` NumericDate; ``scope_ceiling`` None for none.
    ``tenants`` non-empty makes the issuer multi-tenant (TEN-08), ``tenant_subjects`` are the rules of
    single ones instead of ``subject``.  ``our_tenants``: those of ours that its people may enter beside
    those whose clients name it (None is the one without a name); for hosts with clients of their own.
    ``claims``: further claims of its grants, by name, that the host wants to see (``Redemption.claims``).
    """

    issuer: str
    profiles: frozenset[Profile] = frozenset({"id-jag"})
    jwks_uri: str | None = None
    keys: KeySet | None = None
    algorithms: tuple[str, ...] = ("ES256", "RS256")
    reuse: Literal["never", "until_expiry"] = "never"
    max_lifetime: int = 600
    tenants: frozenset[str] = frozenset()
    scope_ceiling: frozenset[str] | None = None
    default_scopes: tuple[str, ...] = ()
    subject: SubjectRules = field(default_factory=SubjectRules)
    tenant_subjects: Mapping[str, SubjectRules] = field(default_factory=dict)
    our_tenants: frozenset[str | None] = frozenset()
    may_assert_act: bool = False
    expires: int | None = None
    active: bool = True
    claims: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if wrong := [name for name in sorted(self.claims) if custom_claims.problem(name)]:
            raise ValueError(f"claims of {self.issuer}: {wrong[0]}: {custom_claims.problem(wrong[0])}")
        if not self.algorithms or not set(self.algorithms) <= ALGORITHMS:
            raise ValueError(f"algorithms of {self.issuer} must be some of {sorted(ALGORITHMS)}")
        if not 1 <= self.max_lifetime <= names.MAX_ID_JAG_LIFETIME:
            raise ValueError(f"max_lifetime must be 1 to {names.MAX_ID_JAG_LIFETIME} seconds")
        if self.keys is not None and self.jwks_uri is not None:
            raise ValueError(f"trusted issuer {self.issuer}: keys or jwks_uri, not both")
        if not self.profiles:
            raise ValueError(f"trusted issuer {self.issuer}: profiles must name what it is trusted for")
        refuse_text(self.scope_ceiling, f"scope_ceiling of {self.issuer}")
        self._check_tenants()

    def _check_tenants(self) -> None:
        if not self.tenant_subjects.keys() <= self.tenants:
            raise ValueError(f"trusted issuer {self.issuer}: subject rules of a tenant that is not accepted")
        shared = self.tenants - self.tenant_subjects.keys()
        if len(self.tenants) > 1 and shared and self.subject.by != ("iss_sub",):
            # domains and NameIDs belong to one customer of the issuer: shared rules would let each of
            # them name the people of the others (RAS-24, TEN-10)
            raise ValueError(
                f"trusted issuer {self.issuer}: several tenants share subject rules of iss_sub alone;"
                " give each tenant a subject of its own"
            )

    def alive(self, *, now: int) -> bool:
        """Whether it is believed at that second at all (RAS-47)."""
        return self.active and (self.expires is None or now < self.expires)

    def trusted_for(self, profile: Profile, *, now: int) -> bool:
        """Whether grants of this profile are accepted from it at that second (RAS-46, RAS-47)."""
        return profile in self.profiles and self.alive(now=now)

    def rules_of(self, tenant: str) -> SubjectRules:
        """How its people are found; ``tenant`` is the issuer's, "" when it has none."""
        return self.tenant_subjects.get(tenant, self.subject)

    @property
    def authorities(self) -> Iterator[tuple[str, SubjectRules]]:
        """Each tenant of the issuer with its rules; "" alone when it has none."""
        for tenant in sorted(self.tenants) or [""]:
            yield tenant, self.rules_of(tenant)

    def uses(self, strategy: Strategy) -> bool:
        """Whether any of its people are found so."""
        return any(strategy in rules.by for _, rules in self.authorities)
