"""The log in its own order through the admin API: rows by number, and all of it as a file with its end."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from idjag.protocol.jose import KeySet, jws
from tests.idp.api.bureau import Bureau
from tests.idp.api.test_audit_export import held


def rows(office: Bureau, **query: Any) -> dict[str, Any]:
    answer = office("auditor", "GET", "/audit/rows", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_latest_rows_come_in_pages_and_end_where_they_began(office: Bureau) -> None:
    """What is recorded while somebody reads, the reading itself too, is not in what is read."""
    office.token("auditor")
    for number in range(5):
        held(office, f"r{number}")
    page = rows(office, last=5, limit=2)
    end, seen = page["through"], list(page["items"])
    while page["next"] is not None:
        page = rows(office, after=page["next"], through=end, limit=2)
        seen += page["items"]
    assert [event["after"]["reason"] for event in seen] == ["r0", "r1", "r2", "r3", "r4"]
    assert [event["id"] for event in seen] == list(range(end - 4, end + 1))
    read = office.acme.events("audit.read")
    assert [event["after"]["about"] for event in read] == [
        {"after": after, "through": end} for after in (end - 5, end - 3, end - 1)
    ]


def test_rows_say_what_people_call_what_they_are_about(office: Bureau) -> None:
    office.token("auditor")
    held(office, "r")
    assert set(rows(office, last=1)["names"].values()) == {"wiki"}


def test_rows_of_any_time_are_found_by_their_number(office: Bureau) -> None:
    held(office, "long ago")
    office.acme.clock.now += 90 * 86_400
    office.values.clear()
    office.token("auditor")
    last = office.acme.events()[-1]["id"]
    found = rows(office, after=0, through=last, limit=500)["items"]
    assert [event["id"] for event in found] == list(range(1, last + 1))


def receipt_of(office: Bureau, text: str) -> tuple[str, dict[str, Any]]:
    """What stands before the last line, and the verified claims of the last line."""
    before, _, line = text.rstrip("\n").rpartition("\n")
    said = json.loads(line)
    assert said["event"] == "audit.exported"
    published: list[Any] = [*office.acme.services.snapshot.keys.published(office.acme.clock())]
    token = jws.parse(said["receipt"], max_bytes=10_000)
    jws.verify(token, keys=KeySet.parse({"keys": published})[0], algorithms=["ES256"])
    return f"{before}\n", dict(token.claims)


@pytest.mark.parametrize("kind", ["ndjson", "csv"])
def test_the_whole_log_leaves_in_its_order_and_ends_with_a_receipt(office: Bureau, kind: str) -> None:
    """Attack case 202: durable before the first line, signed over all of them."""
    held(office, "r")
    office.token("auditor")
    answer = office("auditor", "GET", "/audit/log", params={"file": kind, "after": 2})
    text, claims = receipt_of(office, answer.text)
    assert claims["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    told = office.acme.events("audit.exported")[-1]
    assert (claims["jti"], claims["after"], claims["last"]) == (told["decision_id"], 2, told["id"] - 1)
    assert told["after"] == {"after": 2, "last": told["id"] - 1, "format": kind}
    assert (told["actor"]["kind"], told["ip"]) == ("api_token", "198.51.100.7")
    numbers = [int(line.lstrip('{"id: ').partition(",")[0]) for line in text.splitlines()[kind == "csv" :]]
    assert numbers == list(range(3, told["id"]))


@pytest.mark.parametrize("query", ["after=-1", "after=x", "file=xls", "after=99999999999999999999"])
def test_an_export_of_no_range_is_refused_and_not_told(office: Bureau, query: str) -> None:
    assert office("auditor", "GET", f"/audit/log?{query}").status_code == 400
    assert office("viewer", "GET", "/audit/log").status_code == 403
    assert office.acme.events("audit.exported") == []
    assert office("auditor", "GET", "/audit/log").status_code == 200


@pytest.mark.parametrize("query", ["last=-1", "limit=0", "limit=501", "after=-1", "through=-1", "last=x"])
def test_rows_have_bounds(office: Bureau, query: str) -> None:
    """Attack case 194."""
    assert office("auditor", "GET", f"/audit/rows?{query}").status_code == 400
    assert office("auditor", "GET", "/audit/rows?limit=500").status_code == 200
