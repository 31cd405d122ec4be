"""A better sign-in is asked for only if it would succeed (XCH-59, XCH-60)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from idjag.policy.decide import decide
from idjag.policy.index import Policy
from idjag.policy.model import Resource, Rule
from idjag.policy.question import SignIn, StepUp
from idjag.protocol.errors import Reason
from tests.policy.parts import (
    API,
    CHAT,
    EVERYONE,
    FILES,
    MFA,
    NOW,
    PWD,
    SIGN_INS,
    ask,
    conditions,
    guardrail,
    only,
    outcomes,
    policy,
    question,
    reason,
    rule,
    signed_in,
)

NEWS = "https://news.chat.example/"
NETWORK = (ip_network("192.0.2.0/24"),)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        pytest.param({"amr": frozenset({"mfa"})}, StepUp((MFA,), None), id="a method"),
        pytest.param({"acr": (MFA,)}, StepUp((MFA,), None), id="a class"),
        pytest.param({"acr": (MFA, "urn:x"), "max_auth_age": 600}, StepUp((MFA,), 600), id="class and age"),
        pytest.param({"max_auth_age": 30}, StepUp((), 30), id="age alone needs no other class"),
        pytest.param({"amr": frozenset({"otp", "pwd"})}, StepUp((MFA,), None), id="several methods"),
    ],
)
def test_a_sign_in_that_would_do_is_asked_for(named: dict[str, Any], expected: StepUp) -> None:
    """XCH-60: acr_values and max_age, each only if it is needed."""
    rules = policy(rule(conditions=conditions(**named)))
    decision = ask(rules)
    assert (decision.reason, decision.step_up) == (Reason.STEP_UP, expected)
    assert not decision.allowed


@pytest.mark.parametrize(
    "named",
    [{"amr": frozenset({"mfa"})}, {"acr": (MFA,)}, {"max_auth_age": 30}, {"acr": (MFA,), "max_auth_age": 9}],
)
def test_after_that_sign_in_the_same_question_is_allowed(named: dict[str, Any]) -> None:
    """XCH-60: also if it is as old as max_age allows."""
    rules = policy(rule(conditions=conditions(**named)))
    wanted = ask(rules).step_up
    assert wanted is not None
    acr = wanted.acr_values[0] if wanted.acr_values else PWD
    auth_time = NOW - (wanted.max_age or 0)
    after = SignIn(acr=acr, amr=SIGN_INS[acr], auth_time=auth_time)
    assert decide(rules, question(sign_in=after)).allowed
    older = replace(after, auth_time=auth_time - 1)
    assert decide(rules, question(sign_in=older)).allowed is (wanted.max_age is None)


@pytest.mark.parametrize(
    "named",
    [
        pytest.param({"acr": ("urn:nobody:has",)}, id="a class that no page produces"),
        pytest.param({"amr": frozenset({"hwk"})}, id="a method that no page offers"),
        pytest.param({"amr": frozenset({"mfa"}), "acr": (PWD,)}, id="two that never come together"),
        pytest.param({"max_auth_age": 30, "key_bound": True}, id="fresh, but something else is missing"),
        pytest.param({"amr": frozenset({"mfa"}), "networks": NETWORK}, id="strong, but from elsewhere"),
        pytest.param({"amr": frozenset({"mfa"}), "signin_networks": NETWORK}, id="signed in elsewhere"),
    ],
)
def test_a_condition_that_no_sign_in_meets_never_yields_a_step_up(named: dict[str, Any]) -> None:
    """Contract section 4: people would sign in again and again for nothing."""
    decision = ask(policy(rule(conditions=conditions(**named))))
    assert (decision.reason, decision.step_up) == (Reason.CONDITION_UNMET, None)


def test_without_sign_in_pages_there_is_no_step_up_but_freshness() -> None:
    rules = policy(rule(conditions=conditions(amr=frozenset({"mfa"}))))
    bare = Policy(
        apps=rules.apps.values(),
        resource_apps=rules.resource_apps.values(),
        connections=rules.connections.values(),
    )
    assert decide(bare, question()).reason is Reason.CONDITION_UNMET
    assert decide(rules, question()).reason is Reason.STEP_UP


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"scopes": ("mail.read",)}, Reason.SCOPE_NOT_ALLOWED, id="a scope that no rule allows"),
        pytest.param({"resources": ("https://x.example/",)}, Reason.RESOURCE_NOT_GOVERNED, id="not governed"),
        pytest.param({"person": None}, Reason.SUBJECT_UNKNOWN, id="nobody"),
        pytest.param({"sign_in": SignIn(alive=False)}, Reason.SESSION_ENDED, id="an ended session"),
    ],
)
def test_no_step_up_when_something_else_is_in_the_way(changes: dict[str, Any], expected: Reason) -> None:
    """XCH-60: only if it would make the request succeed."""
    rules = policy(rule(conditions=conditions(amr=frozenset({"mfa"}))), rule("b", scopes=only("chat.write")))
    decision = ask(rules, **changes)
    assert (decision.reason, decision.step_up) == (expected, None)
    assert reason(rules) is Reason.STEP_UP


def test_no_step_up_past_a_guardrail() -> None:
    strong = rule(conditions=conditions(amr=frozenset({"mfa"})))
    taken = policy(strong, guardrails=[guardrail(who=EVERYONE, scopes=frozenset({"chat.read"}))])
    assert reason(taken) is Reason.CONDITION_UNMET
    assert reason(policy(strong, guardrails=[guardrail(who=EVERYONE)])) is Reason.GUARDRAIL
    assert reason(policy(strong)) is Reason.STEP_UP


@pytest.mark.parametrize(
    ("waiting", "changes", "before"),
    [
        pytest.param(
            rule("b", scopes=only("chat.write")),
            {"scopes": ("chat.write",)},
            Reason.SCOPE_NOT_ALLOWED,
            id="a scope",
        ),
        pytest.param(
            rule("b", resources=only(NEWS)),
            {"resources": (NEWS,)},
            Reason.RESOURCE_NOT_ALLOWED,
            id="a resource",
        ),
        pytest.param(
            rule("b", resources=only(FILES)),
            {"scopes": ("chat.read", "files.read"), "resources": ()},
            Reason.RESOURCE_REQUIRED,
            id="all scopes on one resource",
        ),
    ],
)
def test_a_stronger_sign_in_may_turn_what_the_weak_one_is_refused(
    waiting: Rule, changes: dict[str, Any], before: Reason
) -> None:
    """XCH-60: some rules matched already, another one waits for the better sign-in."""
    chat = replace(CHAT, resources=(*CHAT.resources, Resource(NEWS, frozenset({"chat.read"}))))
    weak = (rule(resources=only(API)), rule("files", scopes=only("files.read")))
    strong = replace(waiting, conditions=conditions(amr=frozenset({"mfa"})))
    assert reason(policy(*weak, resource_app=chat), **changes) is before
    assert reason(policy(*weak, strong, resource_app=chat), **changes) is Reason.STEP_UP


def test_a_demanded_resource_is_not_got_by_signing_in() -> None:
    rules = policy(
        rule(conditions=conditions(amr=frozenset({"mfa"}))),
        resource_app=replace(CHAT, resource_required=True),
    )
    assert reason(rules, resources=()) is Reason.RESOURCE_REQUIRED
    assert reason(rules) is Reason.STEP_UP


def test_the_weakest_sign_in_that_does_is_asked_for() -> None:
    """Nobody is sent for a second factor where a fresh password is enough."""
    rules = policy(rule(conditions=conditions(acr=(PWD, MFA))))
    decision = ask(rules, sign_in=signed_in(acr="urn:old", amr=None))
    assert decision.step_up == StepUp((PWD,), None)
    fresh = policy(rule(conditions=conditions(max_auth_age=30)))
    assert ask(fresh, sign_in=signed_in(auth_time=None)).step_up == StepUp((), 30)


def test_the_trace_of_a_step_up_names_the_condition() -> None:
    decision = ask(policy(rule(conditions=conditions(amr=frozenset({"mfa"})))))
    assert outcomes(decision, "rule") == {"engineers-read": "amr"}


def test_the_shortest_age_of_the_rules_that_would_contribute_is_asked_for() -> None:
    """XCH-60: otherwise the retry could be too old for one of them."""
    rules = policy(
        rule("a", conditions=conditions(amr=frozenset({"mfa"}), max_auth_age=900)),
        rule("b", conditions=conditions(amr=frozenset({"mfa"}), max_auth_age=60)),
        rule("c", scopes=only("chat.write"), conditions=conditions(max_auth_age=1)),
    )
    assert ask(rules).step_up == StepUp((MFA,), 60)


def test_a_sign_in_keeps_its_place() -> None:
    """Where somebody would sign in from is not known: the network they came from counts."""
    rules = policy(rule(conditions=conditions(amr=frozenset({"mfa"}), signin_networks=NETWORK)))
    inside = signed_in(address=ip_address("192.0.2.1"))
    assert ask(rules, sign_in=inside).step_up == StepUp((MFA,), None)
