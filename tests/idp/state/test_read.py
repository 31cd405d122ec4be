"""From text to a typed file: every problem with its line and column, and with what to change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idjag.idp.catalog import Problem
from idjag.idp.state.cases import Failure
from idjag.yaml_file import FileError, FileErrors
from tests.idp.state.parts import EXAMPLE, source


def lines_of(text: str) -> list[str]:
    with pytest.raises((FileError, FileErrors)) as caught:
        source(text)
    return str(caught.value).splitlines()


def test_the_example_is_read() -> None:
    """Positive control."""
    assert [rule.id for rule in source(EXAMPLE).state.connections[0].rules] == ["engineers-read"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("version: 1", "version: 2", "state.yaml:1:10: version: must be 1"),
        ("version: 1\n", "", "state.yaml:1:1: version: this required field is missing: add it"),
        (
            "tenant: default ",
            "tenant: acme ",
            "state.yaml:2:9: tenant: not built: tenants other than default",
        ),
        (
            "name: Wiki\n",
            "nmae: Wiki\n",
            "state.yaml:19:5: apps[0].nmae: unknown field: correct its spelling",
        ),
        (
            "offline_access]",
            "address, offline_access]",
            "state.yaml:25:38: apps[0].scopes[3]: not built: the address claim",
        ),
        (
            "groups: [engineering]\n    attributes",
            "groups: engineering\n    attributes",
            "users[0].groups: must be a list",
        ),
        ("max_auth_age: 8h", "max_auth_age: 8", "a duration is a whole number and s, m, h or d, such as 5m"),
        ("amr: [mfa]", "amr: []", "conditions.amr: an empty list matches nothing"),
        (
            "scopes: [chat.read, chat.history]\n        def",
            "scopes: {exept: [a]}\n        def",
            "unknown field",
        ),
        (
            "expires: 2027-06-30T00:00:00Z",
            "expires: 2027-06-30",
            "a time is written like 2027-06-30T00:00:00Z",
        ),
        ("multi_tenant: false", "multi_tenant: true", "not built: resource apps with several tenants"),
        (
            "receipts: null",
            "receipts: {jwks: {}}",
            "receipts.jwks: write a JWK Set: an object with keys alone",
        ),
        ("receipts: null", "receipts: {}", "receipts need jwks or jwks_uri, and not both"),
        ("guardrails:", "guardrials:", "state.yaml:69:1: guardrials: unknown field"),
        ("amr: [pwd, mfa]}", "address: here}", "ask.address: an address is written like 192.0.2.7"),
        ("decision: allow", "decision: deny, reason: mood", "expect.reason: no decision has this reason"),
        ("decision: allow", "decision: yes", "must be 'allow', 'deny' or 'step_up'"),
    ],
)
def test_a_problem_is_told_where_it_is(before: str, after: str, problem: str) -> None:
    assert EXAMPLE.count(before) >= 1
    lines = lines_of(EXAMPLE.replace(before, after, 1))
    assert any(problem in line for line in lines), lines
    assert all(line.startswith("state.yaml:") for line in lines)


def test_every_problem_is_told_at_once() -> None:
    text = EXAMPLE.replace("kind: web", "kind: robot").replace("lifetime: 5m", "lifetime: 2h")
    assert len(lines_of(text)) == 3


@pytest.mark.parametrize("name", ["groups", "users", "apps", "resource_apps", "connections", "guardrails"])
def test_a_section_with_nothing_after_it_is_refused(name: str) -> None:
    """It must not quietly mean that the file does not manage it."""
    (line,) = lines_of(f"version: 1\n{name}:\n")
    assert line.startswith(
        f"state.yaml:2:{len(name) + 2}: {name}: write [] for none, or leave the section out"
    )


@pytest.mark.parametrize(
    ("section", "entry", "problem"),
    [
        ("groups", "{name: a}", "group a is there already, on line 3"),
        ("users", "{username: a}", "user a is there already, on line 3"),
        ("apps", "{id: a, auth: {method: none}, grants: []}", "app a is there already, on line 3"),
        (
            "resource_apps",
            '{id: a, issuer: "https://a.example"}',
            "resource app a is there already, on line 3",
        ),
        ("connections", "{id: a, from: x, to: y}", "connection a is there already, on line 3"),
        ("guardrails", "{id: a, who: {everyone: true}}", "guardrail a is there already, on line 3"),
    ],
)
def test_two_entries_of_one_name_are_refused(section: str, entry: str, problem: str) -> None:
    (line,) = lines_of(f"version: 1\n{section}:\n  - {entry}\n  - {entry}\n")
    assert line.startswith("state.yaml:4:")
    assert line.endswith(problem)


def test_a_repeated_key_is_refused() -> None:
    (line,) = lines_of(EXAMPLE.replace("name: Wiki\n", "name: Wiki\n    name: Other\n", 1))
    assert "repeated key 'name', first on line 19" in line


def test_a_problem_of_the_plan_is_told_where_the_entry_is() -> None:
    read = source(EXAMPLE)
    problem = Problem("connection", "wiki-chat", ("rules", 0, "who", "groups", 0), "unknown group: x")
    assert str(read.located([problem])) == "state.yaml:63:24: connection wiki-chat: unknown group: x"
    assert read.position("rule", "wiki-chat/engineers-read") == (62, 9)


def test_a_problem_of_something_else_stands_at_the_top() -> None:
    read = source(EXAMPLE)
    problem = Problem("connection", "by-hand", ("from",), "still refers to wiki")
    assert str(read.located([problem])) == "state.yaml:1:1: connection by-hand: still refers to wiki"


def test_a_failed_test_is_told_where_it_is() -> None:
    read = source(EXAMPLE)
    failure = Failure("engineers read chat", ("tests", 0, "expect", "decision"), "expected allow, got deny")
    assert str(read.failed([failure])).startswith(
        "state.yaml:77:24: test engineers read chat: expected allow"
    )


def test_many_problems_are_cut_short() -> None:
    read = source(EXAMPLE)
    errors = read.located([Problem("user", "alice", (), str(number)) for number in range(60)])
    assert len(errors.errors) == 50
    assert errors.omitted == 10


@pytest.mark.parametrize("value", [[], "text", 7, None, True, [{"version": 1}]])
def test_a_file_is_an_object(value: Any) -> None:
    with pytest.raises(FileErrors, match=r"state\.yaml:1:1"):
        source(json.dumps(value))
