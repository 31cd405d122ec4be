"""The apps that can act as a person: what the page says, and that a stop stops."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from tests.idp.me.person import Person, administer, policy
from tests.idp.signin.seeds import hold, update
from tests.idp.signin.site import Site


def scopes(page: httpx.Response) -> list[str]:
    return re.findall(r"<li>(chat\.\w+)</li>", page.text)


def test_an_app_is_listed_with_what_it_may_do_where_and_since_when(site: Site, alice: Person) -> None:
    site.clock.now += 3600
    assert "Wiki" in alice.get("/me").text
    page = alice.app_page
    assert "At <bdi>Chat</bdi>" in page.text
    assert scopes(page) == ["chat.read", "chat.write"]
    assert ">1 hour ago</time>" in page.text
    assert page.text.count("<dd>not so far</dd>") == 2


def test_the_page_says_when_the_app_acted_first_and_last(site: Site, alice: Person) -> None:
    """From the audit log; what it did for others is not said."""
    with Person(site, "bob") as bob:
        assert bob.act().status_code == 200
    assert "Not used so far." in alice.get("/me").text
    assert alice.act().status_code == 200
    site.clock.now += 600
    assert alice.act().status_code == 200
    site.clock.now += 120
    assert ">2 minutes ago</time>" in alice.get("/me").text
    assert ">12 minutes ago</time>" in alice.app_page.text


def test_an_app_that_no_rule_lets_act_for_me_is_not_listed(site: Site, alice: Person) -> None:
    assert "/me/app?id=" in alice.get("/me").text
    administer(site, policy(who={"users": ["bob"]}))
    page = alice.get("/me").text
    assert "/me/app?id=" not in page
    assert "No app can act for you right now." in page
    with Person(site, "bob") as bob:
        assert "/me/app?id=" in bob.get("/me").text


def test_an_app_that_is_not_for_me_is_not_listed(site: Site, alice: Person) -> None:
    assert "/me/app?id=" in alice.get("/me").text
    change_app(site, assigned={"people": ["p-bob"]})
    assert "/me/app?id=" not in alice.get("/me").text
    change_app(site, assigned={"people": ["p-alice"]})
    assert "/me/app?id=" in alice.get("/me").text
    site.write(update("app", "app-wiki", status="disabled"), policy=True)
    assert "/me/app?id=" not in alice.get("/me").text


def change_app(site: Site, **changes: Any) -> None:
    """What an administrator does to the wiki."""
    (row,) = site.rows("app", id="app-wiki")
    spec = {**json.loads(str(row["spec"])), **changes}
    site.write(update("app", "app-wiki", spec=json.dumps(spec)), policy=True)


def test_a_guardrail_takes_scopes_away_here_too(site: Site, alice: Person) -> None:
    """The one evaluator answers: what it would not grant is not listed."""
    rail = {"id": "no-writing", "who": {"everyone": True}, "scopes": ["chat.write"], "reason": "finding 3"}
    administer(site, {"version": 1, "guardrails": [rail]})
    assert scopes(alice.app_page) == ["chat.read"]


def test_what_needs_a_better_sign_in_is_listed_with_its_condition(site: Site, alice: Person) -> None:
    assert "Only under conditions" not in alice.app_page.text
    administer(site, policy(conditions={"amr": ["mfa"]}))
    page = alice.app_page
    assert scopes(page) == ["chat.read", "chat.write"]
    assert "Only under conditions" in page.text


def test_a_stop_ends_what_the_app_can_do_as_me_and_nothing_else(site: Site, alice: Person) -> None:
    """Issue 6: a hold on me in that app, by me, effective for the next exchange; another person's goes on."""
    subject = alice.act()
    assert subject.status_code == 200
    page = alice.app_page
    stopped = alice.press(page, "/me/app/stop", reason="It wrote  to everybody. Stop.")
    assert stopped.headers["location"] == "/me?done=stopped"
    (event,) = [one for one in site.events() if one["event"] == "hold.placed"]
    assert (event["event"], event["actor"]) == ("hold.placed", {"kind": "person", "id": "p-alice"})
    assert (event["subject"], event["requesting_app"]) == ("p-alice", "app-wiki")
    assert event["after"]["reason"] == "It wrote to everybody. Stop."
    refused = alice.ask()
    assert refused.status_code == 403
    assert "is stopped for now" in refused.text
    assert "Stopped by you" in alice.get(stopped.headers["location"]).text
    with Person(site, "bob") as bob:
        assert bob.act().status_code == 200


def test_a_stop_refuses_the_exchange_of_a_token_from_before(site: Site, alice: Person) -> None:
    with Person(site) as agent:
        answered = agent.ask()
        code = re.findall(r"[?&]code=([^&]+)", answered.headers["location"])[0]
        id_token = agent.redeem(code).json()["id_token"]
        alice.press(alice.app_page, "/me/app/stop")
        answer = agent.exchange(id_token)
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")


def test_what_i_stopped_i_let_go_again(site: Site, alice: Person) -> None:
    alice.press(alice.app_page, "/me/app/stop")
    assert alice.ask().status_code == 403
    released = alice.press(alice.app_page, "/me/app/release")
    assert released.headers["location"] == "/me?done=released"
    assert site.last_event()["event"] == "hold.released"
    assert site.last_event()["actor"] == {"kind": "person", "id": "p-alice"}
    assert alice.act().status_code == 200


def test_what_an_administrator_stopped_nobody_lets_go_here(site: Site, alice: Person) -> None:
    """Contract section 4: a hold stays until it is released by those who may."""
    alice.press(alice.app_page, "/me/app/stop")
    site.write(hold("user-in-app", "p-alice", app="app-wiki"))
    alice.press(alice.app_page, "/me/app/release")
    assert [row["by"] for row in site.rows("hold")] == ["root"]
    assert alice.ask().status_code == 403
    page = alice.app_page
    assert "An administrator has stopped this." in page.text
    assert "/me/app/release" not in page.text
    assert "Stopped by an administrator" in alice.get("/me").text


def test_stopping_twice_is_one_stop(site: Site, alice: Person) -> None:
    page = alice.app_page
    alice.press(page, "/me/app/stop")
    alice.press(page, "/me/app/stop")
    assert len(site.rows("hold")) == 1


def test_a_report_says_what_happened_and_stops_nothing(site: Site, alice: Person) -> None:
    page = alice.app_page
    empty = alice.press(page, "/me/app/stop", only="report", reason=" ")
    assert empty.status_code == 400
    assert 'aria-invalid="true"' in empty.text
    assert site.last_event()["event"] != "app.reported"
    sent = alice.press(page, "/me/app/stop", only="report", reason="x" * 900)
    assert sent.headers["location"] == "/me?done=reported"
    event = site.last_event()
    assert (event["event"], event["actor"]["kind"]) == ("app.reported", "person")
    assert event["after"] == {"reason": "x" * 500}
    assert alice.act().status_code == 200


@pytest.mark.parametrize("app", ["app-notes", "app-desk", "nobody", ""])
def test_an_app_that_cannot_act_for_me_has_no_page_and_cannot_be_stopped(
    site: Site, alice: Person, app: str
) -> None:
    """Nothing is learnt about apps that are none of mine."""
    page = alice.app_page
    assert alice.get(f"/me/app?id={app}").status_code == 404
    assert alice.press(page, "/me/app/stop", id=app).status_code == 404
    assert site.rows("hold") == []


def test_hostile_names_are_inert(site: Site, alice: Person) -> None:
    """Attack case 189."""
    name = '<script>alert(1)</script>" onfocus="x'
    change_app(site, name=name)
    resource_app = json.loads(json.dumps(policy()))
    resource_app["resource_apps"][0]["name"] = name
    administer(site, resource_app)
    for page in (alice.get("/me"), alice.app_page):
        assert "<script" not in page.text
        assert '" onfocus="' not in page.text
        assert "&lt;script&gt;" in page.text
