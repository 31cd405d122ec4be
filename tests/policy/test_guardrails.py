"""Guardrails: what nobody is allowed, whatever the rules say (contract section 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idjag.policy.model import ANY, NO_SCOPE, Resource, Who
from idjag.protocol.errors import Reason
from tests.policy.parts import (
    ALICE,
    API,
    CHAT,
    CHAT_ID,
    CONTRACTORS,
    ENGINEERING,
    EVERYONE,
    FILES,
    WIKI_ID,
    ask,
    conditions,
    guardrail,
    only,
    outcomes,
    policy,
    reason,
    rule,
)

BOTH = replace(ALICE, groups=frozenset({ENGINEERING, CONTRACTORS}))


def test_a_guardrail_without_scopes_and_resources_denies_outright() -> None:
    """Attack case 68: it wins over every rule."""
    rules = policy(rule(), guardrails=[guardrail()])
    decision = ask(rules, person=BOTH)
    assert decision.reason is Reason.GUARDRAIL
    assert [one.key for one in decision.guardrails] == ["contractors-never"]
    assert outcomes(decision, "guardrail") == {"contractors-never": "matched"}
    assert outcomes(decision, "rule") == {"engineers-read": "guardrail"}
    assert reason(rules) is None


@pytest.mark.parametrize(
    ("changes", "miss"),
    [
        pytest.param({}, "who", id="other people"),
        pytest.param({"who": EVERYONE, "apps": frozenset({"app-9"})}, "from", id="another requesting app"),
        pytest.param(
            {"who": EVERYONE, "resource_apps": frozenset({"ra-9"})}, "to", id="another resource app"
        ),
        pytest.param({"who": EVERYONE, "apps": frozenset()}, "from", id="no app at all"),
        pytest.param(
            {"who": replace(EVERYONE, except_groups=frozenset({ENGINEERING}))}, "who", id="her group excepted"
        ),
    ],
)
def test_a_guardrail_that_does_not_fit_takes_nothing(changes: dict[str, Any], miss: str) -> None:
    decision = ask(policy(rule(), guardrails=[guardrail(**changes)]))
    assert decision.allowed
    assert decision.guardrails == ()
    assert outcomes(decision, "guardrail") == {"contractors-never": miss}


@pytest.mark.parametrize(
    "changes",
    [
        {"apps": frozenset({WIKI_ID, "app-9"})},
        {"resource_apps": frozenset({CHAT_ID})},
        {"apps": frozenset({WIKI_ID}), "resource_apps": frozenset({CHAT_ID})},
    ],
)
def test_a_guardrail_that_names_these_very_apps_denies(changes: dict[str, Any]) -> None:
    rules = policy(rule(), guardrails=[guardrail(who=EVERYONE, **changes)])
    assert reason(rules) is Reason.GUARDRAIL
    assert reason(policy(rule())) is None


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        pytest.param(
            {"scopes": frozenset({"chat.read"})}, {("chat.write", API), ("files.read", FILES)}, id="a scope"
        ),
        pytest.param(
            {"resources": frozenset({API})}, {("chat.read", FILES), ("files.read", FILES)}, id="a resource"
        ),
        pytest.param(
            {"scopes": frozenset({"chat.read"}), "resources": frozenset({FILES})},
            {("chat.read", API), ("chat.write", API), ("files.read", FILES)},
            id="a scope on a resource",
        ),
        pytest.param(
            {"scopes": frozenset({"mail.read"})},
            {("chat.read", API), ("chat.write", API), ("chat.read", FILES), ("files.read", FILES)},
            id="something not declared",
        ),
    ],
)
def test_a_partial_guardrail_removes_the_pairs_it_names(changes: dict[str, Any], left: set[object]) -> None:
    rules = policy(
        rule(scopes=only("chat.read", "chat.write", "files.read")),
        guardrails=[guardrail(who=EVERYONE, **changes)],
    )
    assert ask(rules).pairs == left


def test_a_partial_guardrail_narrows_the_grant() -> None:
    """Attack case 58: the rest is granted."""
    rules = policy(rule(scopes=ANY), guardrails=[guardrail(who=EVERYONE, scopes=frozenset({"chat.write"}))])
    decision = ask(rules, scopes=("chat.read", "chat.write"))
    assert decision.scopes == ("chat.read",)
    assert reason(rules, scopes=("chat.write",)) is Reason.SCOPE_NOT_ALLOWED
    assert reason(policy(rule(scopes=ANY)), scopes=("chat.write",)) is None


def test_a_partial_guardrail_that_leaves_nothing_denies() -> None:
    """Every rule for her lost all that it allows."""
    rules = policy(rule(), guardrails=[guardrail(who=EVERYONE, scopes=frozenset({"chat.read"}))])
    decision = ask(rules)
    assert decision.reason is Reason.GUARDRAIL
    assert outcomes(decision, "rule") == {"engineers-read": "guardrail"}


@pytest.mark.parametrize("order", [1, -1])
def test_what_stopped_the_rules_is_said_in_one_way_whatever_their_order(order: int) -> None:
    """One rule lost all to a guardrail, another wants a condition: the condition can be met."""
    stopped = [rule("taken"), rule("later", scopes=only("chat.write"), conditions=conditions(key_bound=True))]
    rules = policy(*stopped[::order], guardrails=[guardrail(who=EVERYONE, scopes=frozenset({"chat.read"}))])
    assert reason(rules) is Reason.CONDITION_UNMET
    assert reason(rules, key_bound=True, scopes=("chat.write",)) is None


@pytest.mark.parametrize("order", [1, -1])
def test_an_outright_guardrail_beside_a_partial_one_denies_in_any_order(order: int) -> None:
    """Attack case 68: creation order and ids never matter."""
    both = [guardrail("part", who=EVERYONE, scopes=frozenset({"chat.write"})), guardrail("all", who=EVERYONE)]
    decision = ask(policy(rule(), guardrails=both[::order]))
    assert decision.reason is Reason.GUARDRAIL
    assert {one.key for one in decision.guardrails} == {"part", "all"}


def test_a_guardrail_on_a_resource_takes_what_has_no_scope_as_well() -> None:
    bare = replace(CHAT, resources=(Resource(API, frozenset()),))
    rules = policy(
        rule(scopes=ANY), resource_app=bare, guardrails=[guardrail(who=EVERYONE, resources=frozenset({API}))]
    )
    assert ask(policy(rule(scopes=ANY), resource_app=bare), scopes=None).pairs == {(NO_SCOPE, API)}
    assert reason(rules, scopes=None) is Reason.GUARDRAIL


def test_default_scopes_do_not_come_back_around_a_guardrail() -> None:
    """XCH-31, XCH-29."""
    given = rule(
        scopes=only("chat.read", "chat.write"), default_scopes=frozenset({"chat.read", "chat.write"})
    )
    rules = policy(given, guardrails=[guardrail(who=EVERYONE, scopes=frozenset({"chat.write"}))])
    assert ask(rules, scopes=None).scopes == ("chat.read",)
    assert ask(policy(given), scopes=None).scopes == ("chat.read", "chat.write")


def test_a_guardrail_for_nobody_denies_nobody() -> None:
    assert reason(policy(rule(), guardrails=[guardrail(who=Who())])) is None
