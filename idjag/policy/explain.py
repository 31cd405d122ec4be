"""Sentences for administrators: a rule, a guardrail, a hold, and a whole decision with its trace.

Pure.  They name groups and people and say what exactly was missing, so they are never for the client.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from idjag.policy.index import Policy
from idjag.policy.model import (
    Conditions,
    Guardrail,
    Hold,
    HoldKind,
    Narrowing,
    Person,
    ResourceApp,
    Rule,
    Who,
)
from idjag.policy.question import Decision, Question, SignIn, Step, StepKind
from idjag.policy.verdicts import verdict
from idjag.policy.words import (
    Names,
    ago,
    all_of,
    any_of,
    conditions_words,
    hours_words,
    last,
    levels,
    local_time,
    methods,
    moment,
    networks_words,
    span,
    who_words,
)

__all__ = [
    "Explanation",
    "Line",
    "Names",
    "explain",
    "guardrail_sentence",
    "held_words",
    "hold_sentence",
    "rule_notes",
    "rule_sentence",
]

# The last word of a scope that only looks; whatever is not known to look is "used".
_LOOKS = frozenset({"get", "history", "list", "read", "readonly", "search", "view"})
_WORD_ENDS = re.compile(r"[^a-z0-9]+")


def rule_sentence(rule: Rule, *, app: str, names: Names) -> str:
    """What the rule allows, to whom and when; ``app`` is the name of the requesting app."""
    what = _scopes_words(rule.scopes) + _resources_words(rule.resources)
    who = who_words(rule.who, names)
    return f"{app} may {what} for {who}{conditions_words(rule.conditions)}"


def rule_notes(rule: Rule) -> tuple[str, ...]:
    """What else the rule says, in sentences of their own."""
    notes = []
    if rule.default_scopes:
        notes.append(f"A request without scope gets {all_of(rule.default_scopes)}")
    if rule.lifetime is not None:
        notes.append(f"ID-JAGs by this rule live at most {span(rule.lifetime)}")
    return tuple(notes)


def _scopes_words(scopes: Narrowing) -> str:
    match scopes.kind:
        case "any":
            return "use every scope"
        case "except":
            return f"use every scope except {all_of(scopes.values)}"
        case _:
            verb = "read" if scopes.values and all(map(_looks, scopes.values)) else "use"
            return f"{verb} {all_of(scopes.values) if scopes.values else 'no scope'}"


def _looks(scope: str) -> bool:
    return _WORD_ENDS.split(scope.lower())[-1] in _LOOKS


def _resources_words(resources: Narrowing) -> str:
    if resources.kind == "any":
        return ""
    named = all_of(resources.values) if resources.values else "no resource"
    return f" at {named}" if resources.kind == "only" else f" everywhere except at {named}"


def guardrail_sentence(guardrail: Guardrail, *, policy: Policy, names: Names) -> str:
    """What the guardrail denies, to whom, and why."""
    apps = guardrail.apps and [policy.apps[one].name if one in policy.apps else one for one in guardrail.apps]
    subject = f"{all_of(apps)} may never use" if apps else "No app may use"
    what = any_of(guardrail.scopes) if guardrail.scopes else "anything"
    targets = guardrail.resource_apps and [
        policy.resource_apps[one].name if one in policy.resource_apps else one
        for one in guardrail.resource_apps
    ]
    where = f" of {any_of(targets)}" if targets else ""
    where += f" at {any_of(guardrail.resources)}" if guardrail.resources else ""
    why = f": {guardrail.reason}" if guardrail.reason else ""
    return f"{subject} {what}{where} for {who_words(guardrail.who, names)}{why}"


def hold_sentence(hold: Hold, *, policy: Policy, names: Names) -> str:
    """What is stopped, by whom, since when, until when and why."""
    until = f"until {moment(hold.until)}" if hold.until is not None else "until released"
    # who placed it stands there as in the audit log: kind and id
    by = f" by {names.people.get(hold.by.partition(' ')[2], hold.by)}" if hold.by else ""
    return (
        f"{held_words(hold, policy, names)} is stopped{by} since {moment(hold.since)} {until}: {hold.reason}"
    )


def held_words(hold: Hold, policy: Policy, names: Names) -> str:
    """What is held, by its name."""
    app = policy.apps.get(hold.app if hold.kind is HoldKind.USER_IN_APP else hold.target)
    name = app.name if app else hold.app or hold.target
    match hold.kind:
        case HoldKind.USER:
            return names.person(hold.target)
        case HoldKind.USER_IN_APP:
            return f"{names.person(hold.target)} in {name}"
        case HoldKind.APP:
            return name
        case HoldKind.CONNECTION:
            connection = policy.connections.get(hold.target)
            return f"the connection {connection.key if connection else hold.target}"
        case _:
            resource_app = policy.resource_apps.get(hold.target)
            return resource_app.name if resource_app else hold.target


@dataclass(frozen=True, slots=True)
class Line:
    """One hold, guardrail or rule of the trace.  ``matched``: it applied to the question."""

    kind: StepKind
    key: str
    matched: bool
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision in words: the answer, and each hold, guardrail and rule that was looked at."""

    headline: str
    lines: tuple[Line, ...]


def explain(
    policy: Policy, question: Question, decision: Decision, *, names: Names | None = None
) -> Explanation:
    """The decision in words; ``decision`` must be the answer of ``policy`` to ``question``."""
    reader = _Reader(policy, question, decision, names or Names())
    lines = tuple(line for step in decision.trace if (line := reader.line(step)) is not None)
    return Explanation(verdict(policy, question, decision, reader.names), lines)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns the steps of one trace into lines."""

    policy: Policy
    question: Question
    decision: Decision
    names: Names

    def line(self, step: Step) -> Line | None:
        """The line of a step; None for those that the headline says already."""
        matched = step.outcome == "matched"
        match step.kind:
            case "hold":
                return Line("hold", step.key, matched, self._hold(step))
            case "guardrail":
                return Line("guardrail", step.key, matched, self._guardrail(step))
            case "rule":
                return Line("rule", step.key, matched, self._rule(step))
            case _:
                return None

    def _hold(self, step: Step) -> str:
        hold = next(one for one in self.question.holds if one.id == step.id)
        sentence = hold_sentence(hold, policy=self.policy, names=self.names)
        if step.outcome == "matched":
            return sentence
        over = hold.until is not None and self.question.now >= hold.until
        return f"{sentence} (it has ended)" if over else f"{sentence} (not about this question)"

    def _guardrail(self, step: Step) -> str:
        guardrail = next(one for one in self.policy.guardrails if one.id == step.id)
        if step.outcome == "matched":
            return guardrail_sentence(guardrail, policy=self.policy, names=self.names)
        misses: dict[str, Callable[[], str]] = {
            "from": lambda: "it is about other requesting apps",
            "to": lambda: "it is about other resource apps",
            "who": lambda: self._who_miss(guardrail.who),
        }
        return f"does not apply: {misses[step.outcome]()}"

    def _rule(self, step: Step) -> str:
        rule = next(one for one in self._rules() if one.id == step.id)
        if step.outcome == "matched":
            app = self.policy.apps.get(self.question.app)
            return rule_sentence(rule, app=app.name if app else self.question.app, names=self.names)
        misses: dict[str, Callable[[], str]] = {
            "who": lambda: self._who_miss(rule.who),
            "nothing declared": lambda: f"{self._target()} declares nothing of what it names",
            "guardrail": lambda: "guardrails take away everything that it allows",
        }
        miss = misses.get(step.outcome)
        return f"does not apply: {miss() if miss else self._condition_miss(step.outcome, rule.conditions)}"

    def _rules(self) -> tuple[Rule, ...]:
        return self.decision.connection.rules if self.decision.connection else ()

    def _target(self) -> str:
        found: ResourceApp | None = self.policy.resource_apps.get(self.question.resource_app)
        return found.name if found else self.question.resource_app

    def _who_miss(self, who: Who) -> str:
        person = self.question.person or Person("")
        name = self.names.of(person)
        if person.id in who.except_people:
            return f"it excepts {name}"
        if excepted := who.except_groups & person.groups:
            return f"it excepts people in {all_of(map(self.names.group, excepted))}, and {name} is one"
        return f"it is for {who_words(who, self.names)}, and {name} is not meant"

    def _condition_miss(self, name: str, conditions: Conditions) -> str:
        question, sign_in = self.question, self.question.sign_in
        match name:
            case "acr":
                came = f"was {levels([sign_in.acr])}" if sign_in.acr else "names no level"
                return f"it wants a sign-in {levels(conditions.acr)}, and this one {came}"
            case "amr":
                came = f"was {methods(sign_in.amr)}" if sign_in.amr else "names no method"
                return f"it wants a sign-in {methods(conditions.amr)}, and this one {came}"
            case "max_auth_age":
                wanted = last(conditions.max_auth_age or 0)
                return f"it wants a sign-in in {wanted}, and this one {_age(sign_in, question.now)}"
            case "networks":
                came = f"came from {question.address}" if question.address else "has no known address"
                return f"it wants a call {networks_words(conditions.networks)}, and this one {came}"
            case "signin_networks":
                came = f"was from {sign_in.address}" if sign_in.address else "has no known address"
                return f"it wants a sign-in {networks_words(conditions.signin_networks)}, and this one {came}"
            case "hours" if conditions.hours:
                there = local_time(question.now, conditions.hours)
                return f"it is open {hours_words(conditions.hours)}, and it is {there} there"
            case _:
                return "it wants a proof of the app's key, and there is none"


def _age(sign_in: SignIn, now: int) -> str:
    if sign_in.auth_time is None:
        return "has no known time"
    age = now - sign_in.auth_time
    return f"was {ago(age)}" if age >= 0 else "is dated in the future"
