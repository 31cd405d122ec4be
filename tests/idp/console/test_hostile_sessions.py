"""The console against people who mean ill, each on a site of its own: sessions, roles, secrets, the log."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from idjag.idp.administration.roles import Role
from idjag.idp.console.table import PLACES
from idjag.idp.questions import find_person
from tests.idp.console.desk import Administrator
from tests.idp.console.test_hostile import EVIL, FORM, RULE, Elements
from tests.idp.signin.seeds import PASSWORDS, TENANT, WIKI_SECRET
from tests.idp.signin.site import Site

MARKUP = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
SCRIPTS = {"/static/htmx.js", "/static/file.js"}


def test_what_is_refused_is_in_the_log_with_who_tried(site: Site, owner: Administrator) -> None:
    """Global oracle (d), attack cases 183 and 191: role, form, another site; a stranger's once a minute."""
    with Administrator(site, Role.VIEWER, "bob") as bob:
        before = len(site.events())
        assert bob.get("/admin/administrators").status_code == 403
        assert owner.post(FORM, data={"id": "x"}).status_code == 403
        for _ in range(3):
            assert owner.post(FORM, headers={"origin": EVIL}).status_code == 403
        person = find_person(site.services, "bob")
    events = site.events()[before:]
    told = [(each["event"], each["reason"], each["actor"]["kind"]) for each in events]
    assert told == [
        ("admin.refused", "role_insufficient", "person"),
        ("admin.refused", "form_not_ours", "person"),
        ("refused.before_authentication", "parameter_wrong", "stranger"),
    ]
    assert events[0]["actor"]["id"] == person
    assert events[0]["inputs"] == {"method": "GET", "path": "/admin/administrators"}
    assert all(each["ip"] for each in events)


def test_a_change_of_a_noun_that_is_not_theirs_is_refused_and_recorded(
    site: Site, owner: Administrator
) -> None:
    """Attack cases 186 and 191: the form that saves is one for all nouns, and believes none of them."""
    with Administrator(site, Role.RULE_EDITOR, "bob") as bob:
        review = bob.submit(bob.page(FORM), FORM, id="quiet", **RULE)
        mine = '[{"noun":"user","key":"mallory","seen":"","managed":false,"entry":{"username":"mallory"}}]'
        refused = bob.submit(review, "/admin/change", wanted=mine, reason="why not")
        assert (refused.status_code, "may not change: user" in refused.text) == (403, True)
        assert site.last_event()["event"] == "admin.refused"
        assert bob.agree(review).status_code == 303
    assert "mallory" not in owner.page("/admin/people").text


def test_names_with_markup_are_names(site: Site, owner: Administrator) -> None:
    """Attack case 189: of an app, a person and a resource app, on every page that there is."""
    for edit, fields in (
        ("/admin/app/edit", {"id": "odd", "redirect_uris": "https://odd.example/cb"}),
        ("/admin/person/edit", {"id": "odd"}),
        ("/admin/resource-app/edit", {"id": "odd", "issuer": "https://odd.example/", "scopes": "a"}),
    ):
        review = owner.submit(owner.page(edit), edit, name=MARKUP, **fields)
        assert owner.agree(review).status_code == 303, edit
    seen = 0
    for path, place in PLACES.items():
        if place.show is None or "export" in path:
            continue
        query = f"?id=odd&q={quote(MARKUP)}&user={quote(MARKUP)}&text={quote(MARKUP)}&done={quote(MARKUP)}"
        page = owner.get(path + query)
        assert page.status_code < 500, path
        elements = Elements(page)
        assert "img" not in elements.tags, path
        assert {src.partition("?")[0] for src in elements.scripts} <= SCRIPTS, path
        assert not [name for name, _ in elements.attributes if name.startswith("on")], path
        assert not [one for one in elements.attributes if one[1].lower().startswith("javascript:")], path
        seen += "&lt;img src=x" in page.text
    assert seen > 10
    bidi = owner.submit(owner.page("/admin/app/edit"), "/admin/app/edit", id="b", name="x\u202ey")
    assert bidi.status_code == 422


@pytest.mark.parametrize(
    ("edit", "query", "fields"),
    [
        ("/admin/settings", {}, {"second_factor": "required"}),
        ("/admin/app/edit", {"id": "wiki"}, {"method": "private_key_jwt", "jwks_uri": "https://w.example/k"}),
        ("/admin/person/edit", {"id": "alice"}, {"email": "mallory@evil.example"}),
    ],
)
def test_a_session_that_was_left_open_changes_nothing_by_which_more_is_gained(
    site: Site, owner: Administrator, edit: str, query: dict[str, str], fields: dict[str, str]
) -> None:
    """Attack case 195: settings, an app's keys and administrators' accounts, by form and by what saves."""
    review = owner.submit(owner.page(edit, **query), edit, **fields)
    assert review.status_code == 200
    form = owner.page(edit, **query)
    site.clock.now += 601
    for late in (owner.submit(form, edit, **fields), owner.agree(review)):
        assert late.status_code == 303
        assert "/admin/enter?to=" in late.headers["location"]
    plain = owner.submit(owner.page("/admin/person/edit", id="bob"), "/admin/person/edit", name="Bob")
    assert owner.agree(plain).status_code == 303


def test_the_log_leaves_the_house_after_a_recent_sign_in_alone(site: Site, owner: Administrator) -> None:
    """Attack case 195: audit export; looking at it wants none."""
    assert owner.get("/admin/audit/export?format=csv").status_code == 200
    site.clock.now += 601
    assert "/admin/enter" in owner.get("/admin/audit/export?format=csv").headers["location"]
    assert owner.page("/admin/audit").status_code == 200


def test_a_page_that_looks_for_news_by_itself_keeps_no_session_alive(
    site: Site, owner: Administrator
) -> None:
    """Nobody sits before it: after a quarter of an hour the console is closed, whatever the page asked."""
    last = owner.page("/admin/audit", live="yes")
    for _ in range(4):
        site.clock.now += 240
        last = owner.get("/admin/audit?live=yes", headers={"hx-request": "true"})
    assert last.status_code == 303
    assert "/admin/enter" in last.headers["location"]


def test_somebody_who_sits_there_stays(site: Site, owner: Administrator) -> None:
    for _ in range(4):
        site.clock.now += 240
        assert owner.get("/admin/ask", headers={"hx-request": "true"}).status_code == 200


def test_a_lesser_administrator_stops_no_owner(site: Site, owner: Administrator) -> None:
    """Attack cases 191 and 195, at the door of the console."""
    with Administrator(site, Role.RULE_EDITOR, "bob") as bob:
        page = bob.page("/admin/person", id="alice")
        refused = bob.submit(page, "/admin/hold", reason="mine now")
        assert (refused.status_code, "only an owner" in refused.text) == (403, True)
        carol = bob.submit(bob.page("/admin/person", id="carol"), "/admin/hold", reason="left")
        assert carol.status_code == 303
    last = owner.submit(owner.page("/admin/person", id="alice"), "/admin/hold", reason="me")
    assert (last.status_code, "last owner" in last.text) == (409, True)


def test_no_page_has_a_secret_in_it(site: Site, owner: Administrator) -> None:
    """Attack case 187: canaries over every page, whatever it is asked."""
    rows: list[dict[str, Any]] = [dict(row) for row in site.rows("credential")]
    canaries = [WIKI_SECRET, *PASSWORDS.values(), *(str(row["secret"]) for row in rows)]
    canaries += [str(row["cookie"]) for row in site.rows("console_session")]
    assert len(canaries) > 5
    names = {"person": "alice", "resource-app": "chat", "connection": "wiki-chat"}
    for path, place in PLACES.items():
        about = names.get(path.split("/")[2] if path.count("/") > 1 else "", "wiki")
        page = owner.get(f"{path}?id={about}&user=alice&from=wiki&to=chat") if place.show else None
        found = [canary for canary in canaries if page is not None and canary in page.text]
        assert found == [], path
    assert "Alice" in owner.page("/admin/person", id="alice").text


def test_whoever_was_an_administrator_sends_no_form_any_more(site: Site, owner: Administrator) -> None:
    """Attack case 184, for what we have of it: a form that was open when the role ended does nothing."""
    with Administrator(site, Role.RULE_EDITOR, "bob") as bob:
        review = bob.submit(bob.page(FORM), FORM, id="quiet", **RULE)
        assert review.status_code == 200
        removed = owner.submit(owner.page("/admin/administrators"), "/admin/administrators/end", id="bob")
        assert removed.status_code == 303, removed.text
        late = bob.agree(review)
        assert "/admin/enter" in late.headers["location"]
    assert "id=quiet" not in owner.page("/admin/guardrails").text


def test_how_somebody_signs_in_is_for_those_who_look_after_people(site: Site, owner: Administrator) -> None:
    """Attack case 191: who has no second factor is no news for a viewer, here as at the API."""
    assert "Second factors" in owner.page("/admin/person", id="bob").text
    with Administrator(site, Role.APP_ADMIN, "bob") as bob:
        page = bob.page("/admin/person", id="alice")
        assert "Alice" in page.text
        assert "Second factors" not in page.text
        assert "Failed attempts" not in page.text


def test_whoever_changes_keys_is_recorded_with_where_they_were(site: Site, owner: Administrator) -> None:
    """ADM-04: a session that somebody took over shows by its address, above all here."""
    keys = "/admin/keys"
    assert owner.submit(owner.page(keys), f"{keys}/rotate", alg=["ES256"]).status_code == 303
    kid = next(str(row["id"]) for row in site.rows("signing_key") if row["status"] == "active")
    assert owner.submit(owner.page(keys), f"{keys}/revoke", id=kid, reason="a drill").status_code == 303
    rows = site.ledger.audit_rows(TENANT, after_no=0, limit=1000)
    bodies = [json.loads(str(row["body"])) for row in rows if str(row["event"]).startswith("key.")]
    by_person = [body for body in bodies if (body.get("actor") or {}).get("kind") == "person"]
    assert len(by_person) > 2
    assert {body["ip"] for body in by_person} == {"127.0.0.1"}
    assert all(body["user_agent"].startswith("python-httpx") for body in by_person)


def test_stopping_many_at_once_leaves_the_traces_that_stopping_one_leaves(
    site: Site, owner: Administrator
) -> None:
    """ADM-04, attack case 200: where each came from, a decision of its own; who tried to stop an owner."""
    several = "/admin/hold/several"
    with Administrator(site, Role.RULE_EDITOR, "bob") as bob:
        page = bob.submit(
            bob.page("/admin/connections"), "/admin/connections/several", one="wiki-chat", do="hold"
        )
        before = len(site.events())
        both = bob.submit(page, several, noun="user", one=["alice", "carol"], reason="mine now")
        assert (both.status_code, "1 of 2 are stopped" in both.text) == (409, True)
        assert bob.submit(page, several, reason="an incident").status_code == 303
    events = site.events()[before:]
    told = {(each["event"], each.get("reason")) for each in events}
    assert told == {("hold.placed", None), ("admin.refused", "role_insufficient")}
    assert len(events) == len({each["decision_id"] for each in events}) == 3
    assert {each["ip"] for each in events} == {"127.0.0.1"}
    assert all(each["user_agent"].startswith("python-httpx") for each in events)
