"""The audit log as a file: the same question as for a page, all of its answer, and nothing that runs."""

from __future__ import annotations

import csv
import io
import json

import pytest

from idjag.ledger.chain import FIELDS
from tests.idp.api.bureau import Bureau


def held(office: Bureau, reason: str) -> None:
    """A hold with a reason in somebody's words."""
    answer = office("owner", "POST", "/holds", json={"kind": "app", "id": "wiki", "reason": reason})
    assert answer.status_code == 201, answer.text


def test_a_question_is_answered_as_lines_of_json(office: Bureau) -> None:
    for number in range(3):
        held(office, f"r{number}")
    answer = office("auditor", "GET", "/audit/export", params={"event": "hold.placed"})
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    events = [json.loads(line) for line in answer.text.splitlines()]
    assert [event["after"]["reason"] for event in events] == ["r2", "r1", "r0"]
    page = office("auditor", "GET", "/audit", params={"event": "hold.placed"}).json()["items"]
    assert events == page


@pytest.mark.parametrize("begins", "=+-@")
def test_no_cell_is_a_formula(office: Bureau, begins: str) -> None:
    """A spreadsheet would carry it out on the machine of whoever opens the file."""
    agent = f"{begins}cmd|' /C calc'!A0"
    assert office("auditor", "GET", "/audit", headers={"User-Agent": agent}).status_code == 200
    query = {"event": "audit.read"}
    (event,) = map(json.loads, office("auditor", "GET", "/audit/export", params=query).text.splitlines())
    assert event["user_agent"] == agent
    exported = office("auditor", "GET", "/audit/export", params={**query, "file": "csv"})
    assert exported.headers["content-type"].startswith("text/csv")
    names, row = csv.reader(io.StringIO(exported.text))
    assert tuple(names) == FIELDS
    assert row[FIELDS.index("user_agent")] == f"'{agent}"


def test_an_export_is_in_the_log_and_for_auditors_alone(office: Bureau) -> None:
    held(office, "r")
    assert office("viewer", "GET", "/audit/export").status_code == 403
    assert office.acme.events("audit.exported") == []
    assert office("auditor", "GET", "/audit/export?file=csv&event=hold.placed").status_code == 200
    (event,) = office.acme.events("audit.exported")
    until = office.acme.clock.now + 1
    about = {"event": "hold.placed", "format": "csv", "since": until - 86_400, "until": until}
    assert event["after"] == {"about": about}


@pytest.mark.parametrize("query", ["file=xls", "since=0", "event=%00", "text=" + "x" * 257])
def test_an_export_has_the_bounds_of_a_page(office: Bureau, query: str) -> None:
    assert office("auditor", "GET", f"/audit/export?{query}").status_code == 400


def test_words_are_found_within_a_time(office: Bureau) -> None:
    held(office, "laptop stolen")
    held(office, "contract over")
    found = office("auditor", "GET", "/audit", params={"text": "laptop st"}).json()["items"]
    assert [event["event"] for event in found] == ["hold.placed"]
    office.acme.clock.now += 2 * 86_400
    office.values.clear()
    assert office("auditor", "GET", "/audit", params={"text": "laptop st"}).json()["items"] == []
