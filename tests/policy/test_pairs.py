"""What a rule allows are (scope, resource) pairs; what one grant may hold of them (contract section 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

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

DECLARED = frozenset(
    {
        ("chat.read", API),
        ("chat.history", API),
        ("chat.write", API),
        ("chat.read", FILES),
        ("files.read", FILES),
    }
)


def test_what_is_asked_and_allowed_is_granted() -> None:
    """XCH-19, positive control: one rule, one scope, one resource."""
    decision = ask(policy(rule()))
    assert decision.allowed
    assert decision.scopes == ("chat.read",)
    assert decision.resources == (API,)
    assert [one.key for one in decision.rules] == ["engineers-read"]
    assert outcomes(decision, "rule") == {"engineers-read": "matched"}


def test_no_rule_at_all_denies() -> None:
    """XCH-19, XCH-20, attack case 59: deny by default."""
    assert reason(policy()) is Reason.NO_RULE
    assert reason(policy(rule())) is None


@pytest.mark.parametrize(
    ("scopes", "resources", "expected"),
    [
        pytest.param(ANY, ANY, DECLARED, id="any scope on any resource"),
        pytest.param(only("chat.read"), ANY, {("chat.read", API), ("chat.read", FILES)}, id="one scope"),
        pytest.param(ANY, only(FILES), {("chat.read", FILES), ("files.read", FILES)}, id="one resource"),
        pytest.param(only("chat.write"), only(API), {("chat.write", API)}, id="one pair"),
        pytest.param(
            all_except("chat.read"),
            ANY,
            DECLARED - {("chat.read", API), ("chat.read", FILES)},
            id="all scopes but one",
        ),
        pytest.param(
            ANY, all_except(API), {("chat.read", FILES), ("files.read", FILES)}, id="all resources but one"
        ),
        pytest.param(
            all_except("chat.read"), all_except(API), {("files.read", FILES)}, id="except on both sides"
        ),
        pytest.param(
            only("chat.read", "mail.read"),
            only(API),
            {("chat.read", API)},
            id="an undeclared scope adds none",
        ),
        pytest.param(
            only("chat.read"), only(API, "https://x.example/"), {("chat.read", API)}, id="nor a resource"
        ),
    ],
)
def test_a_rule_allows_the_declared_pairs_inside_both_narrowings(
    scopes: Narrowing, resources: Narrowing, expected: frozenset[tuple[str, str]]
) -> None:
    decision = ask(policy(rule(scopes=scopes, resources=resources)))
    assert decision.pairs == expected


@pytest.mark.parametrize("scopes", [only("mail.read"), only(), all_except("chat.read", "chat.history")])
def test_a_rule_that_names_nothing_declared_allows_nothing(scopes: Narrowing) -> None:
    """Attack case 59; the trace says why."""
    chat = replace(CHAT, resources=(Resource(API, frozenset({"chat.read", "chat.history"})),))
    decision = ask(policy(rule(scopes=scopes), resource_app=chat))
    assert decision.reason is Reason.NO_RULE
    assert outcomes(decision, "rule") == {"engineers-read": "nothing declared"}
    assert reason(policy(rule(scopes=only("chat.read")), resource_app=chat)) is None


def test_any_means_what_is_declared_now() -> None:
    """XCH-21: a scope that the resource app declares later is inside ``any`` from then on, not before."""
    asked = {"scopes": ("chat.admin",)}
    later = Resource(API, frozenset({"chat.read", "chat.admin"}))
    assert reason(policy(rule(scopes=ANY)), **asked) is Reason.SCOPE_NOT_ALLOWED
    assert reason(policy(rule(scopes=ANY), resource_app=replace(CHAT, resources=(later,))), **asked) is None


@pytest.mark.parametrize("scope", ["chat.readwrite", "Chat.read", "chat.read ", "chat", "chat.rea", ""])
def test_scopes_are_compared_whole_and_by_case(scope: str) -> None:
    """XCH-29, attack case 61."""
    assert reason(policy(rule()), scopes=(scope,)) is Reason.SCOPE_NOT_ALLOWED
    assert reason(policy(rule()), scopes=("chat.read",)) is None


@pytest.mark.parametrize("scope", ["openid", "profile", "email", "offline_access"])
def test_scopes_of_signing_in_are_granted_only_if_the_resource_app_declares_them(scope: str) -> None:
    """XCH-32: ``any`` does not reach beyond what is declared."""
    declaring = replace(CHAT, resources=(Resource(API, frozenset({scope})),))
    assert reason(policy(rule(scopes=ANY)), scopes=(scope,)) is Reason.SCOPE_NOT_ALLOWED
    assert reason(policy(rule(scopes=ANY), resource_app=declaring), scopes=(scope,)) is None


def test_the_request_is_narrowed_to_what_is_allowed_in_the_order_asked() -> None:
    """XCH-29, attack case 58."""
    rules = policy(rule(scopes=only("chat.read", "chat.history")))
    asked = ("chat.write", "chat.history", "chat.read")
    assert ask(rules, scopes=asked).scopes == ("chat.history", "chat.read")


def test_nothing_of_the_scope_allowed_is_refused_and_never_an_empty_grant() -> None:
    """XCH-30, attack case 58."""
    decision = ask(policy(rule()), scopes=("chat.write", "chat.history"))
    assert decision.reason is Reason.SCOPE_NOT_ALLOWED
    assert (decision.scopes, decision.resources, decision.rules) == ((), (), ())
    assert decision.pairs == {("chat.read", API), ("chat.read", FILES)}


def test_resources_on_which_nothing_asked_is_allowed_are_left_out() -> None:
    """XCH-25: the granted subset only."""
    rules = policy(rule(resources=only(API)))
    decision = ask(rules, resources=(FILES, API))
    assert decision.resources == (API,)
    assert ask(policy(rule()), resources=(FILES, API)).resources == (FILES, API)


def test_no_resource_acceptable_is_an_invalid_target() -> None:
    """XCH-25."""
    rules = policy(rule(resources=only(API)))
    assert reason(rules, resources=(FILES,)) is Reason.RESOURCE_NOT_ALLOWED
    assert reason(rules, resources=(API,)) is None


def test_a_reachable_resource_without_the_scope_is_a_question_of_scope() -> None:
    """XCH-30 before XCH-25: the resource is allowed, what was asked on it is not."""
    rules = policy(rule(scopes=only("files.read")))
    assert reason(rules, resources=(FILES,)) is Reason.SCOPE_NOT_ALLOWED
    assert reason(rules, resources=(FILES,), scopes=("files.read",)) is None


def test_a_scope_is_granted_only_if_it_is_allowed_on_every_granted_resource() -> None:
    """XCH-29: claims carry a product, so a pair that no rule allows must not arise from it."""
    rules = policy(
        rule("a", scopes=only("chat.read"), resources=ANY),
        rule("b", scopes=only("files.read"), resources=ANY),
    )
    decision = ask(rules, scopes=("chat.read", "files.read"), resources=(API, FILES))
    assert (decision.scopes, decision.resources) == (("chat.read",), (API, FILES))
    narrower = ask(rules, scopes=("chat.read", "files.read"), resources=(FILES,))
    assert (narrower.scopes, narrower.resources) == (("chat.read", "files.read"), (FILES,))


def test_two_rules_give_what_each_gives_and_never_a_pair_of_neither() -> None:
    """Attack case 68: the union of pairs, not the product of unions."""
    rules = policy(
        rule("write-api", scopes=only("chat.write"), resources=only(API)),
        rule("read-files", scopes=only("chat.read"), resources=only(FILES)),
    )
    assert ask(rules).pairs == {("chat.write", API), ("chat.read", FILES)}
    assert reason(rules, scopes=("chat.read",), resources=(API,)) is Reason.SCOPE_NOT_ALLOWED
    assert reason(rules, scopes=("chat.read",), resources=(FILES,)) is None


def test_a_request_that_no_product_can_hold_is_refused() -> None:
    """Each scope is allowed on one of the resources only: the app must ask twice."""
    rules = policy(
        rule("write-api", scopes=only("chat.write"), resources=only(API)),
        rule("read-files", scopes=only("files.read"), resources=only(FILES)),
    )
    asked = ("chat.write", "files.read")
    assert reason(rules, scopes=asked, resources=(API, FILES)) is Reason.SCOPE_NOT_ALLOWED
    assert ask(rules, scopes=asked, resources=(API,)).scopes == ("chat.write",)
    assert ask(rules, scopes=asked, resources=(FILES,)).scopes == ("files.read",)


def test_one_more_rule_may_turn_a_grant_into_a_refusal_and_a_guardrail_back() -> None:
    """docs/policy.md: a product is not monotone; the pairs are, and no grant leaves them."""
    first = rule("api", scopes=only("chat.write"), resources=only(API))
    second = rule("files", scopes=only("files.read"), resources=only(FILES))
    asked: dict[str, Any] = {"scopes": ("chat.write", "files.read"), "resources": (API, FILES)}
    taking = guardrail(who=EVERYONE, resources=frozenset({FILES}))
    one, both = ask(policy(first), **asked), ask(policy(first, second), **asked)
    back = ask(policy(first, second, guardrails=[taking]), **asked)
    assert (one.reason, both.reason, back.reason) == (None, Reason.SCOPE_NOT_ALLOWED, None)
    assert back.pairs == one.pairs < both.pairs
    assert (back.scopes, back.resources) == (one.scopes, one.resources) == (("chat.write",), (API,))


def test_two_rules_may_complete_each_other_on_one_resource() -> None:
    """Attack case 68; every rule that gave something is named."""
    rules = policy(rule("read"), rule("history", scopes=only("chat.history")), rule("no", scopes=only("x")))
    decision = ask(rules, scopes=("chat.read", "chat.history"))
    assert decision.scopes == ("chat.read", "chat.history")
    assert [one.key for one in decision.rules] == ["read", "history"]


@pytest.mark.parametrize(
    ("lifetimes", "expected"),
    [
        pytest.param((None,), 300, id="the resource app's, if the rule says none"),
        pytest.param((60,), 60, id="a shorter one of the rule"),
        pytest.param((3600,), 300, id="never longer than the resource app's"),
        pytest.param((120, 60, None), 60, id="the shortest of several rules"),
    ],
)
def test_the_lifetime_is_the_shortest_of_the_contributing_rules(
    lifetimes: tuple[int | None, ...], expected: int
) -> None:
    rules = [rule(f"r{number}", lifetime=lifetime) for number, lifetime in enumerate(lifetimes)]
    assert ask(policy(*rules)).lifetime == expected


def test_a_rule_that_contributes_nothing_does_not_shorten_the_lifetime() -> None:
    rules = policy(rule(lifetime=200), rule("other", scopes=only("chat.write"), lifetime=10))
    assert ask(rules).lifetime == 200
    assert ask(rules, scopes=("chat.read", "chat.write")).lifetime == 10
