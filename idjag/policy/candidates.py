"""For each reason of a denial, the single changes that may lead out of it.

Guesses: advise tries each of them, so one that an exception or a guardrail defeats does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from idjag.policy import changes
from idjag.policy.changes import Change
from idjag.policy.conditions import unmet
from idjag.policy.index import Declared, Policy
from idjag.policy.model import (
    ANY,
    NO_RESOURCE,
    NO_SCOPE,
    App,
    AppStatus,
    Connection,
    Hours,
    Narrowing,
    Pair,
    Person,
    Rule,
    Who,
)
from idjag.policy.question import Decision, Question
from idjag.policy.words import Names
from idjag.protocol.errors import Reason
from idjag.protocol.resources import comparable

__all__ = ["OF_SIGN_IN", "State", "candidates"]

OF_SIGN_IN = frozenset({"acr", "amr", "max_auth_age"})


@dataclass(frozen=True, slots=True)
class State:
    """A denial on the way to an advice: the policy and the question with some changes made."""

    policy: Policy
    question: Question
    decision: Decision
    names: Names

    @property
    def person(self) -> Person:
        """Whom it is about; only SUBJECT_UNKNOWN, which has no candidates, has nobody."""
        return self.question.person or Person("")

    @property
    def name(self) -> str:
        """What people call that person."""
        return self.names.of(self.question.person)

    @property
    def declared(self) -> Declared:
        """What the resource app declares; nothing if it is gone."""
        target = self.policy.resource_apps.get(self.question.resource_app)
        return self.policy.declared(target) if target else Declared(frozenset(), {})

    @property
    def asked(self) -> tuple[str, ...]:
        """The requested resources in comparable form."""
        return tuple(dict.fromkeys(map(comparable, self.question.resources)))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of the connection, if there is one."""
        return self.decision.connection.rules if self.decision.connection else ()

    def outcomes(self) -> dict[str, str]:
        """What the trace says of each rule, by its id."""
        return {step.id: step.outcome for step in self.decision.trace if step.kind == "rule"}

    def pairs(self, *, met: bool) -> frozenset[Pair]:
        """What the rules for this person allow whose conditions are met, or else those that are waiting."""
        declared = self.declared
        return frozenset().union(
            *(
                declared.within(rule.scopes, rule.resources)
                for rule in self.rules
                if rule.who.includes(self.person) and (unmet(rule.conditions, self.question) is None) is met
            )
        )

    def wanted(self) -> frozenset[Pair]:
        """The declared pairs that the request is about."""
        scopes, resources = self.question.scopes, self.asked
        return frozenset(
            (scope, resource)
            for scope, resource in self.declared.pairs
            if (scopes is None or scope in scopes) and (not resources or resource in resources)
        )


def candidates(state: State) -> Iterator[Change]:
    """What might lead out of this denial, by its reason; nothing for holds and guardrails."""
    reason, connection = state.decision.reason, state.decision.connection
    if reason in _BY_REASON:
        yield from _BY_REASON[reason](state)
    elif reason in _BY_CONNECTION and connection is not None:
        yield from _BY_CONNECTION[reason](state, connection)


def _person(state: State) -> Iterator[Change]:
    yield changes.activate_person(state.name)


def _session(state: State) -> Iterator[Change]:
    yield changes.sign_in(replace(state.question.sign_in, alive=True), again=True)


def _app(state: State) -> Iterator[Change]:
    app = state.policy.apps.get(state.question.app)
    return iter([changes.activate_app(app)] if app else [])


def _resource_app(state: State) -> Iterator[Change]:
    target = state.policy.resource_apps.get(state.question.resource_app)
    return iter([changes.activate_resource_app(target)] if target else [])


def _assigned(state: State) -> Iterator[Change]:
    return _assignment(state, state.policy.apps[state.question.app])


def _assigned_sso(state: State) -> Iterator[Change]:
    target = state.policy.resource_apps[state.question.resource_app]
    app = state.policy.apps.get(target.sso_app or "")
    if app is None:
        return iter(())
    active = app.status is AppStatus.ACTIVE
    return _assignment(state, app) if active else iter([changes.activate_app(app)])


def _assignment(state: State, app: App) -> Iterator[Change]:
    yield from _joins(state, app.assigned)
    yield changes.assign(app, state.person, name=state.name)


def _joins(state: State, who: Who) -> Iterator[Change]:
    for group in sorted(who.groups, key=state.names.group):
        yield changes.join(group, group_name=state.names.group(group), name=state.name)


def _no_connection(state: State) -> Iterator[Change]:
    app = state.policy.apps[state.question.app]
    target = state.policy.resource_apps[state.question.resource_app]
    for rule in _first_rule(state):
        yield changes.connect(app, target, rule)


def _first_rule(state: State) -> Iterator[Rule]:
    """The narrowest rule that allows what was asked for; none if nothing of it is declared."""
    here = state.wanted()
    asked = {scope for scope, _ in here or state.declared.pairs}
    if state.question.scopes is not None:
        asked &= set(state.question.scopes)
    # without a scope in the request, any one scope makes the resource reachable
    some = sorted(asked) if state.question.scopes is not None else sorted(asked)[:1]
    if not some:
        return
    scopes = ANY if NO_SCOPE in some else Narrowing("only", frozenset(some))
    resources = Narrowing("only", frozenset(uri for _, uri in here)) if here and state.asked else ANY
    yield changes.first_rule(state.person, name=state.name, scopes=scopes, resources=resources)


def _not_active(_state: State, connection: Connection) -> Iterator[Change]:
    yield changes.activate_connection(connection)


def _expired(state: State, connection: Connection) -> Iterator[Change]:
    yield changes.extend(connection, state.question.now)


def _no_client_id(state: State, connection: Connection) -> Iterator[Change]:
    app = state.policy.apps[connection.app].name
    yield changes.enter_client_id(connection, app, state.policy.resource_apps[connection.resource_app].name)


def _name_resource(state: State) -> Iterator[Change]:
    for resource in state.declared.resources:
        if resource != NO_RESOURCE:
            yield _at(state, resource)


def _at(state: State, resource: str) -> Change:
    uri = state.declared.spelling[resource]
    return changes.ask_at((uri,), f"ask for the resource {uri}")


def _foreign(state: State) -> Iterator[Change]:
    governed = tuple(state.declared.spelling[one] for one in state.asked if one in state.declared.spelling)
    if governed:
        yield changes.ask_at(governed, f"ask for {' '.join(governed)} alone")
        return
    yield from _name_resource(state)
    if not state.policy.resource_apps[state.question.resource_app].resource_required:
        yield changes.ask_at((), "ask without naming a resource")


def _no_rule(state: State, connection: Connection) -> Iterator[Change]:
    yield from _for_this_person(state, connection)
    yield from _wider(state, connection)
    if not connection.rules:
        for rule in _first_rule(state):
            yield changes.add_rule(connection, rule)


def _for_this_person(state: State, connection: Connection) -> Iterator[Change]:
    """Make a rule that is for others speak for this person too."""
    outcomes = state.outcomes()
    for rule in connection.rules:
        if outcomes[rule.id] == "who":
            yield from _joins(state, rule.who)
            if not rule.who.groups:
                yield changes.name_in_rule(connection, rule, state.person, name=state.name)


def _wider(state: State, connection: Connection) -> Iterator[Change]:
    """Make a rule that speaks for this person allow one more of the pairs that were asked for."""
    outcomes, spelling = state.outcomes(), state.declared.spelling
    missing = sorted(state.wanted() - state.decision.pairs)
    for rule in connection.rules:
        if outcomes[rule.id] in {"matched", "nothing declared"}:
            for scope, resource in missing:
                # nobody can add a scope without a name, or name the resource of an app that has none
                nameable = scope != NO_SCOPE or rule.scopes.admits(NO_SCOPE)
                if nameable and (resource != NO_RESOURCE or rule.resources == ANY):
                    yield changes.widen(connection, rule, (scope, resource), spelling=spelling[resource])


def _conditions(state: State, connection: Connection) -> Iterator[Change]:
    """Meet the conditions of a rule that speaks for this person."""
    for rule in connection.rules:
        if rule.who.includes(state.person):
            yield from _meeting(state, rule)


def _meeting(state: State, rule: Rule) -> Iterator[Change]:
    conditions = rule.conditions
    match unmet(conditions, state.question):
        case "acr" | "amr" | "max_auth_age":
            yield from _sign_in(state, rule)
        case "networks":
            yield from map(changes.call_from, conditions.networks)
        case "signin_networks":
            yield from map(changes.sign_in_from, conditions.signin_networks)
        case "hours" if conditions.hours:
            opening = _next_opening(conditions.hours, state.question.now)
            if opening is not None:
                yield changes.wait(opening)


def _sign_in(state: State, rule: Rule) -> Iterator[Change]:
    """The weakest sign-in that the pages can produce and that satisfies the rule."""
    fresh = replace(state.question.sign_in, auth_time=state.question.now)
    better = [replace(fresh, acr=acr, amr=amr) for acr, amr in state.policy.sign_ins.items()]
    for after in (fresh, *better):
        if unmet(rule.conditions, state.question.signed_in(after)) not in OF_SIGN_IN:
            yield changes.sign_in(after, again=after is fresh)
            return


def _next_opening(hours: Hours, now: int) -> int | None:
    today = datetime.fromtimestamp(now, hours.tz).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    for days in range(8):
        start = today + timedelta(days=days, minutes=hours.start)
        if start.weekday() in hours.days and start.timestamp() > now:
            return int(start.timestamp())
    return None


def _other_request(state: State) -> Iterator[Change]:
    """Ask for something that is allowed already."""
    pairs, scopes = state.decision.pairs, state.question.scopes
    for resource, uri in state.declared.spelling.items():
        allowed = any(on == resource and (scopes is None or scope in scopes) for scope, on in pairs)
        if resource in state.asked and len(state.asked) > 1:
            yield changes.ask_at((uri,), f"ask for {uri} alone")
        elif resource not in state.asked and resource != NO_RESOURCE and allowed:
            yield _at(state, resource)
    here = {scope for scope, on in pairs if not state.asked or on in state.asked}
    yield from map(changes.ask_for, sorted(here - {NO_SCOPE}))


def _not_allowed(state: State, connection: Connection) -> Iterator[Change]:
    yield from _other_request(state)
    yield from _conditions(state, connection)
    yield from _for_this_person(state, connection)
    yield from _wider(state, connection)


_BY_REASON: Mapping[Reason | None, Callable[[State], Iterator[Change]]] = {
    Reason.PERSON_DISABLED: _person,
    Reason.SESSION_ENDED: _session,
    Reason.APP_DISABLED: _app,
    Reason.RESOURCE_APP_DISABLED: _resource_app,
    Reason.NOT_ASSIGNED: _assigned,
    Reason.NOT_ASSIGNED_SSO: _assigned_sso,
    Reason.NO_CONNECTION: _no_connection,
    Reason.RESOURCE_REQUIRED: _name_resource,
    Reason.RESOURCE_NOT_GOVERNED: _foreign,
}
_BY_CONNECTION: Mapping[Reason | None, Callable[[State, Connection], Iterator[Change]]] = {
    Reason.CONNECTION_NOT_ACTIVE: _not_active,
    Reason.CONNECTION_EXPIRED: _expired,
    Reason.NO_CLIENT_ID_MAPPING: _no_client_id,
    Reason.RESOURCE_NOT_ALLOWED: _not_allowed,
    Reason.SCOPE_NOT_ALLOWED: _not_allowed,
    Reason.NO_RULE: _no_rule,
    Reason.CONDITION_UNMET: _conditions,
    Reason.STEP_UP: _conditions,
}
