"""Discovery through the admin API: who may, how often, on the record, and what is never told."""

from __future__ import annotations

import socket
from typing import Any

from idjag.trust.fetch import OutboundAllow, PinnedFetcher
from tests.idp.discover.conftest import Desk
from tests.idp.grants.acme import CHAT
from tests.trust.servers import Server, response

INSIDE = ["https://10.0.0.7/", "https://127.0.0.1/", "https://169.254.169.254/", "https://[::1]/"]


def test_an_app_admin_asks_and_nothing_is_saved(desk: Desk) -> None:
    """Issue 7.4."""
    before = desk.office("owner", "GET", "/state").text

    answer = desk.discover(CHAT.removesuffix("/"))

    assert answer.status_code == 200
    said = answer.json()
    assert (said["typed"], said["said"], said["same"]) == (CHAT.removesuffix("/"), CHAT, False)
    assert said["fills"]["issuer"] == CHAT
    assert desk.office("owner", "GET", "/state").text == before


def test_who_may_change_no_app_asks_nobody(desk: Desk) -> None:
    """Attack case 191."""
    for role in ("viewer", "rule_editor", "auditor"):
        assert desk.discover(CHAT, role).status_code == 403
        assert desk.check(role=role).status_code == 403
    assert desk.office.acme.events("discovery.asked") == []
    assert desk.discover(CHAT, "owner").status_code == 200


def test_each_question_is_one_event_with_its_outcome(desk: Desk) -> None:
    found = desk.discover(CHAT)
    refused = desk.discover("https://nowhere.example/?token=hidden")

    assert (found.status_code, refused.status_code) == (200, 422)
    events = [event["after"] for event in desk.office.acme.events("discovery.asked")]
    assert [(one["asked"], one["outcome"]) for one in events] == [
        (CHAT, "found"),
        ("https://nowhere.example/", "refused"),
    ]
    assert events[0]["issuer"] == CHAT
    assert events[1]["looks"][0]["outcome"] == "answered 404"
    handle = desk.office.acme.row("api_token", "name", "app_admin")["handle"]
    assert {e["actor"]["id"] for e in desk.office.acme.events("discovery.asked")} == {handle}


def test_what_is_no_address_costs_nothing_and_is_kept_nowhere(desk: Desk) -> None:
    answer = desk.discover("https://alice:canary-7@chat.example/")

    assert answer.status_code == 422
    assert desk.office.acme.events("discovery.asked") == []
    assert "canary-7" not in answer.text


def test_whoever_asks_too_often_waits(desk: Desk) -> None:
    """Attack case 176: nobody makes this server a scanner; checks and discovery count together."""
    answers = [desk.discover(CHAT) for _ in range(9)] + [desk.check()]
    assert {one.status_code for one in answers} == {200}

    late = desk.discover(CHAT)
    assert (late.status_code, late.headers["Retry-After"]) == (429, "60")
    assert desk.check().status_code == 429
    assert len(desk.office.acme.events("discovery.asked")) == 9
    assert desk.discover(CHAT, "owner").status_code == 200

    desk.office.acme.clock.now += 60
    assert desk.discover(CHAT).status_code == 200


def test_a_server_that_fetches_nothing_says_so(desk: Desk) -> None:
    desk.serve(None)

    answer = desk.discover(CHAT)

    assert (answer.status_code, answer.json()["detail"]) == (422, "This server may not ask others.")


def test_a_body_that_is_wrong_in_one_thing_asks_nobody(desk: Desk) -> None:
    wrong: list[dict[str, Any]] = [
        {},
        {"url": ""},
        {"url": 7},
        {"url": CHAT, "save": True},
        {"url": "x" * 3000},
        {"url": CHAT, "authorization_server": ""},
    ]
    answers = [desk.office("owner", "POST", "/discover", json=body).status_code for body in wrong]

    assert answers == [400] * len(wrong)
    assert desk.office.acme.events("discovery.asked") == []


def test_one_of_several_authorization_servers_is_chosen(desk: Desk) -> None:
    place = "https://api.chat.example/.well-known/oauth-protected-resource"
    api = "https://api.chat.example/"
    desk.pages[place] = {"resource": api, "authorization_servers": ["https://other.example", CHAT]}

    assert desk.discover(api).json()["choices"] == ["https://other.example", CHAT]
    chosen = desk.discover(api, authorization_server=CHAT).json()
    assert (chosen["choices"], chosen["fills"]["issuer"]) == (["https://other.example", CHAT], CHAT)


def test_of_our_own_network_nothing_is_told(desk: Desk) -> None:
    """Attack case 176: forbidden, closed and unknown addresses all end alike, and none is connected to."""

    def resolver(host: str, port: int, _family: int, _kind: int) -> list[Any]:
        if host == "nobody.example":
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", port))]

    desk.serve(PinnedFetcher(OutboundAllow(), resolver=resolver))
    for url in [*INSIDE, "https://inside.example/", "https://nobody.example/"]:
        answer = desk.discover(url)
        assert answer.status_code == 422
        assert {error["message"] for error in answer.json()["errors"]} == {"could not be reached"}
        assert "10.0.0.7" not in answer.text.replace(url, "")


def test_over_real_http_a_status_is_told_and_a_redirect_is_not_followed(desk: Desk) -> None:
    """Attack case 178."""
    desk.serve(PinnedFetcher(OutboundAllow(loopback=True)))
    elsewhere = response(b"", status="302 Found", headers=("Location: https://10.0.0.7/",))
    with Server(elsewhere) as server:
        errors = desk.discover(f"http://127.0.0.1:{server.port}/").json()["errors"]
        assert {error["message"] for error in errors} == {"answered 302"}
        assert server.connections == len(errors)
