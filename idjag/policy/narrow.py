"""From the pairs that rules allow to the scopes and resources of one grant: contract section 4.

Granted resources are the requested ones on which something requested is allowed; a scope is granted only
if it is allowed on every granted resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from idjag.policy.model import Pair, Rule
from idjag.protocol.errors import Reason, Refused

__all__ = ["Applicable", "Grant", "narrow"]


class Applicable(NamedTuple):
    """A rule whose people and conditions fit, with what it allows after the guardrails."""

    rule: Rule
    pairs: frozenset[Pair]


class Grant(NamedTuple):
    """What is granted; ``resources`` in comparable form; ``rules`` are those that contributed."""

    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    rules: tuple[Rule, ...]


def narrow(
    applicable: Sequence[Applicable],
    *,
    declared: Iterable[str],
    scopes: tuple[str, ...] | None,
    resources: tuple[str, ...],
) -> Grant:
    """Choose the grant; ``declared`` and ``resources`` are in comparable form and registered order.

    Raises Refused: SCOPE_NOT_ALLOWED, RESOURCE_NOT_ALLOWED, RESOURCE_REQUIRED.
    """
    pairs = frozenset().union(*(one.pairs for one in applicable))
    wanted = scopes if scopes is not None else _defaults(applicable, resources)
    if not wanted:
        granted = _anything_on(pairs, resources or tuple(declared))
        return Grant((), granted, _contributing(applicable, None, granted))
    if resources:
        granted = _something_on(pairs, wanted, resources)
        kept = tuple(s for s in wanted if all((s, r) in pairs for r in granted))
        if not kept:
            raise Refused(Reason.SCOPE_NOT_ALLOWED)
    else:
        kept = tuple(s for s in wanted if any((s, r) in pairs for r in declared))
        if not kept:
            raise Refused(Reason.SCOPE_NOT_ALLOWED)
        granted = tuple(r for r in declared if all((s, r) in pairs for s in kept))
        if not granted:  # no resource has them all: the request must name one
            raise Refused(Reason.RESOURCE_REQUIRED)
    return Grant(kept, granted, _contributing(applicable, kept, granted))


def _defaults(applicable: Sequence[Applicable], resources: tuple[str, ...]) -> tuple[str, ...]:
    """XCH-31: what a request without scope gets from each rule, within that rule's own pairs."""
    return tuple(
        sorted(
            {
                scope
                for rule, pairs in applicable
                if rule.default_scopes
                for scope, resource in pairs
                if scope in rule.default_scopes and (not resources or resource in resources)
            }
        )
    )


def _anything_on(pairs: frozenset[Pair], resources: tuple[str, ...]) -> tuple[str, ...]:
    reachable = {resource for _, resource in pairs}
    granted = tuple(resource for resource in resources if resource in reachable)
    if not granted:
        raise Refused(Reason.RESOURCE_NOT_ALLOWED)
    return granted


def _something_on(
    pairs: frozenset[Pair], wanted: tuple[str, ...], resources: tuple[str, ...]
) -> tuple[str, ...]:
    granted = tuple(r for r in resources if any((s, r) in pairs for s in wanted))
    if not granted:
        reachable = {resource for _, resource in pairs}
        known = any(resource in reachable for resource in resources)
        raise Refused(Reason.SCOPE_NOT_ALLOWED if known else Reason.RESOURCE_NOT_ALLOWED)
    return granted


def _contributing(
    applicable: Sequence[Applicable], scopes: tuple[str, ...] | None, resources: tuple[str, ...]
) -> tuple[Rule, ...]:
    return tuple(
        rule
        for rule, pairs in applicable
        if any(resource in resources and (scopes is None or scope in scopes) for scope, resource in pairs)
    )
