"""Who did it, asked of the admin API: what plain Python finds, in pages and as a file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idjag.idp.audit_reading import noted
from tests.idp.api.bureau import Bureau
from tests.idp.api.test_audit_export import held


def acted(office: Bureau, value: str) -> list[dict[str, Any]]:
    """What plain Python finds in the whole log, the latest first."""
    events = [event for event in office.acme.events() if event["actor"]]
    named = [(f"{one['actor']['kind']}:{one['actor']['id']}", one["actor"]["kind"]) for one in events]
    return [event for event, names in zip(events, named, strict=True) if value in names][::-1]


def paged(office: Bureau, **query: Any) -> list[dict[str, Any]]:
    """All pages of two."""
    seen: list[dict[str, Any]] = []
    before: dict[str, int] = {}
    while True:
        answer = office("auditor", "GET", "/audit", params={**query, "limit": 2, **before})
        assert answer.status_code == 200, answer.text
        seen += answer.json()["items"]
        if answer.json()["next"] is None:
            return seen
        before = {"before": answer.json()["next"]}


def test_who_did_it_is_found_in_pages_and_leaves_as_a_file(office: Bureau) -> None:
    """An exchange is what its app did, and no administrator nor token."""
    for number in range(5):
        held(office, f"r{number}")
    office.acme.exchange(office.acme.sign_in())
    handle = office.acme.row("api_token", "name", "owner")["handle"]
    office.token("auditor")
    source = {"decision_id": "by itself", "ip": None, "user_agent": None}
    noted(office.acme, actor={"kind": "system", "id": "idjag"}, source=source, about={}, event="kept.clean")
    for value in (f"api_token:{handle}", "operator", "operator:1000@host", "system"):
        wanted = acted(office, value)
        assert paged(office, actor=value) == wanted != []
        exported = office("auditor", "GET", "/audit/export", params={"actor": value}).text
        assert [json.loads(line) for line in exported.splitlines()] == wanted
    assert len(acted(office, f"api_token:{handle}")) == 5
    assert paged(office, actor="api_token:nobody") == []
    assert paged(office, actor=f"api_token:{handle}", event="key.created") == []


def test_who_was_looked_for_is_in_the_log_by_an_id_of_its_own(office: Bureau) -> None:
    """Erasing a person looks for ids."""
    for value, told in (("person:p", {"kind": "person", "id": "p"}), ("system", {"kind": "system"})):
        assert office("auditor", "GET", "/audit", params={"actor": value}).status_code == 200
        assert office.acme.events("audit.read")[-1]["after"] == {"about": {"actor": told}}


NOBODY = ("", "person", "person:", "api_token", "operator:", "app:x", "resource_app:x", "alice", "Person:x")


@pytest.mark.parametrize("path", ["/audit", "/audit/export"])
def test_what_names_no_actor_is_refused_and_not_told(office: Bureau, path: str) -> None:
    """A question that finds nothing would look like somebody who did nothing."""
    for value in NOBODY:
        answer = office("auditor", "GET", path, params={"actor": value})
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        assert ("requesting_app" if "app:" in value else "person:ID") in answer.text
    assert office.acme.events("audit.read") == office.acme.events("audit.exported") == []
    assert office("viewer", "GET", path, params={"actor": "system"}).status_code == 403
    assert office("auditor", "GET", path, params={"actor": "system"}).status_code == 200


def test_the_description_has_the_filter(office: Bureau) -> None:
    described = office("owner", "GET", "/admin/api/openapi.json").json()["paths"]
    for path in ("/audit", "/audit/export"):
        (asked,) = (one["get"] for name, one in described.items() if name.endswith(f"/v1{path}"))
        (actor,) = (one for one in asked["parameters"] if one["name"] == "actor")
        assert "api_token:HANDLE" in actor["description"]
