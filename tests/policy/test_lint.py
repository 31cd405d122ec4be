"""What is allowed and probably not meant: each finding beside the same thing as it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest

from idjag.policy.index import Policy
from idjag.policy.lint import Finding, Lint, lint
from idjag.policy.model import (
    App,
    AppStatus,
    Conditions,
    Connection,
    ConnectionStatus,
    Guardrail,
    Hours,
    Narrowing,
    Resource,
    ResourceApp,
    Rule,
    Who,
)

NOW = 1_800_000_000
ENGINEERS = Who(groups=frozenset({"g-eng"}))
RULE = Rule("r-1", "read", ENGINEERS, Narrowing("only", frozenset({"chat.read"})))
WIKI = App("a-1", "wiki", "Wiki", "wiki", Who(everyone=True))
CHAT = ResourceApp(
    "t-1",
    "chat",
    "Chat",
    "https://chat.example/",
    resources=(Resource("https://api.chat.example/", frozenset({"chat.read", "chat.write"})),),
)
CONNECTION = Connection("c-1", "wiki-chat", "a-1", "t-1", "id-at-chat", (RULE,), expires=NOW + 60, owner="it")
SIGN_INS = {"urn:pwd": frozenset({"pwd"}), "urn:mfa": frozenset({"pwd", "mfa"})}
WITH_PASSKEYS = {
    "urn:pwd": frozenset({"pwd"}),
    "urn:mfa": frozenset({"pwd", "otp", "mfa"}),
    "urn:phr": frozenset({"pop", "user", "mfa"}),
}


def findings(
    *,
    connection: Connection = CONNECTION,
    rules: tuple[Rule, ...] | None = None,
    app: App = WIKI,
    target: ResourceApp = CHAT,
    more: tuple[ResourceApp, ...] = (),
    guardrails: tuple[Guardrail, ...] = (),
    members: Counter[str] | None = None,
    sign_ins: Mapping[str, frozenset[str]] = SIGN_INS,
) -> tuple[Finding, ...]:
    policy = Policy(
        apps=[app],
        resource_apps=[target, *more],
        connections=[connection if rules is None else replace(connection, rules=rules)],
        guardrails=guardrails,
        issuers=["https://idp.example"],
        sign_ins=sign_ins,
    )
    names = {"g-eng": "engineering", "g-none": "nobody-yet"}
    return lint(policy, now=NOW, names=names, members=members)


def found(**given: Any) -> list[tuple[str, str, str]]:
    """Every finding as (lint, noun, key)."""
    return [(one.lint, one.noun, one.key) for one in findings(**given)]


def test_what_is_as_it_should_be_is_not_mentioned() -> None:
    """Positive control of everything below."""
    assert found(members=Counter({"g-eng": 1})) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"owner": ""}, Lint.NO_OWNER),
        ({"expires": None}, Lint.NO_EXPIRY),
        ({"client_id": None}, Lint.MISSING_MAPPING),
        ({"expires": NOW}, Lint.UNREACHABLE),
        ({"rules": ()}, Lint.UNREACHABLE),
    ],
)
def test_a_connection_lacks_one_thing(change: dict[str, Any], expected: Lint) -> None:
    """ADM-03: a missing mapping is flagged before it is used."""
    assert found(connection=replace(CONNECTION, **change)) == [(expected, "connection", "wiki-chat")]


@pytest.mark.parametrize(
    "change",
    [
        {"app": replace(WIKI, status=AppStatus.DISABLED)},
        {"app": replace(WIKI, assigned=Who())},
        {"target": replace(CHAT, status=AppStatus.DISABLED)},
    ],
)
def test_a_connection_that_nobody_can_use_is_unreachable(change: dict[str, Any]) -> None:
    assert found(**change) == [(Lint.UNREACHABLE, "connection", "wiki-chat")]


@pytest.mark.parametrize("status", [ConnectionStatus.DRAFT, ConnectionStatus.PAUSED])
def test_what_is_closed_on_purpose_is_not_unreachable(status: ConnectionStatus) -> None:
    assert found(connection=replace(CONNECTION, status=status, expires=NOW)) == []


def test_any_scope_is_mentioned() -> None:
    assert found(rules=(replace(RULE, scopes=Narrowing("any")),)) == [
        (Lint.ANY_SCOPE, "rule", "wiki-chat/read")
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": Narrowing("only", frozenset({"chat.read", "chat.raed"}))},
        {"scopes": Narrowing("except", frozenset({"chat.read", "chat.write"}))},
        {"resources": Narrowing("only", frozenset({"https://other.example/"}))},
        {"resources": Narrowing("except", frozenset({"https://api.chat.example/"}))},
    ],
)
def test_a_rule_about_what_is_not_declared_is_unreachable(change: dict[str, Any]) -> None:
    assert found(rules=(replace(RULE, **change),)) == [(Lint.UNREACHABLE, "rule", "wiki-chat/read")]


@pytest.mark.parametrize(
    ("conditions", "met"),
    [
        (Conditions(amr=frozenset({"mfa"})), True),
        (Conditions(amr=frozenset({"hwk"})), False),
        (Conditions(acr=("urn:mfa", "urn:gold")), True),
        (Conditions(acr=("urn:gold",)), False),
        (Conditions(acr=("urn:pwd",), amr=frozenset({"mfa"})), False),
        (Conditions(max_auth_age=60), True),
        (Conditions(hours=Hours("X/Y", UTC, frozenset(), 0, 60)), False),
        (Conditions(hours=Hours("UTC", UTC, frozenset({0}), 0, 60)), True),
    ],
)
def test_a_condition_that_nobody_can_meet_is_mentioned(conditions: Conditions, *, met: bool) -> None:
    expected = [] if met else [(Lint.CONDITION_NOBODY_MEETS, "rule", "wiki-chat/read")]
    assert found(rules=(replace(RULE, conditions=conditions),)) == expected


@pytest.mark.parametrize(
    ("acr", "amr", "stronger", "instead"),
    [
        pytest.param((), {"otp"}, "urn:phr", "write amr: [mfa]", id="a code"),
        pytest.param(
            (), {"otp", "mfa"}, "urn:phr", "write amr: [mfa]", id="a code, which is a second factor"
        ),
        pytest.param(("urn:mfa",), {"otp"}, "urn:phr", "write amr: [mfa]", id="acr does not keep it away"),
        pytest.param((), {"pwd", "mfa"}, "urn:phr", "write amr: [mfa]", id="a password and more"),
        pytest.param((), {"pwd"}, "urn:phr", "leave amr out", id="a password"),
    ],
)
def test_a_method_that_a_stronger_sign_in_lacks_is_mentioned_with_what_to_write(
    acr: tuple[str, ...], amr: set[str], stronger: str, instead: str
) -> None:
    """Step-up is answered by whatever is strong enough, and the retry would fail."""
    rule = replace(RULE, conditions=Conditions(acr=acr, amr=frozenset(amr)))
    (one,) = findings(rules=(rule,), sign_ins=WITH_PASSKEYS)
    assert (one.lint, one.noun, one.key) == (Lint.STRONGER_FAILS, "rule", "wiki-chat/read")
    assert (stronger in one.message, instead in one.message) == (True, True), one.message


@pytest.mark.parametrize(
    ("acr", "amr"),
    [
        pytest.param((), {"mfa"}, id="any second factor"),
        pytest.param(("urn:phr",), set(), id="a passkey"),
        pytest.param((), {"pop"}, id="a passkey by its method"),
        pytest.param(("urn:pwd", "urn:mfa"), set(), id="acr alone, which is reported as asked"),
    ],
)
def test_what_every_stronger_sign_in_meets_is_not_mentioned(acr: tuple[str, ...], amr: set[str]) -> None:
    rule = replace(RULE, conditions=Conditions(acr=acr, amr=frozenset(amr)))
    assert findings(rules=(rule,), sign_ins=WITH_PASSKEYS) == ()


def test_an_empty_group_is_mentioned_wherever_it_is_named() -> None:
    who = Who(groups=frozenset({"g-none"}))
    guardrail = Guardrail("x", "never", Who(everyone=True, except_groups=frozenset({"g-none"})))
    findings = found(
        rules=(replace(RULE, who=who),),
        app=replace(WIKI, assigned=who),
        guardrails=(guardrail,),
        members=Counter({"g-eng": 1}),
    )
    assert findings == [
        (Lint.EMPTY_GROUP, "app", "wiki"),
        (Lint.EMPTY_GROUP, "rule", "wiki-chat/read"),
        (Lint.EMPTY_GROUP, "guardrail", "never"),
    ]
    assert found(rules=(replace(RULE, who=who),), app=replace(WIKI, assigned=who)) == []


@pytest.mark.parametrize(
    "name",
    ["https://CHAT.example", "http://chat.example/", "https://chat.example:443/", "https://chat.example"],
)
def test_two_resource_apps_of_nearly_one_name_are_mentioned(name: str) -> None:
    other = replace(CHAT, id="t-2", key="chat-2", issuer=name, aud_tenant="eu")
    kinds = [kind for kind, _, _ in found(more=(other,))]
    same_lookup = name == "https://chat.example"
    assert kinds == ([] if same_lookup else [Lint.NEAR_MISS])


def test_a_resource_app_of_nearly_our_own_name_is_mentioned() -> None:
    other = replace(CHAT, id="t-2", key="me", issuer="https://IDP.example/")
    assert found(more=(other,)) == [(Lint.NEAR_MISS, "issuer", "https://idp.example")]


def test_an_alias_of_nearly_its_own_issuers_name_is_no_near_miss() -> None:
    assert found(target=replace(CHAT, aliases=("http://chat.example/",))) == []


SAME = replace(RULE, id="r-2", key="again")


@pytest.mark.parametrize(
    ("one", "two", "covered"),
    [
        pytest.param(RULE, SAME, "read", id="twice"),
        pytest.param(RULE, replace(SAME, who=Who(everyone=True)), "read", id="for everyone"),
        pytest.param(
            RULE,
            replace(SAME, scopes=Narrowing("only", frozenset({"chat.read", "chat.write"}))),
            "read",
            id="more scopes",
        ),
        pytest.param(replace(RULE, conditions=Conditions(max_auth_age=60)), SAME, "read", id="no conditions"),
        pytest.param(replace(RULE, lifetime=60), SAME, "read", id="longer"),
        pytest.param(replace(RULE, lifetime=60), replace(SAME, lifetime=120), "read", id="longer too"),
        pytest.param(RULE, replace(SAME, lifetime=60), "again", id="the other way round"),
        pytest.param(RULE, replace(SAME, who=Who(groups=frozenset({"g-2"}))), None, id="other people"),
        pytest.param(
            replace(RULE, who=Who(everyone=True)),
            replace(SAME, who=Who(everyone=True, except_people=frozenset({"p"}))),
            "again",
            id="with an exception",
        ),
        pytest.param(
            RULE, replace(SAME, scopes=Narrowing("only", frozenset({"chat.write"}))), None, id="other scopes"
        ),
        pytest.param(
            replace(RULE, conditions=Conditions(max_auth_age=60)),
            replace(SAME, conditions=Conditions(max_auth_age=90)),
            None,
            id="other conditions",
        ),
        pytest.param(
            replace(RULE, default_scopes=frozenset({"chat.read"})), SAME, "again", id="without its defaults"
        ),
        pytest.param(
            replace(RULE, resources=Narrowing("only", frozenset({"https://api.chat.example/"}))),
            SAME,
            None,
            id="any resource is another answer",
        ),
    ],
)
def test_a_rule_that_another_one_covers_is_mentioned(one: Rule, two: Rule, covered: str | None) -> None:
    expected = [] if covered is None else [(Lint.OVERLAPPING, "rule", f"wiki-chat/{covered}")]
    assert found(rules=(one, two)) == expected


def test_a_connection_to_what_is_gone_is_mentioned_and_breaks_nothing() -> None:
    connection = replace(CONNECTION, resource_app="t-9")
    assert found(connection=connection) == [(Lint.UNREACHABLE, "connection", "wiki-chat")]
