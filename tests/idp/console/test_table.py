"""Every place of the console against every role: nothing is open, nothing is unlisted, nothing leaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from idjag.idp.administration.roles import MAY, Role
from idjag.idp.console.navigation import NAVIGATION
from idjag.idp.console.table import PLACES
from idjag.idp.services import Services
from idjag.idp.signin.routes import create_pages
from tests.idp.console.desk import Administrator, acme
from tests.idp.me.person import Person
from tests.idp.signin.site import Host, Site
from tests.idp.signin.visit import Browser

_BEFORE = {"/admin/enter", "/admin/leave", "/admin/first"}


@pytest.fixture(scope="module")
def hall(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for the whole table: nothing is changed here."""
    with acme(host, tmp_path_factory.mktemp("hall")) as site:
        yield site


@pytest.fixture(scope="module")
def stranger(hall: Site) -> Iterator[Browser]:
    with Browser(hall) as somebody:
        yield somebody


@pytest.fixture(scope="module")
def owner_of_all(hall: Site) -> Iterator[Administrator]:
    with Administrator(hall) as alice:
        yield alice


def sent(browser: Browser, method: str, path: str) -> Any:
    return browser.request(method, path, data={"id": "wiki"} if method == "POST" else None)


def methods() -> list[tuple[str, str]]:
    """Every path with every method that it has."""
    had = [(path, "GET") for path, place in PLACES.items() if place.show]
    return had + [(path, "POST") for path, place in PLACES.items() if place.change]


def test_every_route_below_admin_is_in_the_table_or_before_the_console(hall: Site) -> None:
    pages = _pages(hall.services)
    routes = {route.path for route in pages.routes if isinstance(route, HTTPRoute)}
    below = {path for path in routes if path == "/admin" or path.startswith("/admin/")}
    assert below == {*PLACES, *_BEFORE, "/admin/{rest:path}"}


def _pages(services: Services) -> Litestar:
    nothing: Any = object()  # no page is asked for
    return create_pages(services, lookups=nothing)


def test_every_entry_of_the_navigation_leads_somewhere(owner_of_all: Administrator) -> None:
    paths = [path for entries in NAVIGATION.values() for path, _, _ in entries]
    assert {path: owner_of_all.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)


@pytest.mark.parametrize(("path", "method"), methods())
def test_nobody_sees_or_changes_anything_without_a_console_session(
    stranger: Browser, path: str, method: str
) -> None:
    """Attack cases of group L: not by a form either, whose fields are not even read."""
    answer = sent(stranger, method, path)
    assert answer.status_code == 303
    assert "/admin/enter" in answer.headers["location"]


def test_a_sign_in_alone_opens_no_place(hall: Site) -> None:
    with Person(hall, "bob") as bob:
        assert bob.get("/me").status_code == 200
        assert {sent(bob, method, path).status_code for path, method in methods()} == {303}


@pytest.mark.parametrize(
    "role",
    [
        pytest.param(role, marks=() if role is Role.RULE_EDITOR else pytest.mark.soak)
        for role in Role
        if role is not Role.OWNER
    ],
)
def test_each_role_comes_as_far_as_the_table_says_and_no_further(
    hall: Site, owner_of_all: Administrator, role: Role
) -> None:
    """ADM-04: the role matrix, made from the table itself."""
    with Administrator(hall, role, "bob") as bob:
        wrong = []
        for path, method in methods():
            allowed = PLACES[path].needed(method) in MAY[role]
            answer = sent(bob, method, path)
            # a form without its token is refused, and one that the role may not send is refused before that
            refused = "Not for your role" in answer.text
            if refused is allowed:
                wrong.append((method, path, answer.status_code))
        assert wrong == []


@pytest.mark.parametrize("path", [path for path, place in PLACES.items() if place.change])
def test_a_form_that_we_did_not_give_changes_nothing(owner_of_all: Administrator, path: str) -> None:
    """Attack cases of group L: no token, another page's token, another site's form."""
    before = len(owner_of_all.site.events())
    assert owner_of_all.post(path, data={"id": "wiki"}).status_code in (303, 403)
    other = owner_of_all.submit(owner_of_all.page("/admin/guardrail/edit"), "/admin/guardrail/edit", id="x")
    assert other.status_code in (200, 422)
    foreign = owner_of_all.post(path, data={"id": "wiki"}, headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    told = {event["event"] for event in owner_of_all.site.events()[before:]}
    assert told <= {"admin.refused", "refused.before_authentication"}


def test_a_form_that_we_gave_is_refused_when_another_site_sends_it(owner_of_all: Administrator) -> None:
    """Attack cases of group L: a token that another site has found out is not enough."""
    page, action = owner_of_all.page("/admin/guardrail/edit"), "/admin/guardrail/edit"
    answers = []
    for site in ("cross-site", "same-origin"):
        owner_of_all.headers["sec-fetch-site"] = site
        answers.append(owner_of_all.submit(page, action, id="x").status_code)
        del owner_of_all.headers["sec-fetch-site"]
    assert (answers[0], answers[1] in (200, 422)) == (403, True)


def test_what_is_no_form_is_refused_with_a_page(owner_of_all: Administrator) -> None:
    bad = [
        (b"id=%zz", "application/x-www-form-urlencoded"),
        (b'{"id":"wiki"}', "application/json"),
        (b"id=%00", "application/x-www-form-urlencoded"),
        (b"id=\xff", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=1" for _ in range(6000)), "application/x-www-form-urlencoded"),
        (b"x" * (1024 * 1024 + 1), "application/x-www-form-urlencoded"),
    ]
    for body, media_type in bad:
        answer = owner_of_all.post(
            "/admin/guardrail/edit", content=body, headers={"content-type": media_type}
        )
        assert 400 <= answer.status_code < 500, (body[:20], answer.status_code)
    assert owner_of_all.get("/admin/ask?user=a&user=b").status_code == 400
    assert owner_of_all.get("/admin/ask?user=nobody&from=wiki&to=chat").status_code == 422
