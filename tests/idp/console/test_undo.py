"""Undo from the history, over HTTP: proposed, reviewed, made like every change, and part of the history."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from idjag.idp.administration.roles import Role
from tests.idp.console.desk import Administrator
from tests.idp.me.person import administer, policy
from tests.idp.signin.site import Site

UNDO = "/admin/undo"
PAGE = "/admin/connection"


def offered(page: httpx.Response) -> list[str]:
    """The links of the history that undo something, the latest first."""
    return [unescape(link) for link in re.findall(r'href="(/admin/undo\?[^"]+)"', page.text)]


def narrowed(site: Site) -> None:
    administer(site, policy(scopes=["chat.write"]))


def test_a_change_is_undone_from_the_history_after_a_review(owner: Administrator, site: Site) -> None:
    """admin-console.md, Behaviour: every change can be undone from the history."""
    narrowed(site)
    assert owner.act().status_code == 400
    (link,) = offered(owner.page(PAGE, id="wiki-chat"))[:1]
    review = owner.get(link)
    assert "Nothing is changed yet" in review.text
    assert "chat.read" in review.text
    assert owner.act().status_code == 400
    saved = owner.agree(review, reason="they need it after all")
    assert saved.headers["location"].endswith("/admin/connection?id=wiki-chat&done=saved")
    assert owner.act().status_code == 200
    # and that is a change like every other: undone, too
    history = owner.page(PAGE, id="wiki-chat")
    assert "they need it after all" in history.text
    owner.agree(owner.get(offered(history)[0]), reason="no")
    assert owner.act().status_code == 400


def test_what_widens_asks_for_a_reason(owner: Administrator, site: Site) -> None:
    narrowed(site)
    review = owner.get(offered(owner.page(PAGE, id="wiki-chat"))[0])
    refused = owner.submit(review, "/admin/change", reason="")
    assert refused.status_code == 422
    assert owner.act().status_code == 400


def test_a_rule_that_was_removed_comes_back(owner: Administrator, site: Site) -> None:
    state = policy()
    state["connections"][0]["rules"] = [{"id": "other", "who": {"users": ["bob"]}, "scopes": ["chat.read"]}]
    administer(site, state)
    assert owner.act().status_code == 400
    page = owner.page(PAGE, id="wiki-chat").text
    (removed,) = re.findall(r'href="([^"]+)" aria-label="Undo: Removed the rule', page)
    owner.agree(owner.get(unescape(removed)))
    assert owner.act().status_code == 200
    assert "other" in owner.page(PAGE, id="wiki-chat").text


def test_what_others_have_changed_since_is_said(owner: Administrator, site: Site) -> None:
    narrowed(site)
    (link,) = offered(owner.page(PAGE, id="wiki-chat"))[:1]
    assert "Others have changed this since" not in owner.get(link).text
    administer(site, policy(scopes=["chat.history"]))
    assert "Others have changed this since, and that goes back, too: Scopes." in owner.get(link).text


def test_what_is_as_it_was_is_not_undone_again(owner: Administrator, site: Site) -> None:
    narrowed(site)
    (link,) = offered(owner.page(PAGE, id="wiki-chat"))[:1]
    owner.agree(owner.get(link))
    again = owner.get(link)
    assert again.status_code == 409
    assert "nothing to undo" in again.text


def test_somebody_who_was_quicker_is_not_overwritten(owner: Administrator, site: Site) -> None:
    narrowed(site)
    review = owner.get(offered(owner.page(PAGE, id="wiki-chat"))[0])
    administer(site, policy(scopes=["chat.history"]))
    refused = owner.submit(review, "/admin/change", reason="too late")
    assert refused.status_code == 412
    assert owner.act(scope="chat.history").status_code == 200


@pytest.mark.parametrize(
    ("state", "page"),
    [
        (
            {"users": [{"username": "bob", "name": "Newname", "email": "bob@acme.example"}]},
            "/admin/person?id=bob",
        ),
        (
            {"resource_apps": [{**policy()["resource_apps"][0], "name": "Newname"}]},
            "/admin/resource-app?id=chat",
        ),
    ],
)
def test_people_and_resource_apps_have_it_too(
    owner: Administrator, site: Site, state: dict[str, Any], page: str
) -> None:
    administer(site, {"version": 1, **state})
    shown = owner.get(page)
    assert "<h1>Newname" in shown.text.replace("<bdi>", "")
    assert owner.agree(owner.get(offered(shown)[0])).status_code == 303
    assert "<h1>Newname" not in owner.get(page).text.replace("<bdi>", "")


def test_who_may_not_change_it_may_not_undo_it(site: Site, owner: Administrator) -> None:
    narrowed(site)
    (link,) = offered(owner.page(PAGE, id="wiki-chat"))[:1]
    with Administrator(site, Role.AUDITOR, "bob") as bob:
        assert offered(bob.page(PAGE, id="wiki-chat")) == []
        assert bob.get(link).status_code == 403
        assert site.last_event()["event"] == "admin.refused"
    with Administrator(site, Role.RULE_EDITOR, "bob") as bob:
        assert bob.get(link).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"of": "connection", "id": "wiki-chat", "no": "0"},
        {"of": "connection", "id": "wiki-chat", "no": "999999"},
        {"of": "connection", "id": "wiki-chat", "no": "one"},
        {"of": "connection", "id": "wiki-chat", "no": "9" * 30},
        {"of": "connection", "id": "nothing", "no": "1"},
        {"of": "group", "id": "staff", "no": "1"},
        {"of": "signing_key", "id": "wiki", "no": "1"},
        {},
    ],
)
def test_what_is_not_in_the_history_is_not_there(owner: Administrator, query: dict[str, str]) -> None:
    assert "Nothing is changed yet" not in owner.page(UNDO, 404, **query).text


def test_an_event_of_another_thing_is_not_in_this_history(owner: Administrator, site: Site) -> None:
    administer(site, {"version": 1, "users": [{"username": "bob", "name": "Robert"}]})
    (link,) = offered(owner.page("/admin/person", id="bob"))[:1]
    assert owner.get(link).status_code == 200
    assert owner.get(link.replace("id=bob", "id=alice")).status_code == 404


def test_an_administrators_account_wants_a_recent_sign_in_and_the_way_back_leads_to_the_review(
    owner: Administrator, site: Site
) -> None:
    """Decision 0044."""
    entry = {"username": "alice", "name": "Newname", "email": "alice@acme.example"}
    administer(site, {"version": 1, "users": [entry]})
    (link,) = offered(owner.page("/admin/person", id="alice"))[:1]
    assert owner.get(link).status_code == 200
    site.clock.now += 601
    away = owner.get(link)
    assert away.status_code == 303
    assert parse_qs(urlsplit(away.headers["location"]).query)["to"] == [link]
