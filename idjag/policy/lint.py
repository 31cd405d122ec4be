"""What an administrator should look at again: allowed, and probably not meant.  Pure; changes no answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from idjag.policy.index import Declared, Policy
from idjag.policy.model import (
    NO_CONDITIONS,
    AppStatus,
    Conditions,
    Connection,
    ConnectionStatus,
    Narrowing,
    Rule,
    Who,
)

__all__ = ["Finding", "Lint", "lint"]


class Lint(StrEnum):
    """What was found."""

    ANY_SCOPE = "any-scope"
    NO_EXPIRY = "no-expiry"
    NO_OWNER = "no-owner"
    UNREACHABLE = "unreachable"
    EMPTY_GROUP = "empty-group"
    OVERLAPPING = "overlapping"
    CONDITION_NOBODY_MEETS = "condition-nobody-meets"
    STRONGER_FAILS = "stronger-sign-in-fails"
    NEAR_MISS = "near-miss"
    MISSING_MAPPING = "missing-mapping"
    BASIC_ENCODING = "basic-encoding"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at; ``key`` as in the state file, a rule's is "connection/rule"."""

    lint: Lint
    noun: str
    key: str
    message: str


def lint(
    policy: Policy,
    *,
    now: int,
    names: Mapping[str, str] | None = None,
    members: Counter[str] | None = None,
) -> tuple[Finding, ...]:
    """Everything worth a second look, thing by thing.

    ``names`` gives the name of a surrogate id.  ``members`` counts the people of every group id; without it
    nothing is said about groups.
    """
    look = _Look(policy, now, names or {}, members)
    findings = [
        *look.audiences(),
        *(found for app in policy.apps.values() for found in look.groups("app", app.key, app.assigned)),
        *(found for each in policy.connections.values() for found in look.connection(each)),
    ]
    for guardrail in policy.guardrails:
        findings += look.groups("guardrail", guardrail.key, guardrail.who)
    return tuple(findings)


@dataclass(frozen=True, slots=True)
class _Look:
    policy: Policy
    now: int
    names: Mapping[str, str]
    members: Counter[str] | None

    def audiences(self) -> Iterator[Finding]:
        """Names of resource apps that people will take for one another, or for ourselves."""
        for own in sorted(self.policy.issuers):
            if near := self.policy.near_miss(own):
                yield Finding(Lint.NEAR_MISS, "issuer", own, f"nearly the name of a resource app: {near}")
        for target in self.policy.resource_apps.values():
            for name in (target.issuer, *target.aliases):
                near = self.policy.near_miss(name)
                if near is not None and target not in self.policy.audience(near):
                    message = f"{name} differs from {near} only by scheme, case, port or final slash"
                    yield Finding(Lint.NEAR_MISS, "resource_app", target.key, message)

    def groups(self, noun: str, key: str, who: Who) -> Iterator[Finding]:
        """Groups that mean nobody."""
        if self.members is None:
            return
        for group in sorted(who.groups | who.except_groups, key=lambda one: self.names.get(one, one)):
            if not self.members[group]:
                name = self.names.get(group, group)
                yield Finding(Lint.EMPTY_GROUP, noun, key, f"nobody is in the group {name}")

    def connection(self, connection: Connection) -> Iterator[Finding]:
        """A connection and its rules."""
        key = connection.key
        if not connection.owner:
            yield Finding(Lint.NO_OWNER, "connection", key, "nobody answers for it: name an owner")
        if connection.expires is None:
            yield Finding(Lint.NO_EXPIRY, "connection", key, "never ends: give it an expiry")
        if not connection.client_id:
            message = "has no client_id, so that nothing is issued: enter the app's id at the resource app"
            yield Finding(Lint.MISSING_MAPPING, "connection", key, message)
        if why := self._closed(connection):
            yield Finding(Lint.UNREACHABLE, "connection", key, why)
        target = self.policy.resource_apps.get(connection.resource_app)
        declared = self.policy.declared(target) if target else None
        for rule in connection.rules:
            yield from self._rule(f"{key}/{rule.key}", rule, declared)
        if declared:
            yield from _overlapping(connection, declared)

    def _closed(self, connection: Connection) -> str | None:
        """Why nothing can come of an active connection."""
        if connection.status is not ConnectionStatus.ACTIVE:
            return None
        app = self.policy.apps.get(connection.app)
        target = self.policy.resource_apps.get(connection.resource_app)
        if connection.expires is not None and connection.expires <= self.now:
            return "has expired"
        if app is None or app.status is not AppStatus.ACTIVE:
            return "its requesting app is disabled"
        if target is None or target.status is not AppStatus.ACTIVE:
            return "its resource app is disabled"
        if app.assigned == Who():
            return "nobody is assigned to its requesting app"
        if not connection.rules:
            return "has no rules"
        return None

    def _rule(self, key: str, rule: Rule, declared: Declared | None) -> Iterator[Finding]:
        if rule.scopes.kind == "any":
            message = "allows any scope, also those that the resource app declares later: name them"
            yield Finding(Lint.ANY_SCOPE, "rule", key, message)
        if declared is not None and (why := _names_nothing(rule, declared)):
            yield Finding(Lint.UNREACHABLE, "rule", key, why)
        if why := self._nobody_meets(rule.conditions):
            yield Finding(Lint.CONDITION_NOBODY_MEETS, "rule", key, why)
        if why := self._stronger_fails(rule.conditions):
            yield Finding(Lint.STRONGER_FAILS, "rule", key, why)
        yield from self.groups("rule", key, rule.who)

    def _nobody_meets(self, conditions: Conditions) -> str | None:
        if conditions.hours is not None and not conditions.hours.days:
            return f"the time zone {conditions.hours.zone} is unknown on this machine"
        if not conditions.acr and not conditions.amr:
            return None
        if any(_meets(conditions, *each) for each in self.policy.sign_ins.items()):
            return None
        wanted = [*conditions.acr, *sorted(conditions.amr)]
        return f"no sign-in here yields {' '.join(wanted)}"

    def _stronger_fails(self, conditions: Conditions) -> str | None:
        """Methods that a stronger sign-in lacks: whoever answers the step-up with it is refused again."""
        answers = [*self.policy.sign_ins.items()]
        while answers and not _meets(conditions, *answers[0]):
            del answers[0]  # too weak to be offered
        everywhere = frozenset.intersection(*(amr for _, amr in answers)) if answers else conditions.amr
        lacking = conditions.amr - everywhere
        if not lacking:
            return None
        stronger = next(acr for acr, amr in answers if not conditions.amr <= amr)
        instead = ", ".join(sorted(conditions.amr & everywhere or everywhere))
        return (
            f"who signs in by {stronger}, which is stronger, is refused without {' '.join(sorted(lacking))}:"
            f" {f'write amr: [{instead}]' if instead else 'leave amr out'} instead"
        )


def _meets(conditions: Conditions, acr: str, amr: frozenset[str]) -> bool:
    return (not conditions.acr or acr in conditions.acr) and conditions.amr <= amr


def _names_nothing(rule: Rule, declared: Declared) -> str | None:
    """Scopes and resources that the resource app does not have."""
    scopes = frozenset(scope for scope, _ in declared.pairs)
    for kind, narrowing, known in (
        ("scope", rule.scopes, scopes),
        ("resource", rule.resources, frozenset(declared.resources)),
    ):
        missing = sorted(narrowing.values - known)
        if missing and narrowing.kind == "only":
            return f"names the {kind} {missing[0]}, which the resource app does not declare"
    if not declared.within(rule.scopes, rule.resources):
        return "allows nothing that the resource app declares"
    return None


def _overlapping(connection: Connection, declared: Declared) -> Iterator[Finding]:
    """Rules that change nothing, because another one allows all of it on no stricter terms."""
    pairs = {rule.id: declared.within(rule.scopes, rule.resources) for rule in connection.rules}
    gone: set[str] = set()
    for rule in connection.rules:
        for other in connection.rules:
            if rule is other or other.id in gone or not pairs[rule.id]:
                continue
            if pairs[rule.id] <= pairs[other.id] and _no_stricter(other, rule):
                gone.add(rule.id)
                message = f"everything it allows is allowed by {other.key} too"
                yield Finding(Lint.OVERLAPPING, "rule", f"{connection.key}/{rule.key}", message)
                break


def _no_stricter(rule: Rule, than: Rule) -> bool:
    """Whether the one rule is for everybody and at all times that the other one is for."""
    return (
        _covers(rule.who, than.who)
        and rule.conditions in (NO_CONDITIONS, than.conditions)
        and (rule.lifetime is None or (than.lifetime is not None and than.lifetime <= rule.lifetime))
        and rule.default_scopes >= than.default_scopes
        and _as_open(rule.resources, than.resources)
    )


def _covers(who: Who, other: Who) -> bool:
    if not (who.except_groups <= other.except_groups and who.except_people <= other.except_people):
        return False
    if who.everyone:
        return True
    return not other.everyone and other.groups <= who.groups and other.people <= who.people


def _as_open(narrowing: Narrowing, other: Narrowing) -> bool:
    """``any`` leaves the claim out where a list does not, so that the two are not the same answer."""
    return (narrowing.kind == "any") == (other.kind == "any")
