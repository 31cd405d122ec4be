"""Asking, holding, reading the log and the keys through the admin API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idjag.idp.answers import answered
from idjag.idp.questions import Ask, build
from tests.idp.api.bureau import Bureau

QUESTION = {"user": "alice", "from": "wiki", "to": "chat", "scopes": ["chat.read"]}


@pytest.mark.parametrize("change", [{}, {"user": "bob"}, {"scopes": ["chat.admin"]}, {"amr": ["pwd", "otp"]}])
def test_the_answer_is_that_of_the_one_evaluator(office: Bureau, change: dict[str, Any]) -> None:
    """ADM-01: what the API says is what `idjag ask` says, member by member."""
    asked = {**QUESTION, **change}

    answer = office("viewer", "POST", "/ask", json=asked)

    question = Ask(
        user=asked["user"],
        app="wiki",
        resource_app="chat",
        scopes=tuple(asked["scopes"]),
        amr=frozenset(asked["amr"]) if "amr" in asked else None,
    )
    expected = answered(build(office.acme, question)).members
    assert answer.status_code == 200
    assert answer.json() == json.loads(json.dumps(expected, default=list))


def test_the_answer_is_that_of_the_token_endpoint(office: Bureau) -> None:
    """Attack case 78: before and after a change."""
    token = office.acme.sign_in()
    sign_in = {"acr": "urn:idjag:acr:pwd", "amr": ["pwd"]}

    def both() -> tuple[str, str]:
        said = office("viewer", "POST", "/ask", json={**QUESTION, **sign_in}).json()["decision"]
        return said, office.acme.exchange(token).error

    assert both() == ("allow", "issued")
    office("owner", "POST", "/holds", json={"kind": "user", "id": "alice", "reason": "lost laptop"})
    assert both() == ("deny", "access_denied")
    office("owner", "POST", "/holds/release", json={"kind": "user", "id": "alice", "reason": "found it"})
    assert both() == ("allow", "issued")


def test_a_question_about_nobody_is_said_to_be_one(office: Bureau) -> None:
    answer = office("viewer", "POST", "/ask", json={**QUESTION, "user": "nobody"})

    assert answer.status_code == 422
    assert "nobody" in answer.json()["detail"]


def test_a_hold_says_who_and_why_and_is_listed(office: Bureau) -> None:
    made = office("rule_editor", "POST", "/holds", json={"kind": "app", "id": "wiki", "reason": "incident 7"})
    listed = office("viewer", "GET", "/holds").json()["items"]

    assert made.status_code == 201
    assert listed == [made.json()]
    assert (listed[0]["kind"], listed[0]["reason"]) == ("app", "incident 7")
    assert listed[0]["by"].startswith("api_token ")
    released = office(
        "rule_editor", "POST", "/holds/release", json={"kind": "app", "id": "wiki", "reason": "r"}
    )
    assert released.json()["items"] == listed
    assert office("viewer", "GET", "/holds").json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "app", "id": "wiki"},
        {"kind": "app", "id": "wiki", "reason": ""},
        {"kind": "app", "id": "wiki", "reason": "x" * 501},
        {"kind": "app", "id": "wiki", "reason": "a\u202eb"},
        {"kind": "planet", "id": "wiki", "reason": "r"},
        {"kind": "app", "id": "nowhere", "reason": "r"},
        {"kind": "app", "id": "wiki", "reason": "r", "until": "2020-01-01T00:00:00Z"},
        {"kind": "app", "id": "wiki", "reason": "r", "by": "somebody else"},
    ],
)
def test_a_hold_that_is_wrong_in_one_thing_holds_nothing(office: Bureau, body: dict[str, str]) -> None:
    assert office("owner", "POST", "/holds", json=body).status_code in (400, 422)
    assert office("owner", "GET", "/holds").json()["items"] == []


def test_the_log_is_read_backwards_in_pages_and_whoever_reads_is_in_it(office: Bureau) -> None:
    """Attack case 203."""
    for number in range(5):
        office("owner", "POST", "/holds", json={"kind": "app", "id": "wiki", "reason": f"r{number}"})

    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"event": "hold.placed", "limit": 2}
    while True:
        page = office("auditor", "GET", "/audit", params=query).json()
        seen += page["items"]
        if page["next"] is None:
            break
        query["before"] = page["next"]

    assert [event["after"]["reason"] for event in seen] == ["r4", "r3", "r2", "r1", "r0"]
    handle = office.acme.row("api_token", "name", "auditor")["handle"]
    assert [event["actor"]["id"] for event in office.acme.events("audit.read")] == [handle] * 3


def test_a_decision_is_found_by_what_its_client_was_told(office: Bureau) -> None:
    office("owner", "POST", "/holds", json={"kind": "user", "id": "alice", "reason": "r"})
    refused = office.acme.exchange(office.acme.sign_in())
    office.acme.clock.now += 40 * 24 * 3600

    found = office_later(office, refused.json["decision_id"])

    assert [event["event"] for event in found] == ["id_jag.denied"]
    assert found[0]["reason"] == "held"


def office_later(office: Bureau, decision_id: str) -> list[dict[str, Any]]:
    office.values.clear()
    answer = office("auditor", "GET", "/audit", params={"decision_id": decision_id})
    assert answer.status_code == 200, answer.text
    events: list[dict[str, Any]] = answer.json()["items"]
    return events


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=1000000000",
        "limit=x",
        "since=5&until=4",
        "since=0",
        "before=-1",
        "before=99999999999999999999",
        "jti=" + "x" * 257,
        "event=%00",
    ],
)
def test_a_question_to_the_log_has_bounds(office: Bureau, query: str) -> None:
    """Attack case 194."""
    assert office("auditor", "GET", f"/audit?{query}").status_code == 400
    assert office("auditor", "GET", "/audit?event=%27%20OR%201=1--").json()["items"] == []


def test_the_keys_are_listed_without_what_is_private(office: Bureau) -> None:
    keys = office("viewer", "GET", "/keys").json()["items"]

    assert {key["alg"] for key in keys} == {"ES256", "RS256", "Ed25519"}
    assert {frozenset(key) for key in keys} == {
        frozenset({"tenant", "kid", "alg", "status", "created", "activated", "retires"})
    }


def test_the_description_has_every_route(office: Bureau) -> None:
    described = office("viewer", "GET", "/admin/api/openapi.json").json()

    assert "/admin/api/v1/ask" in described["paths"]
    assert "/admin/api/v1/connections/{key}" in described["paths"]
    assert office(None, "GET", "/admin/api/openapi.json").status_code == 401
