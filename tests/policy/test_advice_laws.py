"""Laws of the advice over random companies: it works, it is smallest, and it weakens nothing."""

from __future__ import annotations

import pytest
from hypothesis import event, given, settings

from idjag.policy.advise import smallest_change
from idjag.policy.conditions import unmet
from idjag.policy.decide import decide, guardrail_miss
from idjag.policy.index import Policy
from idjag.policy.model import Conditions, Pair, Rule
from idjag.policy.question import Question
from tests.policy import worlds

pytestmark = pytest.mark.slow
MANY = settings(max_examples=300)


def after(policy: Policy, question: Question, option: tuple[object, ...]) -> tuple[Policy, Question]:
    """The whole policy and the question with all changes of an option made."""
    for change in option:
        policy, question = change.edit(policy, question)  # type: ignore[attr-defined]
    return policy, question


def rules_of(policy: Policy) -> tuple[Rule, ...]:
    """The rules from wiki to chat."""
    found = policy.connection("wiki", "chat")
    return found.rules if found else ()


def speaking(policy: Policy, question: Question) -> frozenset[str]:
    """The guardrails that mean this question."""
    person = question.person
    assert person is not None
    return frozenset(one.id for one in policy.guardrails if not guardrail_miss(one, question, person))


def pairs(policy: Policy, question: Question, *, met: bool) -> frozenset[Pair]:
    """What the rules for this person allow whose conditions are met; or what the others would."""
    person, declared = question.person, policy.declared(policy.resource_apps["chat"])
    assert person is not None
    return frozenset(
        pair
        for rule in rules_of(policy)
        if rule.who.includes(person) and (unmet(rule.conditions, question) is None) is met
        for pair in declared.within(rule.scopes, rule.resources)
    )


@MANY
@given(worlds.policies(), worlds.questions())
def test_following_an_advice_makes_it_allowed(policy: Policy, question: Question) -> None:
    """Issue 3: found by asking decide() again; here on the whole policy."""
    advice = smallest_change(policy, question)
    event(f"{len(advice.options[0]) if advice.options else 0} changes")
    assert not (advice.options and decide(policy, question).allowed)
    for option in advice.options:
        assert decide(*after(policy, question, option)).allowed


@MANY
@given(worlds.policies(), worlds.questions())
def test_no_part_of_an_advice_is_superfluous(policy: Policy, question: Question) -> None:
    """All options have one size, and leaving out the last step never suffices."""
    advice = smallest_change(policy, question)
    assert len({len(option) for option in advice.options}) <= 1
    assert all(option for option in advice.options)
    for option in advice.options:
        assert not decide(*after(policy, question, option[:-1])).allowed


@MANY
@given(worlds.policies(), worlds.questions())
def test_no_advice_weakens_a_guardrail_a_condition_an_exception_or_a_hold(
    policy: Policy, question: Question
) -> None:
    conditions: dict[str, Conditions] = {rule.id: rule.conditions for rule in rules_of(policy)}
    for option in smallest_change(policy, question).options:
        changed, asked = after(policy, question, option)
        assert changed.guardrails == policy.guardrails
        assert speaking(policy, question) <= speaking(changed, asked)
        assert asked.holds == question.holds
        for rule in rules_of(changed):
            assert rule.conditions == conditions.get(rule.id, Conditions())
        for one, before in zip(rules_of(changed), rules_of(policy), strict=False):
            assert one.who.except_groups >= before.who.except_groups
            assert one.who.except_people >= before.who.except_people


@MANY
@given(worlds.policies(), worlds.questions())
def test_no_advice_goes_around_a_condition(policy: Policy, question: Question) -> None:
    """Who changes groups or rules gains nothing that only waits for its conditions to be met."""
    for option in smallest_change(policy, question).options:
        if any(change.of in {"request", "sign-in"} for change in option):
            continue
        changed, asked = after(policy, question, option)
        gained = pairs(changed, asked, met=True) - pairs(policy, question, met=True)
        assert not gained & pairs(policy, question, met=False)


@MANY
@given(worlds.policies(), worlds.questions())
def test_the_same_denial_has_the_same_advice(policy: Policy, question: Question) -> None:
    """The events count how often neither a change nor an obstacle is known: a few very odd worlds."""
    advice = smallest_change(policy, question)
    known = bool(advice.options or advice.obstacles or decide(policy, question).allowed)
    event("known" if known else "neither")
    assert smallest_change(policy, question) == advice
