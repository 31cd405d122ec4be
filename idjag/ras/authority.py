"""Who speaks for whose accounts: no two issuers claim the same people unless told to (decision 0022)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol, TypeAlias

from idjag.ras.trusted import SubjectRules, TrustedIssuer, means

__all__ = ["Reach", "check", "reach"]

Reach: TypeAlias = Mapping[tuple[str, str], frozenset[str | None]]
"""Which tenants of ours the people of each (issuer, tenant) may enter; empty when only the host knows."""


class Bringing(Protocol):
    """A client, as far as it ties issuers to a tenant of ours."""

    @property
    def tenant(self) -> str | None:
        """The one of ours that it belongs to."""
        ...

    def brings(self, issuer: str, tenant: str) -> bool:
        """Whether it may bring grants of this tenant of the issuer."""
        ...


@dataclass(frozen=True, slots=True)
class _Authority:
    """One issuer, or one tenant of it, and what it speaks for."""

    issuer: str
    tenant: str
    rules: SubjectRules
    enters: frozenset[str | None]

    @property
    def named(self) -> str:
        return f"{self.issuer} (tenant {self.tenant})" if self.tenant else self.issuer

    @property
    def claims(self) -> Iterator[str]:
        """What it speaks for, as the file says it."""
        if "email" in self.rules.by:
            yield from (f"email_domains {domain}" for domain in self.rules.email_domains)
        if "sub_id" in self.rules.by:
            yield from (f"sub_id_issuers {issuer}" for issuer in self.rules.sub_id_issuers)

    def meets(self, other: _Authority) -> bool:
        """Whether both may lead to the same account; what only the host knows may be anything."""
        return not (self.enters and other.enters) or not self.enters.isdisjoint(other.enters)

    def joins(self, other: _Authority) -> bool:
        return means(self.rules.joins, other.issuer, other.tenant)


def reach(trusted_issuers: Iterable[TrustedIssuer], clients: Iterable[Bringing]) -> Reach:
    """What the clients that name an issuer, and its own entry, let its people enter."""
    clients = tuple(clients)
    return {
        (trusted.issuer, tenant): trusted.our_tenants
        | {client.tenant for client in clients if client.brings(trusted.issuer, tenant)}
        for trusted in trusted_issuers
        for tenant, _ in trusted.authorities
    }


def check(trusted_issuers: Iterable[TrustedIssuer], reached: Reach) -> None:
    """Raises ValueError when two could claim the same person and neither was told so (RAS-24).

    Whoever came first would own the account.  Paused ones count: they can be resumed.
    """
    everybody = [
        _Authority(trusted.issuer, tenant, rules, reached[trusted.issuer, tenant])
        for trusted in trusted_issuers
        for tenant, rules in trusted.authorities
    ]
    claimed: dict[str, list[_Authority]] = {}
    for authority in everybody:
        for claim in authority.claims:
            claimed.setdefault(claim, []).append(authority)
    for claim, group in claimed.items():
        for one, other in combinations(group, 2):
            if one.meets(other) and not one.joins(other) and not other.joins(one):
                raise ValueError(
                    f"trusted_issuers: {one.named} and {other.named} both claim {claim}:"
                    " take it from one, or name the other in subject.joins"
                )
    _check_aud_sub(everybody)


def _check_aud_sub(everybody: list[_Authority]) -> None:
    """``aud_sub`` names any account of a tenant: whoever uses it must be alone there, or be told."""
    for one in everybody:
        if "aud_sub" not in one.rules.by:
            continue
        for other in everybody:
            if other is not one and one.meets(other) and not one.joins(other):
                raise ValueError(
                    f"trusted_issuers: by aud_sub {one.named} could name the people of {other.named}:"
                    " take aud_sub out, or name the other in subject.joins"
                )
