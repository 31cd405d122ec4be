"""Decisions in words: the answer, and each hold, guardrail and rule with why it matched or not."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from idjag.policy.decide import decide
from idjag.policy.explain import Explanation, Names, explain, hold_sentence
from idjag.policy.index import Policy
from idjag.policy.model import (
    Guardrail,
    Hold,
    HoldKind,
    Hours,
    Who,
)
from idjag.policy.question import Question
from tests.policy import worlds
from tests.policy.parts import (
    ALICE,
    ALICE_ID,
    API,
    ENGINEERING,
    EVERYONE,
    NOW,
    SALES,
    WIKI,
    WIKI_ID,
    conditions,
    connection,
    guardrail,
    only,
    policy,
    question,
    rule,
    signed_in,
    told,
)

OFFICE = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
HOURS = Hours("Europe/Berlin", ZoneInfo("Europe/Berlin"), frozenset(range(5)), 480, 1080)


def text(explanation: Explanation, key: str = "engineers-read") -> str:
    """What is said of one rule or guardrail."""
    return next(line.text for line in explanation.lines if line.key == key)


def test_an_allowed_question_says_what_is_granted() -> None:
    explanation = told(policy(rule()))
    assert explanation.headline == (
        f"Allowed: Wiki gets chat.read at {API} for alice, in an ID-JAG that lives 5 minutes"
    )
    assert [(line.kind, line.key, line.matched) for line in explanation.lines] == [
        ("rule", "engineers-read", True)
    ]
    assert text(explanation) == "Wiki may read chat.read for people in engineering"


def test_holds_are_counted_and_listed() -> None:
    held = Hold("h1", HoldKind.USER, ALICE_ID, "stolen laptop", by="it")
    over = replace(held, id="h2", until=NOW)
    other = replace(held, id="h3", target="person-2")
    explanation = told(policy(rule()), holds=(held, over, other))
    assert explanation.headline == "Denied: a hold stops this"
    lines = [line for line in explanation.lines if line.kind == "hold"]
    assert [line.matched for line in lines] == [True, False, False]
    assert lines[0].text == "alice is stopped by it since 1970-01-01 00:00 UTC until released: stolen laptop"
    assert lines[1].text.endswith("(it has ended)")
    assert lines[2].text.startswith("bob is stopped by it since")
    assert lines[2].text.endswith("(not about this question)")
    both = told(policy(rule()), holds=(held, replace(held, id="h4", kind=HoldKind.APP, target=WIKI_ID)))
    assert both.headline == "Denied: 2 holds stop this"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"apps": frozenset({"gone"})}, "does not apply: it is about other requesting apps"),
        ({"resource_apps": frozenset({"gone"})}, "does not apply: it is about other resource apps"),
        ({}, "does not apply: it is for people in contractors, and alice is not meant"),
        ({"who": EVERYONE, "scopes": frozenset({"x"})}, "No app may use x for everyone"),
    ],
)
def test_a_guardrail_in_the_trace(changes: dict[str, Any], expected: str) -> None:
    explanation = told(policy(rule(), guardrails=[guardrail(**changes)]))
    assert text(explanation, "contractors-never") == expected


RULE_MISSES = [
    ({"who": Who(groups=frozenset({SALES}))}, {}, "it is for people in sales, and alice is not meant"),
    ({"who": Who()}, {}, "it is for nobody, and alice is not meant"),
    ({"who": replace(EVERYONE, except_people=frozenset({ALICE_ID}))}, {}, "it excepts alice"),
    (
        {"who": replace(EVERYONE, except_groups=frozenset({ENGINEERING, SALES}))},
        {},
        "it excepts people in engineering, and alice is one",
    ),
    ({"scopes": only("mail.read")}, {}, "Chat declares nothing of what it names"),
    (
        {"conditions": conditions(acr=("urn:x",))},
        {},
        "it wants a sign-in at level urn:x, and this one was at level urn:example:pwd",
    ),
    (
        {"conditions": conditions(acr=("urn:x",))},
        {"sign_in": signed_in(acr=None)},
        "it wants a sign-in at level urn:x, and this one names no level",
    ),
    (
        {"conditions": conditions(amr=frozenset({"hwk"}))},
        {},
        "it wants a sign-in with a hardware key, and this one was with a password",
    ),
    (
        {"conditions": conditions(amr=frozenset({"hwk"}))},
        {"sign_in": signed_in(amr=None)},
        "it wants a sign-in with a hardware key, and this one names no method",
    ),
    (
        {"conditions": conditions(max_auth_age=30, key_bound=True)},
        {},
        "it wants a sign-in in the last 30 seconds, and this one was 1 minute ago",
    ),
    (
        {"conditions": conditions(max_auth_age=30, key_bound=True)},
        {"sign_in": signed_in(auth_time=None)},
        "it wants a sign-in in the last 30 seconds, and this one has no known time",
    ),
    (
        {"conditions": conditions(max_auth_age=30, key_bound=True)},
        {"sign_in": signed_in(auth_time=NOW + 3600)},
        "it wants a sign-in in the last 30 seconds, and this one is dated in the future",
    ),
    (
        {"conditions": conditions(networks=OFFICE[:1])},
        {"address": ip_address("198.51.100.1")},
        "it wants a call from 192.0.2.0/24, and this one came from 198.51.100.1",
    ),
    (
        {"conditions": conditions(networks=OFFICE[:1])},
        {},
        "it wants a call from 192.0.2.0/24, and this one has no known address",
    ),
    (
        {"conditions": conditions(signin_networks=OFFICE[:1])},
        {"sign_in": signed_in(address=ip_address("198.51.100.1"))},
        "it wants a sign-in from 192.0.2.0/24, and this one was from 198.51.100.1",
    ),
    (
        {"conditions": conditions(signin_networks=OFFICE[:1])},
        {},
        "it wants a sign-in from 192.0.2.0/24, and this one has no known address",
    ),
    (
        {"conditions": conditions(hours=replace(HOURS, days=frozenset({6})))},
        {},
        "it is open Sunday from 08:00 to 18:00 (Europe/Berlin), and it is Friday 09:00 there",
    ),
    ({"conditions": conditions(key_bound=True)}, {}, "it wants a proof of the app's key, and there is none"),
]


@pytest.mark.parametrize(("of_rule", "changes", "expected"), RULE_MISSES)
def test_a_rule_that_does_not_apply_says_why(
    of_rule: dict[str, Any], changes: dict[str, Any], expected: str
) -> None:
    """Issue 3: each rule, matched or the first reason why not, with what was wanted and what came."""
    assert text(told(policy(rule(**of_rule)), **changes)) == f"does not apply: {expected}"


def test_a_rule_that_a_guardrail_empties() -> None:
    rules = policy(rule(), guardrails=[Guardrail("g", "g", EVERYONE, scopes=frozenset({"chat.read"}))])
    assert text(told(rules)) == "does not apply: guardrails take away everything that it allows"


def test_an_undeclared_rule_at_a_resource_app_that_is_gone_from_the_policy() -> None:
    """Without the resource app the rules are not looked at, so the trace has no line for them."""
    rules = Policy(apps=[WIKI], connections=[connection(rule())])
    assert told(rules).lines == ()


def test_ids_are_shown_when_nobody_has_given_names() -> None:
    asked = question(person=replace(ALICE, username=""))
    explanation = explain(policy(rule()), asked, decide(policy(rule()), asked))
    assert "for person-1" in explanation.headline
    assert text(explanation) == "Wiki may read chat.read for people in group-1"


@pytest.mark.slow
@settings(max_examples=300)
@given(worlds.policies(), worlds.questions())
def test_every_decision_can_be_explained_with_a_line_for_each_thing(
    policy: Policy, question: Question
) -> None:
    """Deterministic, never raises, and nothing of the trace is lost."""
    decision = decide(policy, question)
    explanation = explain(policy, question, decision)
    assert explanation == explain(policy, question, decision)
    told_of = [step for step in decision.trace if step.kind in {"hold", "guardrail", "rule"}]
    assert [(line.kind, line.key) for line in explanation.lines] == [
        (step.kind, step.key) for step in told_of
    ]
    assert explanation.headline.startswith("Allowed: " if decision.allowed else "Denied: ")


@pytest.mark.parametrize(("by", "said"), [(f"person {ALICE_ID}", "alice"), ("person gone", "person gone")])
def test_whoever_placed_a_hold_is_called_by_name_while_there_is_one(by: str, said: str) -> None:
    hold = Hold("h1", HoldKind.USER, "user-9", "stolen laptop", by=by)
    sentence = hold_sentence(hold, policy=policy(rule()), names=Names(people={ALICE_ID: "alice"}))
    assert f"is stopped by {said} since" in sentence
