"""The smallest change that would turn a denial: what is never advised, and said instead."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from idjag.policy.index import Policy
from idjag.policy.model import (
    ConnectionStatus,
    Hold,
    HoldKind,
    Hours,
    Resource,
    Who,
)
from tests.policy.parts import (
    ALICE_ID,
    API,
    CHAT,
    CHAT_RP,
    CHAT_RP_ID,
    CONTRACTORS,
    ENGINEERING,
    EVERYONE,
    FILES,
    MFA,
    NOW,
    SALES,
    WIKI,
    WIKI_ID,
    advised,
    conditions,
    connection,
    guardrail,
    only,
    options,
    policy,
    rule,
)

OFFICE = (ip_network("192.0.2.0/24"),)
SALES_ONLY = Who(groups=frozenset({SALES}))
BOB_ONLY = Who(people=frozenset({"person-2"}))
STRONG = conditions(amr=frozenset({"mfa"}))
BERLIN = ZoneInfo("Europe/Berlin")
SUNDAYS = Hours("Europe/Berlin", BERLIN, frozenset({6}), 8 * 60, 18 * 60)


def test_a_hold_is_never_released_but_named() -> None:
    """By whom and why."""
    held = Hold("h", HoldKind.USER, ALICE_ID, "stolen laptop", by="0@host", since=NOW)
    advice = advised(policy(rule()), holds=(held, replace(held, id="other", target="person-2")))
    assert advice.options == ()
    assert advice.obstacles == (
        "A hold: alice is stopped by 0@host since 2027-01-15 08:00 UTC until released: stolen laptop",
    )


def test_a_guardrail_is_never_weakened_but_named() -> None:
    rules = policy(rule(), guardrails=[guardrail(who=EVERYONE, reason="audit finding 17")])
    advice = advised(rules)
    assert advice.options == ()
    sentence = "No app may use anything for everyone: audit finding 17"
    assert advice.obstacles == (f"The guardrail contractors-never: {sentence}",)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"scopes": frozenset({"chat.write"})}, True),
        ({"resources": frozenset({API})}, True),
        ({"scopes": frozenset({"chat.history"})}, False),
        ({"resources": frozenset({FILES})}, False),
        ({"scopes": frozenset({"chat.write"}), "apps": frozenset({"app-9"})}, False),
    ],
)
def test_only_guardrails_that_take_something_of_what_was_asked_are_named(
    changes: dict[str, Any],
    named: bool,  # noqa: FBT001
) -> None:
    rules = policy(rule(), guardrails=[guardrail(who=EVERYONE, **changes)])
    assert bool(advised(rules, scopes=("chat.write",)).obstacles) is named


def test_a_scope_that_a_guardrail_takes_is_not_added_to_a_rule() -> None:
    rules = policy(rule(), guardrails=[guardrail(who=EVERYONE, scopes=frozenset({"chat.write"}))])
    assert options(rules, scopes=("chat.write",)) == ["ask for the scope chat.read"]
    assert len(options(policy(rule()), scopes=("chat.write",))) == 2


def test_nobody_is_put_into_a_group_that_a_guardrail_spares() -> None:
    """The guardrail would still be there, and would no longer mean her."""
    sparing = guardrail(
        who=replace(EVERYONE, except_groups=frozenset({SALES})), scopes=frozenset({"chat.read"})
    )
    rules = policy(rule(who=SALES_ONLY), guardrails=[sparing])
    assert options(rules) == []
    assert options(policy(rule(who=SALES_ONLY))) == ["add alice to the group sales"]


def test_no_way_around_a_condition_is_advised() -> None:
    """Adding the scope to the rule without conditions would make MFA pointless; so would another group."""
    strong = rule("strong", scopes=only("chat.write"), conditions=conditions(amr=frozenset({"hwk"})))
    sales = rule("sales", who=SALES_ONLY, scopes=only("chat.write"))
    rules = policy(rule(), strong, sales)
    assert options(rules, scopes=("chat.write",)) == ["ask for the scope chat.read"]
    assert options(policy(rule(), sales), scopes=("chat.write",)) == [
        "ask for the scope chat.read",
        "add alice to the group sales",
        "let the rule engineers-read of wiki-chat allow chat.write",
    ]


def test_a_condition_that_one_rule_lifts_may_stay_unmet_in_another() -> None:
    """Signing in meets the one; the other keeps its condition."""
    rules = policy(
        rule("mfa", conditions=STRONG), rule("office", conditions=conditions(networks=OFFICE, key_bound=True))
    )
    assert options(rules) == [f"sign in again at level {MFA}"]


@pytest.mark.parametrize(
    ("rules", "obstacle"),
    [
        (
            policy(
                rule(), app=replace(WIKI, assigned=replace(EVERYONE, except_people=frozenset({ALICE_ID})))
            ),
            "Wiki excepts alice",
        ),
        (
            policy(rule(who=replace(EVERYONE, except_groups=frozenset({ENGINEERING})))),
            "The rule engineers-read excepts alice",
        ),
        (
            policy(
                rule(),
                resource_app=replace(CHAT, sso_app=CHAT_RP_ID),
                others=[replace(CHAT_RP, assigned=replace(EVERYONE, except_people=frozenset({ALICE_ID})))],
            ),
            "Chat sign-in excepts alice",
        ),
    ],
)
def test_an_exception_is_never_undone_but_named(rules: Policy, obstacle: str) -> None:
    advice = advised(rules)
    assert (advice.options, advice.obstacles) == ((), (obstacle,))


def test_a_group_that_the_same_sentence_excepts_is_not_advised() -> None:
    both = Who(groups=frozenset({SALES, CONTRACTORS}), except_groups=frozenset({CONTRACTORS}))
    assert options(policy(rule(who=both))) == ["add alice to the group sales"]


@pytest.mark.parametrize(
    ("named", "obstacle"),
    [
        ({"acr": ("urn:x",)}, "wants a sign-in at level urn:x, which nobody can make here"),
        ({"amr": frozenset({"hwk"})}, "wants a sign-in with a hardware key, which nobody can make here"),
        (
            {"acr": ("urn:example:pwd",), "amr": frozenset({"mfa"})},
            "wants a sign-in at level urn:example:pwd with MFA, which nobody can make here",
        ),
        ({"key_bound": True}, "wants a proof of the app's key"),
    ],
)
def test_a_condition_that_nobody_can_meet_is_named(named: dict[str, Any], obstacle: str) -> None:
    advice = advised(policy(rule(conditions=conditions(**named))))
    assert (advice.options, advice.obstacles) == ((), (f"The rule engineers-read {obstacle}",))


def test_a_window_that_never_opens_is_not_waited_for() -> None:
    never = replace(SUNDAYS, days=frozenset())
    assert options(policy(rule(conditions=conditions(hours=never)))) == []
    assert len(options(policy(rule(conditions=conditions(hours=SUNDAYS))))) == 1


@pytest.mark.parametrize(
    ("scope", "obstacle"),
    [
        ("chat.admin", "Chat does not declare the scope chat.admin"),
        ("Chat.Read", "Chat does not declare the scope Chat.Read; it declares chat.read"),
    ],
)
def test_a_scope_that_is_not_declared_is_named_with_its_near_miss(scope: str, obstacle: str) -> None:
    """Issue 3: inert text with the exact bytes."""
    advice = advised(policy(rule()), scopes=(scope,))
    assert advice.obstacles == (obstacle,)
    assert [option[0].text for option in advice.options] == ["ask for the scope chat.read"]


DEAD_ENDS: list[tuple[Policy, dict[str, Any]]] = [
    (policy(rule()), {"person": None}),
    (policy(rule()), {"app": "gone"}),
    (policy(rule()), {"resource_app": "gone"}),
    (policy(rule()), {"profile": "txn-chaining"}),
    (policy(rule(), resource_app=replace(CHAT, sso_app="gone")), {}),
    (policy(connections=[]), {"scopes": ("mail.read",)}),
    (policy(), {"scopes": ("mail.read",)}),
]


@pytest.mark.parametrize(("rules", "changes"), DEAD_ENDS)
def test_where_no_small_change_helps_none_is_invented(rules: Policy, changes: dict[str, Any]) -> None:
    assert options(rules, **changes) == []


def test_what_has_no_name_cannot_be_added_to_a_rule() -> None:
    """Neither "no scope" nor "no resource" can be written into a list."""
    bare = replace(CHAT, resources=(Resource(API, frozenset()), Resource(FILES, frozenset({"files.read"}))))
    rules = policy(rule(scopes=only("files.read")), resource_app=bare)
    assert options(rules, scopes=None) == [f"ask for the resource {FILES}"]
    plain = replace(CHAT, resources=(), scopes=frozenset({"chat.read", "chat.write"}))
    listed = policy(rule(resources=only(API)), resource_app=plain)
    assert options(listed, resources=()) == []
    assert options(policy(rule(), resource_app=plain), resources=(), scopes=("chat.write",)) == [
        "ask for the scope chat.read",
        "let the rule engineers-read of wiki-chat allow chat.write",
    ]


def test_a_tenant_of_any_size_is_searched_in_the_same_time() -> None:
    """Only what the question can touch is copied for each try."""
    many = [replace(connection(rule()), id=f"c{n}", app=f"a{n}") for n in range(500)]
    mine = replace(connection(rule()), status=ConnectionStatus.PAUSED, app=WIKI_ID)
    assert options(policy(connections=[*many, mine])) == [
        "activate the connection wiki-chat, which is paused"
    ]
