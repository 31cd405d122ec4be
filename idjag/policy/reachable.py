"""What an app could get for a person, API by API: the evaluator asked about each, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from idjag.policy.decide import decide, find_resource_app
from idjag.policy.index import Policy
from idjag.policy.model import ResourceApp
from idjag.policy.question import Question
from idjag.protocol.errors import Refused

__all__ = ["Reachable", "reachable"]


@dataclass(frozen=True, slots=True)
class Reachable:
    """One request that would be allowed, with just these scopes as its answer.

    ``audience`` is what a request must say; ``resource`` in registered spelling, None where the resource app
    has no resources.
    """

    resource_app: str
    audience: str
    resource: str | None
    scopes: tuple[str, ...]


def reachable(policy: Policy, question: Question) -> Iterator[Reachable]:
    """Everything at the resource app of the question that its app could get now, each API by itself.

    The scopes and resources of the question do not matter.
    """
    target = policy.resource_apps.get(question.resource_app)
    audience = None if target is None else _audience(policy, target)
    if target is None or audience is None:
        return
    for resource, scopes in _apis(target):
        asked = replace(question, scopes=scopes, resources=() if resource is None else (resource,))
        decision = decide(policy, asked)
        if decision.allowed:
            yield Reachable(target.id, audience, resource, decision.scopes)


def _apis(target: ResourceApp) -> Iterator[tuple[str | None, tuple[str, ...] | None]]:
    """Each API with all its scopes; None for one that has none, whose request names none either."""
    if not target.resources:
        yield None, tuple(sorted(target.scopes)) or None
    for resource in target.resources:
        yield resource.uri, tuple(sorted(resource.scopes)) or None


def _audience(policy: Policy, target: ResourceApp) -> str | None:
    """The first of its names that means it alone; None when a request cannot mean it."""
    for name in (target.issuer, *target.aliases):
        with suppress(Refused):
            if find_resource_app(policy, name) is target:
                return name
    return None
