"""Laws of decide() over random companies and questions (issue 3, attack case 78).

What one grant holds is a product, scopes times resources, and a product is not monotone: one more rule may
make more resources worth granting, on all of which every granted scope must be allowed.  So the laws speak of
``Decision.pairs``, which is what the rules allow; every grant is inside it.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from idjag.policy.decide import decide
from idjag.policy.index import Policy
from idjag.policy.model import NO_RESOURCE, NO_SCOPE, Guardrail, Hold, HoldKind, Pair, Rule, Who
from idjag.policy.question import Decision, Question, SignIn
from idjag.protocol.errors import Reason
from idjag.protocol.resources import comparable
from tests.policy import worlds
from tests.policy.parts import NOW

T = TypeVar("T")
MANY = settings(max_examples=300)
pytestmark = pytest.mark.slow


def changed(policy: Policy, *, rules: tuple[Rule, ...] | None = None, guardrails: list[Guardrail]) -> Policy:
    """The same company with other guardrails, and other rules unless they are None."""
    connections = [
        replace(one, rules=one.rules if rules is None else rules) for one in policy.connections.values()
    ]
    return Policy(
        apps=policy.apps.values(),
        resource_apps=policy.resource_apps.values(),
        connections=connections,
        guardrails=guardrails,
        sign_ins=policy.sign_ins,
    )


def rules_of(policy: Policy) -> tuple[Rule, ...]:
    """The rules of the one connection, if it is there."""
    return next((one.rules for one in policy.connections.values()), ())


def declared_pairs(policy: Policy) -> frozenset[Pair]:
    """What Chat declares, worked out again."""
    chat = policy.resource_apps["chat"]
    if not chat.resources:
        return frozenset((scope, NO_RESOURCE) for scope in chat.scopes or {NO_SCOPE})
    return frozenset(
        (scope, comparable(resource.uri))
        for resource in chat.resources
        for scope in resource.scopes or {NO_SCOPE}
    )


def granted(policy: Policy, decision: Decision) -> frozenset[Pair]:
    """The product that the claims of a grant stand for; a claim that is left out stands for everything."""
    everything = {resource for _, resource in declared_pairs(policy)}
    resources = {comparable(uri) for uri in decision.resources} or everything
    return frozenset((scope, resource) for scope in decision.scopes for resource in resources)


def shuffled(values: tuple[T, ...], dice: random.Random) -> tuple[T, ...]:
    """The same values in another order."""
    return tuple(dice.sample(values, len(values)))


def shape(decision: Decision) -> object:
    """A decision without the order of anything."""
    return (
        decision.reason,
        frozenset(decision.scopes),
        frozenset(decision.resources),
        decision.pairs,
        decision.lifetime,
        frozenset(rule.key for rule in decision.rules),
        frozenset(guardrail.key for guardrail in decision.guardrails),
        decision.step_up,
        sorted(decision.trace),
    )


@MANY
@given(worlds.policies(), worlds.questions())
def test_every_granted_pair_is_allowed_by_one_single_rule_and_declared(
    policy: Policy, question: Question
) -> None:
    """XCH-19, XCH-29: checked against the words of the contract, not against the code's own pairs."""
    decision = decide(policy, question)
    event("allowed" if decision.allowed else str(decision.reason))
    person = question.person
    assert person is not None
    for scope, resource in granted(policy, decision):
        assert (scope, resource) in declared_pairs(policy)
        assert any(
            rule.scopes.admits(scope) and rule.resources.admits(resource) and rule.who.includes(person)
            for rule in decision.rules
        )
        for guardrail in policy.guardrails:
            named = (guardrail.scopes is None or scope in guardrail.scopes) and (
                guardrail.resources is None or resource in guardrail.resources
            )
            here = guardrail.apps in (None, {"wiki"}) and guardrail.resource_apps in (None, {"chat"})
            assert not (named and here and guardrail.who.includes(person))


@MANY
@given(worlds.policies(), worlds.questions())
def test_every_grant_is_inside_the_pairs(policy: Policy, question: Question) -> None:
    decision = decide(policy, question)
    assert granted(policy, decision) <= decision.pairs <= declared_pairs(policy)
    assert decision.allowed or not (decision.scopes or decision.resources or decision.rules)


@MANY
@given(worlds.policies(), worlds.questions())
def test_nothing_beyond_the_request_is_granted(policy: Policy, question: Question) -> None:
    """XCH-29: also no scope and no resource twice."""
    decision = decide(policy, question)
    if question.scopes is not None:
        assert set(decision.scopes) <= set(question.scopes)
    if question.resources and decision.allowed:
        assert decision.resources
        assert {comparable(uri) for uri in decision.resources} <= set(map(comparable, question.resources))
    assert len(set(decision.scopes)) == len(decision.scopes)
    assert len(set(decision.resources)) == len(decision.resources)
    if decision.allowed:
        assert 0 < decision.lifetime <= policy.resource_apps["chat"].lifetime


@MANY
@given(worlds.policies(), worlds.questions(), worlds.RULES)
def test_adding_a_rule_never_removes_a_pair(policy: Policy, question: Question, more: Rule) -> None:
    after = changed(policy, rules=(*rules_of(policy), more), guardrails=list(policy.guardrails))
    assert decide(policy, question).pairs <= decide(after, question).pairs


@MANY
@given(worlds.policies(), worlds.questions(), worlds.GUARDRAILS)
def test_adding_a_guardrail_never_adds_a_pair(policy: Policy, question: Question, more: Guardrail) -> None:
    after = changed(policy, guardrails=[*policy.guardrails, more])
    assert decide(after, question).pairs <= decide(policy, question).pairs


@MANY
@given(worlds.policies(), worlds.questions(), worlds.WHOS)
def test_an_outright_guardrail_never_turns_a_denial(policy: Policy, question: Question, who: Who) -> None:
    """Unlike a partial one, which may leave a smaller product that fits."""
    before = decide(policy, question)
    after = decide(changed(policy, guardrails=[*policy.guardrails, Guardrail("g", "g", who)]), question)
    assert before.allowed or not after.allowed


@MANY
@given(worlds.policies(), worlds.questions(), worlds.HOLDS)
def test_a_hold_stops_all_or_changes_nothing(policy: Policy, question: Question, more: Hold) -> None:
    before = decide(policy, question)
    after = decide(policy, replace(question, holds=(*question.holds, more)))
    if after.reason is Reason.HELD:
        assert after.pairs == frozenset()
    else:
        assert replace(after, trace=()) == replace(before, trace=())


@MANY
@given(worlds.policies(), worlds.questions(), worlds.RULES, worlds.GUARDRAILS)
def test_a_request_for_one_scope_or_one_resource_is_monotone(
    policy: Policy, question: Question, more: Rule, stricter: Guardrail
) -> None:
    """Where the product is a row or a column, more rules never deny and more guardrails never allow."""
    scopes = question.scopes or worlds.SCOPES
    question = replace(question, scopes=scopes if len(question.resources) == 1 else scopes[:1])
    before = decide(policy, question)
    wider = changed(policy, rules=(*rules_of(policy), more), guardrails=list(policy.guardrails))
    assert granted(policy, before) <= granted(wider, decide(wider, question))
    tighter = changed(policy, guardrails=[*policy.guardrails, stricter])
    assert granted(tighter, decide(tighter, question)) <= granted(policy, before)


@MANY
@given(worlds.policies(), worlds.questions(), st.integers(0, 999))
def test_the_order_of_anything_never_matters(policy: Policy, question: Question, seed: int) -> None:
    """Attack case 68: rules, guardrails, holds, declared resources, what is asked."""
    chat, dice = policy.resource_apps["chat"], random.Random(seed)  # noqa: S311 - no secret
    other = Policy(
        apps=reversed(list(policy.apps.values())),
        resource_apps=[replace(chat, resources=shuffled(chat.resources, dice))],
        connections=[replace(one, rules=shuffled(one.rules, dice)) for one in policy.connections.values()],
        guardrails=shuffled(policy.guardrails, dice),
        sign_ins=policy.sign_ins,
    )
    asked = replace(
        question,
        scopes=question.scopes and shuffled(question.scopes, dice),
        resources=shuffled(question.resources, dice),
        holds=shuffled(question.holds, dice),
    )
    assert shape(decide(other, asked)) == shape(decide(policy, question))


@MANY
@given(worlds.policies(), worlds.questions(), st.data())
def test_narrowing_the_request_never_widens_the_grant(
    policy: Policy, question: Question, data: st.DataObject
) -> None:
    """The pairs do not depend on what is asked, so a narrower request stays inside those of the wider one."""
    governed = [
        uri for uri in question.resources if uri in {r.uri for r in policy.resource_apps["chat"].resources}
    ]
    wide = replace(question, scopes=question.scopes or worlds.SCOPES, resources=tuple(governed))
    scopes = data.draw(st.lists(st.sampled_from(wide.scopes or ()), min_size=1, unique=True))
    resources = data.draw(st.lists(st.sampled_from(governed), min_size=1, unique=True)) if governed else []
    narrow = replace(wide, scopes=tuple(scopes), resources=tuple(resources))
    decision = decide(policy, narrow)
    assert decision.pairs == decide(policy, wide).pairs
    assert granted(policy, decision) <= decide(policy, wide).pairs


_LATER = {
    Reason.CONDITION_UNMET,
    Reason.SCOPE_NOT_ALLOWED,
    Reason.RESOURCE_NOT_ALLOWED,
    Reason.RESOURCE_REQUIRED,
}


@MANY
@given(worlds.policies(), worlds.questions())
def test_a_step_up_is_asked_for_exactly_when_a_better_sign_in_is_allowed(
    policy: Policy, question: Question
) -> None:
    """XCH-60: the retry succeeds, even as old as max_age allows."""
    decision = decide(policy, question)
    fresh = replace(question.sign_in, auth_time=NOW)
    better = [replace(fresh, acr=acr, amr=amr) for acr, amr in policy.sign_ins.items()]
    helps = [one for one in (fresh, *better) if decide(policy, question.signed_in(one)).allowed]
    if decision.reason is Reason.STEP_UP:
        assert decision.step_up is not None
        wanted, age = decision.step_up.acr_values, decision.step_up.max_age
        assert wanted or age is not None
        acr = wanted[0] if wanted else None
        after = fresh if acr is None else replace(fresh, acr=acr, amr=policy.sign_ins[acr])
        retry = decide(policy, question.signed_in(replace(after, auth_time=NOW - (age or 0))))
        assert retry.allowed
    else:
        assert decision.step_up is None
        assert decision.allowed or decision.reason not in _LATER or not helps


texts = st.text(max_size=20) | st.sampled_from(["", " ", "%", "%zz", "https://[", "https://h:x/", "//", ":"])


@MANY
@given(
    worlds.policies(),
    worlds.questions(),
    st.lists(texts, max_size=3).map(tuple),
    st.lists(texts, max_size=3).map(tuple),
    texts,
)
@example(Policy(), Question("", "", None, 0), ("",), ("",), "")
def test_decide_never_raises_and_is_deterministic(
    policy: Policy, question: Question, scopes: tuple[str, ...], resources: tuple[str, ...], text: str
) -> None:
    """Whatever gets past a parser ends in a decision, and always in the same one."""
    sign_in = SignIn(acr=text, amr=frozenset({text}))
    for asked in (
        question,
        replace(question, scopes=scopes),
        replace(question, resources=resources),
        replace(question, person=None),
        replace(question, app=text),
        replace(question, resource_app=text),
        replace(question, sign_in=sign_in),
        replace(question, holds=(Hold("h", HoldKind.USER_IN_APP, text, "r", app=text),)),
    ):
        assert decide(policy, asked) == decide(policy, asked)
