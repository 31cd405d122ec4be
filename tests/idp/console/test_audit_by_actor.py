"""Who did it: the filter of the audit log in the console, the ways that lead there, and who may go them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from idjag.idp.administration import tokens
from idjag.idp.administration.roles import Role
from idjag.idp.audit_reading import noted
from idjag.idp.console.audit_actors import lately
from idjag.idp.erasure import Erasure
from idjag.idp.questions import UnknownName, find_person
from idjag.ledger import trail
from idjag.ledger.entry import Delete
from tests.idp.console.desk import Administrator
from tests.idp.signin.seeds import TENANT
from tests.idp.signin.site import CHAIN_KEY, Site

LOG, EXPORT, DECISION = "/admin/audit", "/admin/audit/export", "/admin/audit/decision"
HOST = {"kind": "operator", "id": "1000@host"}


def did(site: Site, *, kind: str, who: str | None = None) -> list[dict[str, Any]]:
    """What plain Python finds in the whole log, the latest first."""
    rows = site.ledger.audit_rows(TENANT, after_no=0, limit=10_000)
    events: list[dict[str, Any]] = [dict(trail.event_of(row)) for row in rows]
    theirs = [event["actor"] or {} for event in events]
    wanted = [(who is None or one.get("id") == who) and one.get("kind") == kind for one in theirs]
    return [event for event, its in zip(events, wanted, strict=True) if its][::-1]


def exported(owner: Administrator, **query: str) -> list[dict[str, Any]]:
    """What the console finds: all of it."""
    return [json.loads(line) for line in owner.page(EXPORT, **query).text.splitlines()]


def through_the_api(site: Site, owner: Administrator, actor: str) -> list[dict[str, Any]]:
    """What the admin API finds."""
    made = tokens.create(site.services, name="reader", role=Role.AUDITOR, lifetime=3600, actor=HOST)
    headers = {"Authorization": f"Bearer {made.value}"}
    answer = owner.get(f"/admin/api/v1/audit?limit=500&actor={actor}", headers=headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def by_itself(site: Site) -> None:
    """Something that idjag does without being asked."""
    source = {"decision_id": "housekeeping", "ip": None, "user_agent": None}
    noted(site.services, actor={"kind": "system", "id": "idjag"}, source=source, about={}, event="kept.clean")


def token(site: Site, name: str) -> tokens.Made:
    """An API token that the operator made."""
    return tokens.create(site.services, name=name, role=Role.OWNER, lifetime=3600, actor=HOST)


def test_console_api_and_plain_python_find_the_same(owner: Administrator, site: Site) -> None:
    """Signing in, entering the console and reading there is what somebody did; an exchange is not."""
    assert owner.act().status_code == 200
    alice = find_person(site.services, "alice")
    wanted = did(site, kind="person", who=alice)
    assert {"login.succeeded", "admin.entered"} <= {event["event"] for event in wanted}
    assert "id_jag.issued" not in {event["event"] for event in wanted}
    assert through_the_api(site, owner, f"person:{alice}") == wanted
    assert exported(owner, by="alice") == wanted
    wanted = did(site, kind="person", who=alice)  # with the export
    assert exported(owner, by=f"person:{alice}") == wanted
    assert did(site, kind="app") != []


def test_the_host_and_the_system_are_found_as_such(owner: Administrator, site: Site) -> None:
    by_itself(site)
    for kind in ("operator", "system"):
        wanted = did(site, kind=kind)
        assert wanted != []
        assert exported(owner, by=kind) == wanted == through_the_api(site, owner, kind)[-len(wanted) :]
    assert [one["event"] for one in exported(owner, by="operator:1000@host")] == ["api_token.created"] * 2
    assert exported(owner, by="operator:1001@host") == []


def test_an_api_token_is_found_by_its_name_and_by_its_handle(owner: Administrator, site: Site) -> None:
    made = token(site, "deploy")
    owner.get("/admin/api/v1/audit", headers={"Authorization": f"Bearer {made.value}"})
    for by in ("api_token:deploy", f"api_token:{made.token.handle}"):
        assert [one["event"] for one in exported(owner, by=by)] == ["audit.read"]
        assert 'value="api_token:deploy"' in owner.page(LOG, by=by).text
    assert ">API token deploy</bdi></a>" in owner.page(LOG).text
    other = token(site, "deploy")
    page = owner.page(LOG, 422, by="api_token:deploy").text
    assert made.token.handle in page
    assert other.token.handle in page


def test_somebody_who_is_gone_is_still_found_by_their_id(owner: Administrator, site: Site) -> None:
    with Administrator(site, Role.AUDITOR, "bob"):
        bob = find_person(site.services, "bob")
    wanted = did(site, kind="person", who=bob)
    site.write(Delete("person", {"id": bob}))
    with pytest.raises(UnknownName):
        find_person(site.services, "bob")
    assert exported(owner, by=f"person:{bob}") == wanted != []
    assert 'id="by-problem"' in owner.page(LOG, 422, by=f"person:{bob}x").text


@pytest.mark.parametrize(
    "value", ["nobody", "person:nobody", "person:", "api_token:nothing", "app:wiki", "operator:", "x" * 257]
)
def test_who_cannot_be_meant_is_told_at_the_field(shared_owner: Administrator, value: str) -> None:
    page = shared_owner.page(LOG, 422, by=value).text
    assert 'id="by-problem"' in page
    assert f'value="{value}"' in page
    assert shared_owner.page(EXPORT, 422, by=value).status_code == 422
    assert 'id="by-problem"' not in shared_owner.page(LOG, by="alice").text


def test_a_name_that_reads_like_the_host_hides_nothing_that_was_done_there(
    owner: Administrator, site: Site
) -> None:
    """Whoever may make people could otherwise make one whose name leads elsewhere."""
    by_itself(site)
    alice = find_person(site.services, "alice")
    people = {"version": 1, "users": [{"username": name} for name in ("operator", "system:idjag", alice)]}
    sent = {"Authorization": f"Bearer {token(site, 'people').value}", "content-type": "application/json"}
    answer = owner.post("/admin/api/v1/state", content=json.dumps(people), headers=sent)
    assert answer.status_code == 200, answer.text
    assert {one["actor"]["kind"] for one in exported(owner, by="operator")} == {"operator"}
    assert {one["actor"]["kind"] for one in exported(owner, by="system:idjag")} == {"system"}
    assert {one["actor"]["id"] for one in exported(owner, by=f"person:{alice}")} == {alice}
    assert exported(owner, by=alice) == []
    for name in ("operator", "system:idjag"):
        assert exported(owner, by=f"person:{name}") == []
        there = find_person(site.services, name)
        assert f'value="person:{name}"' in owner.page(LOG, by=f"person:{there}").text


def test_pages_the_live_tail_and_the_record_keep_who_did_it(owner: Administrator, site: Site) -> None:
    """The log says whom somebody looked for by an id of its own, so that erasing the person finds it."""
    alice = find_person(site.services, "alice")
    for _ in range(51):
        owner.page(LOG, by="alice")
    assert site.last_event()["after"] == {"about": {"actor": {"kind": "person", "id": alice}}}
    page = owner.page(LOG, by="alice", since=_minute(site.clock.now - 3600)).text
    (older,) = re.findall(r'rel="next" href="([^"]+)"', page)
    assert "by=alice" in older
    assert "since=" in older
    rest = owner.get(unescape(older)).text
    assert 0 < rest.count(f"{DECISION}?id=") < 50
    assert not set(_decisions(page)) & set(_decisions(rest))
    (live,) = re.findall(r'hx-get="([^"]+)" hx-trigger="every', owner.page(LOG, by="alice", live="yes").text)
    owner.act()
    fragment = owner.get(unescape(live), headers={"hx-request": "true"}).text
    assert "Issued" not in fragment
    assert "admin.entered" in rest
    assert "Issued" in owner.page(LOG).text


def _decisions(page: str) -> list[str]:
    return re.findall(rf'{DECISION}\?id=([^"]+)"', page)


def _minute(time: int) -> str:
    return lately("", now=time + 30 * 86_400)["since"]


def links(page: str) -> list[str]:
    """The ways of a page to what somebody did."""
    found = re.findall(r'href="(/admin/audit\?[^"]*\bby=[^"]*)"', page)
    return [unescape(each) for each in found]


PLACES: dict[str, Callable[[Administrator, Site], str]] = {
    "history": lambda owner, _: owner.page("/admin/connection", id="wiki-chat").text,
    "administrators": lambda owner, _: owner.page("/admin/administrators").text,
    "person": lambda owner, _: owner.page("/admin/person", id="alice").text,
    "log": lambda owner, _: owner.page(LOG).text,
    "decision": lambda owner, site: owner.page(DECISION, id=site.last_event()["decision_id"]).text,
}


def test_a_name_leads_to_what_they_did(owner: Administrator, site: Site) -> None:
    """And is found there."""
    token(site, "deploy")
    owner.page(LOG)
    for place, opened in PLACES.items():
        found = links(opened(owner, site))
        assert found, place
        for link in set(found):
            unused = "api_token" in link
            assert (f"{DECISION}?id=" in owner.get(link).text) is not unused, link


def test_a_way_from_the_log_keeps_its_time(owner: Administrator, site: Site) -> None:
    since = _minute(site.clock.now - 7200)
    assert all("since=" in link for link in links(owner.page(LOG, since=since).text))
    assert not any("since=" in link for link in links(owner.page(LOG).text))


def test_whoever_may_not_read_the_log_is_not_led_there(site: Site, owner: Administrator) -> None:
    with Administrator(site, Role.RULE_EDITOR, "bob") as bob:
        for path in ("/admin/connection?id=wiki-chat", "/admin/person?id=alice"):
            assert links(bob.get(path).text) == []
            assert links(owner.get(path).text) != []
        assert bob.get(f"{LOG}?by=alice").status_code == 403
        assert bob.get(f"{EXPORT}?by=alice").status_code == 403


def test_nothing_of_somebody_who_was_erased_is_found_nor_left(
    owner: Administrator, site: Site, tmp_path: Path
) -> None:
    """Contract section 9: neither in the index nor in what was recorded of looking for them."""
    alice = find_person(site.services, "alice")
    owner.page(LOG, by="alice")
    folder = tmp_path / "idjag.db"
    assert f"person:{alice}".encode() in _octets(folder)
    erasure = Erasure(site.ledger, f"sqlite:///{folder}", TENANT)
    somebody = erasure.find("alice")
    assert somebody is not None
    assert erasure.run(somebody) > 3
    assert f"person:{alice}".encode() not in _octets(folder)
    rows = site.ledger.audit_rows(TENANT, after_no=0, limit=10_000)
    assert not [row for row in rows if alice in repr(row)]
    assert trail.check(site.ledger, TENANT, key=CHAIN_KEY) is None
    assert [one["event"] for one in exported(owner, by="alice")] == []


def _octets(database: Path) -> bytes:
    files = [each for each in database.parent.iterdir() if each.name.startswith(database.name)]
    return b"".join(each.read_bytes() for each in files)
