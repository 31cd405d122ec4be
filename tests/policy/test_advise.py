"""The smallest change that would turn a denial: each way out of each denial."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from idjag.policy.advise import Advice, smallest_change
from idjag.policy.index import Policy
from idjag.policy.model import (
    ANY,
    AppStatus,
    ConnectionStatus,
    Hours,
    Who,
)
from tests.policy.parts import (
    ALICE,
    API,
    CHAT,
    CHAT_RP,
    CHAT_RP_ID,
    FILES,
    MFA,
    NOW,
    SALES,
    WIKI,
    advised,
    all_except,
    conditions,
    only,
    options,
    policy,
    question,
    rule,
    signed_in,
)

OFFICE = (ip_network("192.0.2.0/24"),)
SALES_ONLY = Who(groups=frozenset({SALES}))
BOB_ONLY = Who(people=frozenset({"person-2"}))
STRONG = conditions(amr=frozenset({"mfa"}))
BERLIN = ZoneInfo("Europe/Berlin")
SUNDAYS = Hours("Europe/Berlin", BERLIN, frozenset({6}), 8 * 60, 18 * 60)


def test_nothing_is_advised_when_it_is_allowed() -> None:
    assert advised(policy(rule())) == Advice()


SINGLE = [
    pytest.param(policy(rule()), {"person": replace(ALICE, active=False)}, ["activate alice"], id="person"),
    pytest.param(policy(rule()), {"sign_in": signed_in(alive=False)}, ["sign in again"], id="session"),
    pytest.param(
        policy(rule(), app=replace(WIKI, status=AppStatus.DISABLED)), {}, ["activate the app Wiki"], id="app"
    ),
    pytest.param(
        policy(rule(), resource_app=replace(CHAT, status=AppStatus.DISABLED)),
        {},
        ["activate the resource app Chat"],
        id="resource app",
    ),
    pytest.param(
        policy(rule(), app=replace(WIKI, assigned=SALES_ONLY)),
        {},
        ["add alice to the group sales", "assign alice to Wiki"],
        id="assignment, by group or by name",
    ),
    pytest.param(
        policy(
            rule(), resource_app=replace(CHAT, sso_app=CHAT_RP_ID), others=[replace(CHAT_RP, assigned=Who())]
        ),
        {},
        ["assign alice to Chat sign-in"],
        id="assignment to the sign-in app",
    ),
    pytest.param(
        policy(
            rule(),
            resource_app=replace(CHAT, sso_app=CHAT_RP_ID),
            others=[replace(CHAT_RP, status=AppStatus.DISABLED)],
        ),
        {},
        ["activate the app Chat sign-in"],
        id="sign-in app",
    ),
    pytest.param(
        policy(connections=[]),
        {},
        [
            "create a connection from Wiki to Chat, with the client ID that Wiki has there,"
            f" and a rule by which it may use chat.read at {API} for alice"
        ],
        id="no connection",
    ),
    pytest.param(
        policy(connections=[]),
        {"scopes": None, "resources": ()},
        [
            "create a connection from Wiki to Chat, with the client ID that Wiki has there,"
            " and a rule by which it may use chat.history for alice"
        ],
        id="no connection, nothing named",
    ),
    pytest.param(
        policy(connections=[], resource_app=replace(CHAT, resources=())),
        {"scopes": None, "resources": ()},
        [
            "create a connection from Wiki to Chat, with the client ID that Wiki has there,"
            " and a rule by which it may use every scope for alice"
        ],
        id="no connection, nothing declared",
    ),
    pytest.param(
        policy(rule(), status=ConnectionStatus.PAUSED),
        {},
        ["activate the connection wiki-chat, which is paused"],
        id="paused",
    ),
    pytest.param(
        policy(rule(), expires=NOW - 60),
        {},
        ["extend the connection wiki-chat, which expired at 2027-01-15 07:59 UTC"],
        id="expired",
    ),
    pytest.param(
        policy(rule(), client_id=None),
        {},
        ["enter the client ID that Wiki has at Chat in the connection wiki-chat"],
        id="client id",
    ),
    pytest.param(
        policy(rule(), resource_app=replace(CHAT, resource_required=True)),
        {"resources": ()},
        [f"ask for the resource {API}", f"ask for the resource {FILES}"],
        id="resource demanded",
    ),
    pytest.param(
        policy(rule()),
        {"resources": (API, "https://x.example/")},
        [f"ask for {API} alone"],
        id="one resource too many",
    ),
    pytest.param(
        policy(rule()),
        {"resources": ("https://x.example/",)},
        [f"ask for the resource {API}", f"ask for the resource {FILES}", "ask without naming a resource"],
        id="a resource of somebody else",
    ),
    pytest.param(
        policy(rule(), resource_app=replace(CHAT, resource_required=True)),
        {"resources": ("https://x.example/",)},
        [f"ask for the resource {API}", f"ask for the resource {FILES}"],
        id="a resource of somebody else, and one is demanded",
    ),
    pytest.param(
        policy(rule(who=SALES_ONLY), rule("b", who=BOB_ONLY)),
        {},
        ["add alice to the group sales", "name alice in the rule b of wiki-chat"],
        id="rules for others",
    ),
    pytest.param(
        policy(),
        {},
        [f"add a rule to wiki-chat by which it may use chat.read at {API} for alice"],
        id="no rules",
    ),
    pytest.param(
        policy(rule(scopes=only("mail.read"))),
        {},
        ["let the rule engineers-read of wiki-chat allow chat.read"],
        id="a rule that names nothing declared",
    ),
    pytest.param(
        policy(rule(), rule("files", scopes=all_except("chat.write"), resources=only(FILES))),
        {"scopes": ("chat.write",)},
        [
            "ask for the scope chat.read",
            "let the rule engineers-read of wiki-chat allow chat.write",
            f"let the rule files of wiki-chat allow chat.write at {API}",
        ],
        id="a scope",
    ),
    pytest.param(
        policy(rule(resources=only(API))),
        {"resources": (FILES,)},
        [f"ask for the resource {API}", f"let the rule engineers-read of wiki-chat allow {FILES}"],
        id="a resource",
    ),
    pytest.param(
        policy(rule(scopes=ANY, resources=all_except(FILES))),
        {"resources": (FILES,), "scopes": ("files.read",)},
        [f"let the rule engineers-read of wiki-chat allow {FILES}"],
        id="an excepted resource",
    ),
    pytest.param(
        policy(rule(scopes=ANY)),
        {"resources": (), "scopes": ("chat.write", "files.read")},
        [f"ask for the resource {API}", f"ask for the resource {FILES}"],
        id="scopes that share no resource",
    ),
    pytest.param(
        policy(
            rule("w", scopes=only("chat.write"), resources=only(API)),
            rule("f", scopes=only("files.read"), resources=only(FILES)),
        ),
        {"resources": (API, FILES), "scopes": ("chat.write", "files.read")},
        [
            f"ask for {API} alone",
            f"ask for {FILES} alone",
            "ask for the scope chat.write",
            "ask for the scope files.read",
        ],
        id="no product holds it",
    ),
    pytest.param(policy(rule(conditions=STRONG)), {}, [f"sign in again at level {MFA}"], id="stronger"),
    pytest.param(policy(rule(conditions=conditions(max_auth_age=9))), {}, ["sign in again"], id="fresher"),
    pytest.param(
        policy(rule(conditions=conditions(networks=OFFICE))), {}, ["call from 192.0.2.0/24"], id="network"
    ),
    pytest.param(
        policy(rule(conditions=conditions(signin_networks=OFFICE))),
        {},
        ["sign in from 192.0.2.0/24"],
        id="network of the sign-in",
    ),
    pytest.param(
        policy(rule(conditions=conditions(hours=SUNDAYS, max_auth_age=900))),
        {},
        ["ask again at 2027-01-17 07:00 UTC, as soon after signing in as now"],
        id="hours",
    ),
    pytest.param(
        policy(rule(conditions=conditions(hours=SUNDAYS))),
        {"sign_in": signed_in(auth_time=None)},
        ["ask again at 2027-01-17 07:00 UTC, as soon after signing in as now"],
        id="hours, with a sign-in of unknown time",
    ),
]


@pytest.mark.parametrize(("rules", "changes", "expected"), SINGLE)
def test_one_change_that_turns_the_denial(
    rules: Policy, changes: dict[str, Any], expected: list[str]
) -> None:
    """Issue 3: what widens nothing comes first."""
    assert sorted(options(rules, **changes)) == sorted(expected)
    order = [option[0].of for option in advised(rules, **changes).options]
    assert order == sorted(order, key=["request", "sign-in", "person", "policy"].index)


def test_several_changes_when_one_is_not_enough() -> None:
    rules = policy(rule(who=SALES_ONLY, conditions=STRONG), status=ConnectionStatus.DRAFT)
    assert options(rules) == [
        "activate the connection wiki-chat, which is draft, add alice to the group sales,"
        f" sign in again at level {MFA}"
    ]


def test_several_conditions_of_one_rule() -> None:
    rules = policy(rule(conditions=conditions(amr=frozenset({"mfa"}), networks=OFFICE, hours=SUNDAYS)))
    assert options(rules) == [
        f"sign in again at level {MFA}, call from 192.0.2.0/24,"
        " ask again at 2027-01-17 07:00 UTC, as soon after signing in as now"
    ]


def test_a_new_connection_and_another_request() -> None:
    """What was asked for is not declared there, so the connection alone would not do."""
    found = options(policy(connections=[]), resources=("https://x.example/",))
    assert len(found) == 3
    assert all(line.startswith("create a connection") and ", ask " in line for line in found)


def test_the_names_of_groups_are_ids_when_nobody_names_them() -> None:
    texts = [option[0].text for option in smallest_change(policy(rule(who=SALES_ONLY)), question()).options]
    assert texts == ["add alice to the group group-3"]
