"""The audit log in the console: found, followed, asked again, exported, and itself recorded."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from idjag.idp.administration.roles import Role
from tests.idp.console.desk import Administrator
from tests.idp.signin.site import Site

LOG, THREAD, DECISION, EXPORT = (
    "/admin/audit",
    "/admin/audit/thread",
    "/admin/audit/decision",
    "/admin/audit/export",
)


def test_the_log_shows_what_was_issued_and_what_was_denied(owner: Administrator) -> None:
    assert owner.act().status_code == 200
    assert owner.act(scope="chat.history").status_code == 400
    page = owner.page(LOG).text
    assert "Issued" in page
    assert "Denied" in page
    assert "scope_not_allowed" in page or 'class="mono">scope' in page
    only = owner.page(LOG, event="id_jag.issued", **{"from": "wiki", "to": "chat", "user": "alice"}).text
    assert "Issued</span>" in only
    assert "Denied</span>" not in only
    assert "Issued</span>" not in owner.page(LOG, event="id_jag.issued", user="bob").text


@pytest.mark.parametrize(("field", "value"), [("user", "nobody"), ("since", "yesterday"), ("until", "2001")])
def test_a_filter_that_cannot_be_is_told_at_its_field(owner: Administrator, field: str, value: str) -> None:
    page = owner.page(LOG, 422, **{field: value})
    assert f'id="{field}-problem"' in page.text
    assert f'value="{value}"' in page.text
    assert owner.page(LOG, since="2026-01-01 00:00", until="2026-01-02 00:00").status_code == 200


def test_more_than_a_month_at_once_is_refused(owner: Administrator) -> None:
    assert "31 days" in owner.page(LOG, 422, since="2020-01-01 00:00").text
    assert owner.page(LOG, since="2020-01-01 00:00", until="2020-01-31 00:00").status_code == 200


def test_a_denial_is_one_click_from_its_question_and_the_answer_is_the_same(owner: Administrator) -> None:
    denied = owner.act(scope="chat.history")
    assert denied.status_code == 400
    (link,) = re.findall(r'href="(/admin/ask\?[^"]+)">Ask why', owner.page(LOG).text)
    answer = owner.get(link.replace("&amp;", "&"))
    assert answer.status_code == 200
    assert "Denied (" in answer.text
    (reason,) = re.findall(r"Denied \((\w+)\)", answer.text)
    assert f'class="mono">{reason}<' in owner.page(LOG).text


def test_the_thread_of_an_id_jag_says_that_its_redemption_was_not_reported(owner: Administrator) -> None:
    owner.act()
    (link,) = re.findall(r'href="(/admin/audit/thread\?[^"]+)"', owner.page(LOG).text)
    thread = owner.get(link).text
    assert "Issued" in thread
    assert "not reported" in thread
    assert "No such ID-JAG" in owner.page(THREAD, jti="unknown").text


def test_one_decision_is_shown_with_all_its_fields(owner: Administrator) -> None:
    decision = owner.act(scope="chat.history").json()["decision_id"]
    page = owner.page(DECISION, id=decision).text
    assert "chat.history" in page
    assert owner.page(DECISION, 404, id="unknown").status_code == 404


def test_the_live_tail_is_a_fragment_and_is_not_recorded_each_time(owner: Administrator, site: Site) -> None:
    owner.act()
    owner.page(LOG, live="yes")
    before = len(site.events())
    fragment = owner.get(f"{LOG}?live=yes", headers={"hx-request": "true"})
    assert "Issued" in fragment.text
    assert "<html" not in fragment.text
    assert len(site.events()) == before
    owner.page(LOG)
    assert site.last_event()["event"] == "audit.read"


def test_nobody_reads_the_log_unseen_by_looking_as_a_page_does(owner: Administrator, site: Site) -> None:
    """Attack case 203: another question, an older page, and the same one after a while are noted."""
    owner.page(LOG, live="yes")
    for query in ("live=yes&event=id_jag.denied", "live=yes&before=2", "event=id_jag.denied"):
        before = len(site.events())
        owner.get(f"{LOG}?{query}", headers={"hx-request": "true"})
        assert [each["event"] for each in site.events()[before:]] == ["audit.read"], query
    before = len(site.events())
    owner.get(f"{LOG}?live=yes", headers={"hx-request": "true"})
    assert len(site.events()) == before
    site.clock.now += 301
    owner.get(f"{LOG}?live=yes", headers={"hx-request": "true"})
    assert len(site.events()) == before + 1


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_an_export_holds_what_the_filters_find_and_is_recorded(
    owner: Administrator, site: Site, kind: str
) -> None:
    owner.act()
    owner.act(scope="chat.history")
    file = owner.page(EXPORT, event="id_jag.denied", format=kind)
    assert "attachment" in file.headers["content-disposition"]
    if kind == "csv":
        rows = list(csv.DictReader(io.StringIO(file.text)))
    else:
        rows = [json.loads(line) for line in file.text.splitlines()]
    assert [row["event"] for row in rows] == ["id_jag.denied"]
    assert site.last_event()["event"] == "audit.exported"
    now = site.clock.now
    assert site.last_event()["after"]["about"] == {
        "event": "id_jag.denied",
        "format": kind,
        "since": now + 1 - 86_400,
        "until": now + 1,
    }


def test_only_those_who_may_read_the_log_read_it(site: Site, owner: Administrator) -> None:
    with Administrator(site, Role.RULE_EDITOR, "bob") as bob:
        assert [bob.get(path).status_code for path in (LOG, THREAD, DECISION, EXPORT)] == [403] * 4
        assert 'href="/admin/audit"' not in bob.page("/admin").text
    assert owner.get(LOG).status_code == 200


def test_a_page_has_fifty_events_and_leads_to_the_older_ones(owner: Administrator) -> None:
    for _ in range(26):  # each is recorded, and so is the reading of the next
        owner.page(LOG)
        owner.page(THREAD, jti="x")
    page = owner.page(LOG).text
    assert page.count("/admin/audit/decision?id=") == 50
    (older,) = re.findall(r'rel="next" href="([^"]+)"', page)
    assert 0 < owner.get(older.replace("&amp;", "&")).text.count("/admin/audit/decision?id=") < 50
