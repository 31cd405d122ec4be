"""How far a grant reaches here: the resources and scopes that the access token will carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.id_jag import IdJag
from idjag.protocol.resources import comparable
from idjag.ras.model import Account, Client, RasConfig, Resource
from idjag.ras.trusted import TrustedIssuer

__all__ = ["Asked", "Reach", "narrow", "within_account"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the token request itself names; ``scopes`` None when the parameter is absent."""

    scopes: tuple[str, ...] | None = None
    resources: tuple[str, ...] = ()

    @classmethod
    def of(cls, scope: str | Sequence[str] | None, resource: str | Sequence[str]) -> Self:
        """What a host passes on, in one text or in several."""
        scopes = scope.split(" ") if isinstance(scope, str) else scope
        return cls(
            scopes=None if scopes is None else tuple(scopes),
            resources=(resource,) if isinstance(resource, str) else tuple(resource),
        )


@dataclass(frozen=True, slots=True)
class Reach:
    """What is granted: resources in our registered spelling, scopes in the grant's order; neither empty."""

    resources: tuple[str, ...]
    scopes: tuple[str, ...]


def narrow(grant: IdJag, asked: Asked, *, config: RasConfig, client: Client, trusted: TrustedIssuer) -> Reach:
    """The reach of a grant for this request; every source can only narrow it (RAS-27 to RAS-33).

    Raises Refused: RESOURCE_CLAIM_WRONG, RESOURCE_NOT_ALLOWED, RESOURCE_REQUIRED, SCOPE_NOT_ALLOWED.
    """
    resources = _resources(grant, asked, config)
    if config.one_resource and len(resources) > 1:
        raise Refused(Reason.RESOURCE_REQUIRED, granted=" ".join(each.uri for each in resources))
    # RAS-33: a grant that names no scope never means every scope
    scopes = grant.scopes or trusted.default_scopes
    for ceiling in (client.scopes, trusted.scope_ceiling, *(each.scopes for each in resources)):
        if ceiling is not None:
            scopes = tuple(scope for scope in scopes if scope in ceiling)
    if asked.scopes is not None:
        scopes = tuple(scope for scope in scopes if scope in asked.scopes)
    if not scopes:
        raise Refused(Reason.SCOPE_NOT_ALLOWED, granted=" ".join(grant.scopes) or "absent")
    return Reach(tuple(resource.uri for resource in resources), scopes)


def within_account(reach: Reach, account: Account) -> Reach:
    """The reach without what this person may not have (RAS-31); raises Refused SCOPE_NOT_ALLOWED."""
    if account.scopes is None:
        return reach
    scopes = tuple(scope for scope in reach.scopes if scope in account.scopes)
    if not scopes:
        raise Refused(Reason.SCOPE_NOT_ALLOWED, ceiling="account")
    return Reach(reach.resources, scopes)


def _resources(grant: IdJag, asked: Asked, config: RasConfig) -> tuple[Resource, ...]:
    offered = {comparable(resource.uri): resource for resource in _governed(grant, config)}
    if not asked.resources:
        return tuple(offered.values())
    wanted = dict.fromkeys(map(comparable, asked.resources))
    if not wanted.keys() <= offered.keys():  # RAS-28
        raise Refused(Reason.RESOURCE_NOT_ALLOWED, granted=" ".join(r.uri for r in offered.values()))
    return tuple(offered[each] for each in wanted)


def _governed(grant: IdJag, config: RasConfig) -> list[Resource]:
    """What the claim names; the default when it is absent (RAS-29)."""
    named = grant.resources or (() if config.default_resource is None else (config.default_resource,))
    if not named:
        raise Refused(Reason.RESOURCE_CLAIM_WRONG, problem="absent, and no default_resource")
    governed: list[Resource] = []
    for uri in named:
        resource = config.resource(uri)
        if resource is None:  # RAS-27: one foreign resource spoils the claim
            raise Refused(Reason.RESOURCE_CLAIM_WRONG, got=uri)
        governed.append(resource)
    return governed
