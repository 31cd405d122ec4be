"""The smallest change that would turn a denial, found by trying changes and asking decide() again.

What it never advises: to weaken a guardrail or a condition, to undo an exception, to release a hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from idjag.policy.candidates import OF_SIGN_IN, State, candidates
from idjag.policy.changes import Change
from idjag.policy.conditions import unmet
from idjag.policy.decide import decide, guardrail_miss, held
from idjag.policy.explain import guardrail_sentence, hold_sentence
from idjag.policy.index import Policy
from idjag.policy.model import App, Connection, Guardrail, Rule
from idjag.policy.question import Question
from idjag.policy.words import Names, all_of, levels, methods

__all__ = ["Advice", "smallest_change"]

_MOST_CHANGES = 7
_MOST_STATES = 200  # of one size; a policy has to be odd to come near
_ORDER = {"request": 0, "sign-in": 1, "person": 2, "policy": 3}


@dataclass(frozen=True, slots=True)
class Advice:
    """How a denial could be turned.

    ``options``: each is a set of changes that together turn it; all have the same, smallest size, and those
    that widen nothing come first.  ``obstacles``: sentences about what no advice gets around.
    """

    options: tuple[tuple[Change, ...], ...] = ()
    obstacles: tuple[str, ...] = ()


def smallest_change(policy: Policy, question: Question, *, names: Names | None = None) -> Advice:
    """The smallest changes that would turn the denial of this question; empty when it is allowed."""
    start = _state(_excerpt(policy, question), question, names or Names())
    if start.decision.allowed:
        return Advice()
    options = sorted(_search(start), key=_order)
    return Advice(tuple(options), tuple(_obstacles(start)))


def _state(policy: Policy, question: Question, names: Names) -> State:
    return State(policy, question, decide(policy, question), names)


def _excerpt(policy: Policy, question: Question) -> Policy:
    """What this question can touch, so that each try costs the same in a tenant of any size."""
    target = policy.resource_apps.get(question.resource_app)
    connection = policy.connection(question.app, question.resource_app)
    apps = (policy.apps.get(question.app), policy.apps.get((target and target.sso_app) or ""))
    return Policy(
        apps=[app for app in apps if isinstance(app, App)],
        resource_apps=[target] if target else [],
        connections=[connection] if isinstance(connection, Connection) else [],
        guardrails=policy.guardrails,
        issuers=policy.issuers,
        sign_ins=policy.sign_ins,
        seq=policy.seq,
    )


def _order(changes: tuple[Change, ...]) -> tuple[list[int], list[str]]:
    return [_ORDER[change.of] for change in changes], [change.text for change in changes]


def _search(start: State) -> list[tuple[Change, ...]]:
    """All smallest sets of changes, breadth first."""
    tried = {frozenset[str]()}
    states: list[tuple[State, tuple[Change, ...]]] = [(start, ())]
    for _ in range(_MOST_CHANGES):
        following = list(_one_more(states, tried))
        if found := [changes for state, changes in following if state.decision.allowed]:
            return found
        states = following
    return []


def _one_more(
    states: list[tuple[State, tuple[Change, ...]]], tried: set[frozenset[str]]
) -> Iterator[tuple[State, tuple[Change, ...]]]:
    """Every state that one change more leads to; ``tried`` remembers which sets were seen."""
    count = 0
    for state, changes in states:
        for change in candidates(state):
            together = frozenset(one.text for one in (*changes, change))
            if together in tried or count >= _MOST_STATES:
                continue
            tried.add(together)
            after = _state(*change.edit(state.policy, state.question), state.names)
            if not _weakens(change, state, after):
                count += 1
                yield after, (*changes, change)


def _weakens(change: Change, before: State, after: State) -> bool:
    """Whether a change goes around a guardrail that speaks, or around a condition that is not met.

    Who changes groups or rules may gain nothing that a rule gives already, if only its conditions are met.
    """
    if change.of in {"request", "sign-in"}:
        return False
    gained = after.pairs(met=True) - before.pairs(met=True)
    return not _guardrails(before) <= _guardrails(after) or bool(gained & before.pairs(met=False))


def _guardrails(state: State) -> frozenset[str]:
    return frozenset(
        one.id for one in state.policy.guardrails if not guardrail_miss(one, state.question, state.person)
    )


def _obstacles(state: State) -> Iterator[str]:
    """What stands in the way and is not for an advice to remove."""
    policy, question, names = state.policy, state.question, state.names
    for hold in question.holds:
        if held(hold, question, state.decision.connection):
            yield f"A hold: {hold_sentence(hold, policy=policy, names=names)}"
    speaking = _guardrails(state)
    for guardrail in policy.guardrails:
        if guardrail.id in speaking and _takes(guardrail, state):
            sentence = guardrail_sentence(guardrail, policy=policy, names=names)
            yield f"The guardrail {guardrail.key}: {sentence}"
    yield from _exceptions(state)
    yield from _undeclared(state)
    for rule in _about_it(state):
        if rule.who.includes(state.person) and (why := _unmeetable(rule, state)):
            yield f"The rule {rule.key} {why}"


def _takes(guardrail: Guardrail, state: State) -> bool:
    """Whether it takes something of what was asked for."""
    outright = guardrail.scopes is None and guardrail.resources is None
    return outright or any(
        (guardrail.scopes is None or scope in guardrail.scopes)
        and (guardrail.resources is None or resource in guardrail.resources)
        for scope, resource in state.wanted()
    )


def _about_it(state: State) -> list[Rule]:
    """The rules that would allow something of what was asked for."""
    declared, wanted = state.declared, state.wanted()
    return [rule for rule in state.rules if declared.within(rule.scopes, rule.resources) & wanted]


def _exceptions(state: State) -> Iterator[str]:
    whos = [(app.name, app.assigned) for app in state.policy.apps.values()]
    whos += [(f"The rule {rule.key}", rule.who) for rule in _about_it(state)]
    for what, who in whos:
        if state.person.id in who.except_people or who.except_groups & state.person.groups:
            yield f"{what} excepts {state.name}"


def _undeclared(state: State) -> Iterator[str]:
    target = state.policy.resource_apps.get(state.question.resource_app)
    known = {scope for scope, _ in state.declared.pairs}
    for scope in state.question.scopes or ():
        if target is not None and scope not in known:
            near = all_of(one for one in known if one and one.lower() == scope.lower())
            hint = f"; it declares {near}" if near else ""
            yield f"{target.name} does not declare the scope {scope}{hint}"


def _unmeetable(rule: Rule, state: State) -> str | None:
    """What the rule wants that nobody has; None when somebody could have it."""
    conditions, question = rule.conditions, state.question
    if conditions.key_bound and not question.key_bound:
        return "wants a proof of the app's key"
    if unmet(conditions, question) not in OF_SIGN_IN:
        return None
    here = [(question.sign_in.acr, question.sign_in.amr), *state.policy.sign_ins.items()]
    for acr, amr in here:
        if (not conditions.acr or acr in conditions.acr) and conditions.amr <= (amr or frozenset()):
            return None
    words = [levels(conditions.acr)] if conditions.acr else []
    words += [methods(conditions.amr)] if conditions.amr else []
    return f"wants a sign-in {' '.join(words)}, which nobody can make here"
