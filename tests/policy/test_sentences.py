"""Sentences about rules, guardrails and holds, as administrators read them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from idjag.policy.explain import (
    guardrail_sentence,
    hold_sentence,
    rule_notes,
    rule_sentence,
)
from idjag.policy.model import (
    ANY,
    Conditions,
    Hold,
    HoldKind,
    Hours,
    Narrowing,
    Who,
)
from idjag.policy.words import ago, conditions_words, last, span, who_words
from tests.policy.parts import (
    ALICE_ID,
    API,
    CHAT_ID,
    CHAT_RP_ID,
    CONNECTION_ID,
    CONTRACTORS,
    ENGINEERING,
    EVERYONE,
    FILES,
    MFA,
    NAMES,
    NOW,
    SALES,
    WIKI_ID,
    all_except,
    conditions,
    guardrail,
    only,
    policy,
    rule,
)

OFFICE = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
HOURS = Hours("Europe/Berlin", ZoneInfo("Europe/Berlin"), frozenset(range(5)), 480, 1080)


def test_the_sentence_of_the_issue() -> None:
    """Issue 3, deliverable 5."""
    one = rule(scopes=only("chat.read"), conditions=conditions(amr=frozenset({"mfa"}), max_auth_age=8 * 3600))
    expected = "Wiki may read chat.read for people in engineering who signed in with MFA in the last 8 hours"
    assert rule_sentence(one, app="Wiki", names=NAMES) == expected


@pytest.mark.parametrize(
    ("scopes", "resources", "expected"),
    [
        (only("chat.read", "chat.history"), ANY, "read chat.history and chat.read"),
        (only("chat.read", "chat.write"), ANY, "use chat.read and chat.write"),
        (only("chat.readwrite"), ANY, "use chat.readwrite"),
        (only("https://apis.example/calendar.readonly"), ANY, "read https://apis.example/calendar.readonly"),
        (ANY, ANY, "use every scope"),
        (all_except("chat.admin"), ANY, "use every scope except chat.admin"),
        (only(), ANY, "use no scope"),
        (only("a"), only(API, FILES), f"use a at {API} and {FILES}"),
        (only("a"), all_except(FILES), f"use a everywhere except at {FILES}"),
        (only("a"), only(), "use a at no resource"),
    ],
)
def test_what_a_rule_allows(scopes: Narrowing, resources: Narrowing, expected: str) -> None:
    one = rule(scopes=scopes, resources=resources, who=EVERYONE)
    assert rule_sentence(one, app="Wiki", names=NAMES) == f"Wiki may {expected} for everyone"


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (EVERYONE, "everyone"),
        (Who(), "nobody"),
        (Who(except_people=frozenset({"x"})), "nobody"),
        (Who(groups=frozenset({ENGINEERING, SALES})), "people in engineering or sales"),
        (Who(people=frozenset({ALICE_ID, "person-2"})), "alice and bob"),
        (
            Who(groups=frozenset({ENGINEERING}), people=frozenset({"person-2"})),
            "people in engineering and bob",
        ),
        (replace(EVERYONE, except_groups=frozenset({CONTRACTORS})), "everyone except people in contractors"),
        (replace(EVERYONE, except_people=frozenset({"person-9"})), "everyone except person-9"),
    ],
)
def test_who_is_meant(who: Who, expected: str) -> None:
    assert who_words(who, NAMES) == expected


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({}, ""),
        ({"max_auth_age": 3600}, " who signed in during the last hour"),
        ({"acr": (MFA, "urn:b")}, f" who signed in at level urn:b or {MFA}"),
        ({"acr": ("urn:idjag:acr:mfa", "urn:b")}, " who signed in at level mfa or urn:b"),
        ({"amr": frozenset({"pwd", "hwk", "xyz"})}, " who signed in with a hardware key, a password and xyz"),
        ({"signin_networks": OFFICE[:1]}, " who signed in from 192.0.2.0/24"),
        ({"networks": OFFICE}, ", if the app calls from 192.0.2.0/24 or 2001:db8::/32"),
        ({"key_bound": True}, ", if the app proves its key"),
        ({"hours": HOURS}, ", Monday to Friday from 08:00 to 18:00 (Europe/Berlin)"),
        (
            {"hours": replace(HOURS, days=frozenset(range(7)))},
            ", every day from 08:00 to 18:00 (Europe/Berlin)",
        ),
        (
            {"hours": replace(HOURS, days=frozenset({0, 2, 5}), start=1320, end=360)},
            ", Monday, Wednesday and Saturday from 22:00 to 06:00 the next day (Europe/Berlin)",
        ),
        (
            {"hours": replace(HOURS, days=frozenset({5, 6}))},
            ", Saturday and Sunday from 08:00 to 18:00 (Europe/Berlin)",
        ),
        (
            {"hours": replace(HOURS, days=frozenset({6}), end=1440)},
            ", Sunday from 08:00 to 24:00 (Europe/Berlin)",
        ),
        (
            {"hours": replace(HOURS, zone="Gone/Zone", days=frozenset())},
            ", never (the time zone Gone/Zone is not known here)",
        ),
        (
            {"acr": (MFA,), "max_auth_age": 5400, "networks": OFFICE[:1], "key_bound": True},
            f" who signed in at level {MFA} in the last 90 minutes, if the app calls from 192.0.2.0/24,"
            " if the app proves its key",
        ),
    ],
)
def test_conditions_in_words(named: dict[str, Any], expected: str) -> None:
    assert conditions_words(Conditions(**named)) == expected


def test_lengths_of_time() -> None:
    spans = [span(seconds) for seconds in (1, 30, 60, 90, 300, 3600, 86400, 1209600)]
    assert spans == [
        "1 second",
        "30 seconds",
        "1 minute",
        "90 seconds",
        "5 minutes",
        "1 hour",
        "1 day",
        "14 days",
    ]
    assert [last(60), last(120)] == ["the last minute", "the last 2 minutes"]
    assert [ago(seconds) for seconds in (0, 59, 61, 7300)] == [
        "just now",
        "59 seconds ago",
        "1 minute ago",
        "121 minutes ago",
    ]


def test_the_rest_of_a_rule() -> None:
    one = rule(default_scopes=frozenset({"b", "a"}), lifetime=120)
    assert rule_notes(one) == (
        "A request without scope gets a and b",
        "ID-JAGs by this rule live at most 2 minutes",
    )
    assert rule_notes(rule()) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "No app may use anything for people in contractors"),
        (
            {"reason": "audit finding 17"},
            "No app may use anything for people in contractors: audit finding 17",
        ),
        (
            {"resource_apps": frozenset({CHAT_ID})},
            "No app may use anything of Chat for people in contractors",
        ),
        (
            {"apps": frozenset({WIKI_ID, CHAT_RP_ID}), "scopes": frozenset({"b", "a"})},
            "Chat sign-in and Wiki may never use a or b for people in contractors",
        ),
        (
            {"resource_apps": frozenset({CHAT_ID, "gone"}), "resources": frozenset({API}), "who": EVERYONE},
            f"No app may use anything of Chat or gone at {API} for everyone",
        ),
        ({"apps": frozenset({"gone"})}, "gone may never use anything for people in contractors"),
    ],
)
def test_a_guardrail_in_words(changes: dict[str, Any], expected: str) -> None:
    assert guardrail_sentence(guardrail(**changes), policy=policy(), names=NAMES) == expected


@pytest.mark.parametrize(
    ("hold", "expected"),
    [
        (Hold("h", HoldKind.USER, ALICE_ID, "x"), "alice"),
        (Hold("h", HoldKind.APP, WIKI_ID, "x"), "Wiki"),
        (Hold("h", HoldKind.APP, "gone", "x"), "gone"),
        (Hold("h", HoldKind.USER_IN_APP, ALICE_ID, "x", app=WIKI_ID), "alice in Wiki"),
        (Hold("h", HoldKind.USER_IN_APP, ALICE_ID, "x", app="gone"), "alice in gone"),
        (Hold("h", HoldKind.CONNECTION, CONNECTION_ID, "x"), "the connection wiki-chat"),
        (Hold("h", HoldKind.CONNECTION, "gone", "x"), "the connection gone"),
        (Hold("h", HoldKind.RESOURCE_APP, CHAT_ID, "x"), "Chat"),
        (Hold("h", HoldKind.RESOURCE_APP, "gone", "x"), "gone"),
    ],
)
def test_a_hold_in_words(hold: Hold, expected: str) -> None:
    """Contract section 4: what, since, until, by whom, why."""
    since = replace(hold, since=NOW, by="operator 0@host", reason="stolen laptop")
    sentence = (
        f"{expected} is stopped by operator 0@host since 2027-01-15 08:00 UTC until released: stolen laptop"
    )
    assert hold_sentence(since, policy=policy(), names=NAMES) == sentence
    ending = replace(since, until=NOW + 3600, by="")
    assert "until 2027-01-15 09:00 UTC: stolen laptop" in hold_sentence(ending, policy=policy(), names=NAMES)
