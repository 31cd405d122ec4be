"""decide(policy, question): the whole algorithm, and the only evaluator.

Covers everything but credentials: holds, person, session, apps, assignment, connection, guardrails, rules,
conditions, and the narrowing of the request.  Denies by default.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NoReturn, assert_never

from idjag.policy.conditions import unmet
from idjag.policy.index import Declared, Policy
from idjag.policy.model import (
    NO_RESOURCE,
    App,
    AppStatus,
    Connection,
    ConnectionStatus,
    Guardrail,
    Hold,
    HoldKind,
    Pair,
    Person,
    ResourceApp,
)
from idjag.policy.narrow import Applicable, Grant, narrow
from idjag.policy.question import Decision, Question, SignIn, Step, StepKind, StepUp
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.resources import comparable

__all__ = ["decide", "find_resource_app", "guardrail_miss", "held"]

# Refusals that a better sign-in may turn: some rule may fail only for its sign-in conditions.
_MAY_STEP_UP = frozenset(
    {
        Reason.CONDITION_UNMET,
        Reason.SCOPE_NOT_ALLOWED,
        Reason.RESOURCE_NOT_ALLOWED,
        Reason.RESOURCE_REQUIRED,
    }
)


def find_resource_app(policy: Policy, audience: str) -> ResourceApp:
    """The one resource app that ``audience`` names, by issuer or alias (XCH-15 to XCH-18).

    Raises Refused: AUDIENCE_SELF, AUDIENCE_UNKNOWN, AUDIENCE_AMBIGUOUS.
    """
    found = policy.audience(audience)
    if policy.is_own_issuer(audience):
        raise Refused(Reason.AUDIENCE_SELF, audience=audience)
    if not found:
        raise Refused(Reason.AUDIENCE_UNKNOWN, audience=audience, near=policy.near_miss(audience))
    if len(found) > 1:
        raise Refused(Reason.AUDIENCE_AMBIGUOUS, audience=audience)
    return found[0]


def decide(policy: Policy, question: Question) -> Decision:
    """Answer the question.  Pure: the same policy and question always give the same decision."""
    decision = _decide(policy, question)
    if decision.reason not in _MAY_STEP_UP:
        return decision
    step_up = _step_up(policy, question)
    return replace(decision, reason=Reason.STEP_UP, step_up=step_up) if step_up else decision


@dataclass(slots=True)
class _Case:
    """One question on its way down; gathers what the decision will say."""

    policy: Policy
    question: Question
    connection: Connection | None
    trace: list[Step] = field(default_factory=list)
    guardrails: list[Guardrail] = field(default_factory=list)
    pairs: frozenset[Pair] = frozenset()

    def note(self, kind: StepKind, row_id: str, key: str, outcome: str) -> None:
        self.trace.append(Step(kind, row_id, key, outcome))

    def refuse(self, kind: StepKind, row_id: str, key: str, reason: Reason) -> NoReturn:
        self.note(kind, row_id, key, reason)
        raise Refused(reason)


def _decide(policy: Policy, question: Question) -> Decision:
    case = _Case(policy, question, policy.connection(question.app, question.resource_app))
    try:
        return _allowed(case)
    except Refused as refused:
        if not case.trace or case.trace[-1].outcome != refused.reason:
            case.note("request", "", "", refused.reason)
        guardrails = tuple(case.guardrails)  # those that had a say
        _look_at_the_rest(case)
        return Decision(
            refused.reason,
            tuple(case.trace),
            case.connection,
            pairs=case.pairs,
            guardrails=guardrails,
        )


def _allowed(case: _Case) -> Decision:
    _check_holds(case)
    person = _check_person(case)
    app, resource_app = _check_apps(case)
    _check_assigned(case, app, resource_app, person)
    connection = _check_connection(case)
    declared = case.policy.declared(resource_app)
    resources = _check_resources(case, resource_app, declared)
    removed = _apply_guardrails(case, person, declared)
    applicable = _apply_rules(case, person, connection, declared, removed=removed)
    case.pairs = frozenset().union(*(one.pairs for one in applicable))
    grant = narrow(applicable, declared=declared.resources, scopes=case.question.scopes, resources=resources)
    return Decision(
        reason=None,
        trace=tuple(case.trace),
        connection=connection,
        scopes=grant.scopes,
        resources=_named(grant, resource_app, declared, asked=bool(resources)),
        pairs=case.pairs,
        lifetime=min(resource_app.lifetime, *(r.lifetime or resource_app.lifetime for r in grant.rules)),
        rules=grant.rules,
        guardrails=tuple(case.guardrails),
    )


def _look_at_the_rest(case: _Case) -> None:
    """Guardrails and rules that the refusal came before: whoever reads the trace wants to see them all."""
    person, connection = case.question.person, case.connection
    resource_app = case.policy.resource_apps.get(case.question.resource_app)
    if person is None or connection is None or resource_app is None:
        return
    seen = {step.kind for step in case.trace}
    declared = case.policy.declared(resource_app)
    removed = declared.pairs  # an outright guardrail leaves nothing
    with suppress(Refused):
        if "guardrail" not in seen:
            removed = _apply_guardrails(case, person, declared)
    with suppress(Refused):
        if "rule" not in seen:
            _apply_rules(case, person, connection, declared, removed=removed)


def held(hold: Hold, question: Question, connection: Connection | None) -> bool:
    """Whether this hold stops this question now."""
    if hold.until is not None and question.now >= hold.until:
        return False
    person = question.person.id if question.person else ""
    match hold.kind:
        case HoldKind.USER:
            return hold.target == person
        case HoldKind.APP:
            return hold.target == question.app
        case HoldKind.RESOURCE_APP:
            return hold.target == question.resource_app
        case HoldKind.CONNECTION:
            return connection is not None and hold.target == connection.id
        case HoldKind.USER_IN_APP:
            return hold.target == person and hold.app == question.app
        case _:
            assert_never(hold.kind)


def _check_holds(case: _Case) -> None:
    stopped = False
    for hold in case.question.holds:
        applies = held(hold, case.question, case.connection)
        case.note("hold", hold.id, hold.kind, "matched" if applies else "not this one")
        stopped = stopped or applies
    if stopped:
        raise Refused(Reason.HELD)


def _check_person(case: _Case) -> Person:
    person = case.question.person
    if person is None:
        case.refuse("person", "", "", Reason.SUBJECT_UNKNOWN)
    if not person.active:
        case.refuse("person", person.id, person.username, Reason.PERSON_DISABLED)
    if not case.question.sign_in.alive:
        case.refuse("person", person.id, person.username, Reason.SESSION_ENDED)
    return person


def _check_apps(case: _Case) -> tuple[App, ResourceApp]:
    app_id, resource_app_id = case.question.app, case.question.resource_app
    app = case.policy.apps.get(app_id)
    if app is None or app.status is not AppStatus.ACTIVE:
        case.refuse("app", app_id, app.key if app else "", Reason.APP_DISABLED)
    found = case.policy.resource_apps.get(resource_app_id)
    if found is None or found.status is not AppStatus.ACTIVE:
        key = found.key if found else ""
        case.refuse("resource app", resource_app_id, key, Reason.RESOURCE_APP_DISABLED)
    return app, found


def _check_assigned(case: _Case, app: App, resource_app: ResourceApp, person: Person) -> None:
    """Assignment to the requesting app, and to the resource app's own relying party."""
    if not app.assigned.includes(person):
        case.refuse("app", app.id, app.key, Reason.NOT_ASSIGNED)
    if resource_app.sso_app is None:
        return
    sso_app = case.policy.apps.get(resource_app.sso_app)
    active = sso_app is not None and sso_app.status is AppStatus.ACTIVE
    if sso_app is None or not active or not sso_app.assigned.includes(person):
        key = sso_app.key if sso_app else ""
        case.refuse("app", resource_app.sso_app, key, Reason.NOT_ASSIGNED_SSO)


def _check_connection(case: _Case) -> Connection:
    connection, question = case.connection, case.question
    if connection is None:
        raise Refused(Reason.NO_CONNECTION)
    asked = (question.profile, question.subject_kind, question.actor_chain)
    reason = None
    if connection.status is not ConnectionStatus.ACTIVE:
        reason = Reason.CONNECTION_NOT_ACTIVE
    elif connection.expires is not None and question.now >= connection.expires:
        reason = Reason.CONNECTION_EXPIRED
    elif asked != (connection.profile, "person", ()):
        reason = Reason.PROFILE_MISMATCH
    elif not connection.client_id:  # JAG-08: a guess would fail later, where nobody can see why
        reason = Reason.NO_CLIENT_ID_MAPPING
    if reason:
        case.refuse("connection", connection.id, connection.key, reason)
    case.note("connection", connection.id, connection.key, "passed")
    return connection


def _check_resources(case: _Case, resource_app: ResourceApp, declared: Declared) -> tuple[str, ...]:
    """XCH-24: one resource that the audience does not govern refuses the whole request."""
    if not case.question.resources and resource_app.resource_required:
        case.refuse("resource app", resource_app.id, resource_app.key, Reason.RESOURCE_REQUIRED)
    resources = tuple(dict.fromkeys(comparable(uri) for uri in case.question.resources))
    foreign = [uri for uri in resources if uri == NO_RESOURCE or uri not in declared.spelling]
    for resource in foreign:
        case.note("resource", "", resource, Reason.RESOURCE_NOT_GOVERNED)
    if foreign:
        raise Refused(Reason.RESOURCE_NOT_GOVERNED)
    return resources


def _apply_guardrails(case: _Case, person: Person, declared: Declared) -> frozenset[Pair]:
    """The pairs that guardrails take away; one without scopes and resources denies outright."""
    removed: set[Pair] = set()
    outright = False
    for guardrail in case.policy.guardrails:
        miss = guardrail_miss(guardrail, case.question, person)
        case.note("guardrail", guardrail.id, guardrail.key, miss or "matched")
        if miss:
            continue
        case.guardrails.append(guardrail)
        outright = outright or (guardrail.scopes is None and guardrail.resources is None)
        removed.update(
            (scope, resource)
            for scope, resource in declared.pairs
            if (guardrail.scopes is None or scope in guardrail.scopes)
            and (guardrail.resources is None or resource in guardrail.resources)
        )
    if outright:
        raise Refused(Reason.GUARDRAIL)
    return frozenset(removed)


def guardrail_miss(guardrail: Guardrail, question: Question, person: Person) -> str | None:
    """Why the guardrail is not about this question: from, to or who; None when it is."""
    if guardrail.apps is not None and question.app not in guardrail.apps:
        return "from"
    if guardrail.resource_apps is not None and question.resource_app not in guardrail.resource_apps:
        return "to"
    return None if guardrail.who.includes(person) else "who"


def _apply_rules(
    case: _Case, person: Person, connection: Connection, declared: Declared, *, removed: frozenset[Pair]
) -> list[Applicable]:
    """Every rule that speaks for this person now, with the pairs it allows."""
    applicable: list[Applicable] = []
    reason = Reason.NO_RULE
    named_pairs = case.policy.rule_pairs(connection, declared)
    for rule, named in zip(connection.rules, named_pairs, strict=True):
        pairs = named - removed if removed else named
        if not rule.who.includes(person):
            outcome = "who"
        elif missing := unmet(rule.conditions, case.question):
            outcome, reason = missing, Reason.CONDITION_UNMET
        elif not named:
            outcome = "nothing declared"
        elif not pairs:
            outcome = "guardrail"
            reason = Reason.GUARDRAIL if reason is Reason.NO_RULE else reason
        else:
            outcome = "matched"
            applicable.append(Applicable(rule, pairs))
        case.trace.append(Step("rule", rule.id, rule.key, outcome))
    if not applicable:
        raise Refused(reason)
    return applicable


def _named(grant: Grant, resource_app: ResourceApp, declared: Declared, *, asked: bool) -> tuple[str, ...]:
    """The registered spelling of the granted resources; empty when the claim may be left out.

    Left out only if nobody narrowed it: not the request, not a rule, not the resource app, and not a
    guardrail or a scope that one of the declared resources does not have.
    """
    everything = len(grant.resources) == len(declared.spelling)
    may_omit = not asked and everything and not resource_app.resource_required
    if may_omit and all(rule.resources.kind == "any" for rule in grant.rules):
        return ()
    return tuple(declared.spelling[resource] for resource in grant.resources)


def _step_up(policy: Policy, question: Question) -> StepUp | None:
    """The first sign-in we can produce with which this very question is allowed (XCH-60)."""
    present = question.sign_in
    fresh = replace(present, auth_time=question.now)
    better = [
        SignIn(acr, amr, question.now, present.alive, present.address) for acr, amr in policy.sign_ins.items()
    ]
    for sign_in in (fresh, *better):
        after = _decide(policy, question.signed_in(sign_in))
        if after.allowed:
            ages = [
                rule.conditions.max_auth_age
                for rule in after.rules
                if rule.conditions.max_auth_age is not None
            ]
            acr = () if sign_in is fresh or sign_in.acr is None else (sign_in.acr,)
            return StepUp(acr, min(ages) if ages else None)
    return None
