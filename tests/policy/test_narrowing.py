"""Default scopes, the resource claim that may be left out, and resources without scopes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idjag.policy.index import Policy
from idjag.policy.model import ANY, Narrowing, Resource
from idjag.protocol.errors import Reason
from tests.policy.parts import (
    API,
    CHAT,
    EVERYONE,
    FILES,
    all_except,
    ask,
    guardrail,
    only,
    outcomes,
    policy,
    reason,
    rule,
)

NOT_THERE = "https://x.example/"
READ = frozenset({"chat.read"})
PLAIN = replace(CHAT, resources=(), scopes=frozenset({"chat.read", "chat.write"}))
BARE = replace(CHAT, resources=(Resource(API, frozenset()), Resource(FILES, frozenset({"files.read"}))))


def test_a_request_without_scope_gets_the_rules_default_scopes() -> None:
    """XCH-31."""
    rules = policy(rule(scopes=only("chat.read", "chat.history"), default_scopes=READ))
    assert ask(rules, scopes=None).scopes == ("chat.read",)
    assert ask(rules, scopes=("chat.history",)).scopes == ("chat.history",)


def test_a_request_without_scope_and_a_rule_without_defaults_gets_no_scope() -> None:
    """XCH-31: it may be none; the resource is granted all the same."""
    decision = ask(policy(rule()), scopes=None)
    assert decision.allowed
    assert (decision.scopes, decision.resources) == ((), (API,))


def test_default_scopes_of_several_rules_come_together() -> None:
    """XCH-31: in a fixed order."""
    rules = policy(
        rule("b", scopes=only("chat.write"), default_scopes=frozenset({"chat.write"})),
        rule("a", default_scopes=READ),
        rule("none", scopes=only("chat.history")),
    )
    assert ask(rules, scopes=None).scopes == ("chat.read", "chat.write")


@pytest.mark.parametrize("default", ["chat.history", "mail.read"])
def test_a_default_scope_outside_its_own_rule_gives_nothing(default: str) -> None:
    """XCH-29: defaults never widen, neither by another rule's scopes nor beyond what is declared."""
    rules = policy(rule(default_scopes=frozenset({default})), rule("b", scopes=only("chat.history")))
    assert ask(rules, scopes=None).scopes == ()
    within = policy(rule(default_scopes=READ), rule("b", scopes=only("chat.history")))
    assert ask(within, scopes=None).scopes == ("chat.read",)


def test_a_default_scope_on_another_resource_is_not_given() -> None:
    """XCH-31: within the pairs on what was asked."""
    rules = policy(rule(resources=only(FILES), default_scopes=READ), rule("b", resources=only(API)))
    assert ask(rules, scopes=None, resources=(API,)).scopes == ()
    assert ask(rules, scopes=None, resources=(FILES,)).scopes == ("chat.read",)


def test_defaults_that_no_resource_has_together_need_a_resource_to_be_named() -> None:
    """XCH-26."""
    rules = policy(
        rule("a", scopes=only("chat.write"), resources=only(API), default_scopes=frozenset({"chat.write"})),
        rule("b", scopes=only("files.read"), resources=only(FILES), default_scopes=frozenset({"files.read"})),
    )
    assert reason(rules, scopes=None, resources=()) is Reason.RESOURCE_REQUIRED
    assert ask(rules, scopes=None, resources=(FILES,)).scopes == ("files.read",)


def test_without_resource_the_grant_is_for_those_on_which_all_scopes_are_allowed() -> None:
    """XCH-26: ungrantable scopes fall away first."""
    rules = policy(rule(scopes=only("chat.read", "chat.write")))
    decision = ask(rules, scopes=("chat.write", "chat.read", "files.read"), resources=())
    assert (decision.scopes, decision.resources) == (("chat.write", "chat.read"), (API,))


def test_without_resource_and_without_a_grantable_scope_it_is_a_question_of_scope() -> None:
    """XCH-30."""
    assert reason(policy(rule()), scopes=("files.read",), resources=()) is Reason.SCOPE_NOT_ALLOWED
    assert reason(policy(rule()), scopes=("chat.read",), resources=()) is None


def test_scopes_that_no_resource_has_together_need_a_resource_to_be_named() -> None:
    """XCH-26: the claims could not say which scope belongs where."""
    rules = policy(rule(scopes=only("chat.write", "files.read")))
    asked = ("chat.write", "files.read")
    assert reason(rules, scopes=asked, resources=()) is Reason.RESOURCE_REQUIRED
    assert ask(rules, scopes=asked, resources=(API,)).scopes == ("chat.write",)


def test_the_resource_claim_is_left_out_only_when_nobody_narrowed_it() -> None:
    """XCH-26: the request, the rules and the resource app all leave it open."""
    assert ask(policy(rule()), resources=()).resources == ()


@pytest.mark.parametrize(
    ("rules", "asked", "expected"),
    [
        pytest.param(policy(rule()), {"resources": (API, FILES)}, (API, FILES), id="the request"),
        pytest.param(policy(rule(resources=only(API, FILES))), {}, (API, FILES), id="a rule that names all"),
        pytest.param(
            policy(rule(resources=all_except(NOT_THERE))), {}, (API, FILES), id="a rule with except"
        ),
        pytest.param(policy(rule(), rule("b", resources=only(API))), {}, (API, FILES), id="one of two rules"),
        pytest.param(policy(rule(scopes=ANY)), {"scopes": ("chat.write",)}, (API,), id="one lacks the scope"),
        pytest.param(
            policy(rule(), guardrails=[guardrail(who=EVERYONE, resources=frozenset({FILES}))]),
            {},
            (API,),
            id="a guardrail",
        ),
    ],
)
def test_the_resource_claim_is_there_as_soon_as_somebody_narrowed(
    rules: Policy, asked: dict[str, Any], expected: tuple[str, ...]
) -> None:
    """XCH-26: leaving it out would say more than was allowed."""
    assert ask(rules, **{"resources": (), **asked}).resources == expected


def test_a_resource_app_may_demand_that_the_resource_is_named() -> None:
    """XCH-26."""
    rules = policy(rule(), resource_app=replace(CHAT, resource_required=True))
    assert reason(rules, resources=()) is Reason.RESOURCE_REQUIRED
    assert ask(rules, resources=(API,)).resources == (API,)


def test_a_resource_app_without_resources_has_scopes_alone() -> None:
    """XCH-26: there is no claim to make."""
    decision = ask(policy(rule(), resource_app=PLAIN), resources=())
    assert (decision.scopes, decision.resources) == (("chat.read",), ())
    assert reason(policy(rule(), resource_app=PLAIN), resources=(), scopes=("x",)) is Reason.SCOPE_NOT_ALLOWED


@pytest.mark.parametrize("resources", [only(API), all_except(API), only()])
def test_a_rule_that_names_resources_says_nothing_about_an_app_without_any(resources: Narrowing) -> None:
    """XCH-26: the claim may be left out only if the rule says any, and there is nothing to put into it."""
    decision = ask(policy(rule(resources=resources), resource_app=PLAIN), resources=())
    assert decision.reason is Reason.NO_RULE
    assert outcomes(decision, "rule") == {"engineers-read": "nothing declared"}
    assert reason(policy(rule(resources=ANY), resource_app=PLAIN), resources=()) is None


def test_a_resource_app_that_declares_nothing_can_still_be_reached() -> None:
    """A grant without scope and without resource: what it opens is the resource app's own business."""
    nothing = replace(CHAT, resources=())
    decision = ask(policy(rule(scopes=ANY), resource_app=nothing), scopes=None, resources=())
    assert decision.allowed
    assert (decision.scopes, decision.resources) == ((), ())
    assert reason(policy(rule(), resource_app=nothing), scopes=None, resources=()) is Reason.NO_RULE


def test_a_resource_without_scopes_is_granted_whole_and_by_name() -> None:
    """A pair without scope, which no request can name."""
    decision = ask(policy(rule(scopes=ANY), resource_app=BARE), scopes=None)
    assert (decision.scopes, decision.resources) == ((), (API,))
    assert (
        reason(policy(rule(scopes=ANY), resource_app=BARE), scopes=("files.read",))
        is Reason.SCOPE_NOT_ALLOWED
    )


def test_a_resource_without_scopes_is_not_in_a_rule_that_names_scopes() -> None:
    """Deny by default: a list of scopes does not mean "and the whole of what has none"."""
    rules = policy(rule(scopes=only("files.read")), resource_app=BARE)
    assert reason(rules, scopes=None) is Reason.RESOURCE_NOT_ALLOWED
    assert reason(rules, scopes=None, resources=(FILES,)) is None


def test_without_scope_a_resource_on_which_nothing_is_allowed_is_refused() -> None:
    """XCH-25."""
    rules = policy(rule(resources=only(API)))
    assert reason(rules, scopes=None, resources=(FILES,)) is Reason.RESOURCE_NOT_ALLOWED
    assert ask(rules, scopes=None, resources=(FILES, API)).resources == (API,)
