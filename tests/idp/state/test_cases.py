"""The file's tests: each fact of the question counts, and each promise is looked at."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.idp.state.apply import TestsFailed
from idjag.ledger.entry import Insert
from tests.idp.state.parts import EXAMPLE, NOW, TENANT, Acme, example


def ask(
    acme: Acme, *, expect: dict[str, Any], rule: dict[str, Any] | None = None, **change: Any
) -> str | None:
    """The one complaint about the example's test with these changes; None when it passes."""
    state = example()
    state["connections"][0]["rules"][0] |= rule or {}
    state["tests"][0]["ask"] |= change
    state["tests"][0]["expect"] = expect
    try:
        acme.apply(state)
    except TestsFailed as failed:
        (failure,) = failed.failures
        return failure.message
    return None


ALLOW: dict[str, Any] = {"decision": "allow"}
DENY: dict[str, Any] = {"decision": "deny"}


def test_the_example_passes(memory: Acme) -> None:
    """Positive control."""
    assert ask(memory, expect={"decision": "allow", "scopes": ["chat.read"], "lifetime": "5m"}) is None


@pytest.mark.parametrize(
    ("change", "expect", "complaint"),
    [
        ({"amr": ["pwd"]}, ALLOW, "expected allow, got step_up (step_up)"),
        ({"amr": None}, ALLOW, "expected allow, got step_up (step_up)"),
        ({"auth_age": "9h"}, ALLOW, "expected allow, got step_up (step_up)"),
        ({"scopes": ["chat.write"]}, ALLOW, "expected allow, got deny (scope_not_allowed)"),
        (
            {"resources": ["https://other.example/"]},
            ALLOW,
            "expected allow, got deny (resource_not_governed)",
        ),
        ({}, DENY, "expected deny, got allow"),
        ({}, {"decision": "step_up"}, "expected step_up, got allow"),
        ({}, ALLOW | {"scopes": []}, "expected none, got chat.read"),
        ({}, ALLOW | {"scopes": ["chat.read", "x"]}, "expected chat.read x, got chat.read"),
        ({}, ALLOW | {"resources": []}, "expected none, got https://api.chat.example/"),
        ({}, ALLOW | {"lifetime": "4m"}, "expected 240s, got 300s"),
        ({}, ALLOW | {"reason": "no_rule"}, "expected no_rule, got none"),
        ({"scopes": ["chat.write"]}, DENY | {"reason": "no_rule"}, "expected no_rule, got scope_not_allowed"),
        ({"user": "bob"}, DENY, "unknown user: bob"),
        ({"from": "nobody"}, DENY, "unknown app: nobody"),
        ({"to": "nothing"}, DENY, "unknown resource app: nothing"),
        ({"at": "2027-07-01T00:00:00Z"}, ALLOW, "expected allow, got deny (connection_expired)"),
    ],
)
def test_a_promise_that_is_not_kept_is_told(
    memory: Acme, change: dict[str, Any], expect: dict[str, Any], complaint: str
) -> None:
    assert ask(memory, expect=expect, **change) == complaint


@pytest.mark.parametrize(
    ("rule", "met", "unmet"),
    [
        ({"acr": ["urn:a"]}, {"acr": "urn:a"}, {"acr": "urn:b"}),
        ({"networks": ["192.0.2.0/24"]}, {"address": "192.0.2.7"}, {"address": "198.51.100.1"}),
        ({"signin_networks": ["2001:db8::/32"]}, {"signin_address": "2001:db8::7"}, {}),
        ({"key_bound": True}, {"key_bound": True}, {}),
        (
            {"hours": {"tz": "Europe/Berlin", "days": ["mon"], "from": "08:00", "to": "18:00"}},
            {"at": "2026-11-23T09:00:00+01:00"},
            {"at": "2026-11-23T19:00:00+01:00"},
        ),
    ],
)
def test_every_fact_of_the_question_counts(
    memory: Acme, rule: dict[str, Any], met: dict[str, Any], unmet: dict[str, Any]
) -> None:
    conditions = {"conditions": rule}
    assert ask(memory, expect=ALLOW, rule=conditions, **met) is None
    assert ask(memory, expect=DENY, rule=conditions, **unmet) is None
    assert ask(memory, expect=ALLOW, rule=conditions, **unmet) is not None


def test_a_step_up_is_a_denial_too(memory: Acme) -> None:
    for expect in (DENY, {"decision": "step_up"}):
        assert ask(memory, expect=expect, rule={"conditions": {"max_auth_age": "1h"}}, auth_age="2h") is None


def test_a_person_who_will_be_disabled_is_denied(memory: Acme) -> None:
    """The tests see the result, not what is there now."""
    memory.apply(EXAMPLE)
    state = example()
    state["users"][0]["status"] = "disabled"
    state["tests"][0]["expect"] = DENY | {"reason": "person_disabled"}
    assert memory.apply(state).applied


def test_tests_know_people_whom_the_file_does_not_manage(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    state = example()
    del state["users"], state["groups"]
    state["apps"][0]["name"] = "Wiki 2"
    assert acme.apply(state).applied


def test_a_hold_does_not_keep_a_file_from_being_applied(memory: Acme) -> None:
    """Holds are incidents; the tests are about the rules."""
    memory.apply(EXAMPLE)
    person = memory.row("person")["id"]
    hold: Any = {"id": "h", "tenant_id": TENANT, "kind": "user", "target": person, "app": "", "reason": "x"}
    memory.write(Insert("hold", hold | {"by": "x", "since": NOW, "until": None}))
    state = example()
    state["apps"][0]["name"] = "Wiki 2"
    assert memory.apply(state).applied
