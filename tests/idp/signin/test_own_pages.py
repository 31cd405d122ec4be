"""Signing in to our own pages, where no app asks: by the same steps, and to nowhere else."""

from __future__ import annotations

import pytest

from idjag.idp.signin import own_pages
from tests.idp.signin.factors import PWD, next_page, send, session, settings, with_app
from tests.idp.signin.seeds import PASSWORDS
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser, form_of


def test_a_page_of_ours_is_reached_by_way_of_the_sign_in(site: Site, browser: Browser) -> None:
    address = own_pages.sign_in(site.services, "me")
    page = browser.get(address.removeprefix(site.issuer))
    done = browser.fill(page, username="alice", password=PASSWORDS["alice"])
    assert (done.status_code, done.headers["location"]) == (303, "/me")
    assert (session(site)[0], site.rows("code")) == (PWD, [])
    again = browser.get(address.removeprefix(site.issuer))
    assert (again.status_code, again.headers["location"]) == (303, "/me")


def test_it_asks_for_the_same_factors(site: Site, browser: Browser) -> None:
    phone = with_app(site)
    page = browser.get("/signin", params={"page": "me"})
    step = next_page(browser, browser.fill(page, username="alice", password=PASSWORDS["alice"]))
    assert site.rows("session") == []
    done = send(browser, step, "totp", code=phone.code())
    assert done.headers["location"] == "/me"


def test_a_recent_sign_in_is_one_of_the_last_ten_minutes(site: Site, browser: Browser) -> None:
    address = own_pages.sign_in(site.services, "me", recent=True).removeprefix(site.issuer)
    page = browser.get(address)
    browser.fill(page, username="alice", password=PASSWORDS["alice"])
    site.clock.now += 600
    assert browser.get(address).status_code == 303
    site.clock.now += 1
    assert form_of(browser.get(address))["username"] == "alice"
    assert browser.get("/signin", params={"page": "me"}).status_code == 303


@pytest.mark.parametrize("page", ["//evil.example", "https://evil.example/", "/me", "nowhere", ""])
def test_nobody_is_sent_anywhere_else(site: Site, browser: Browser, page: str) -> None:
    """OIDC-25: no open redirect; the pages are a table."""
    settings(site)
    response = browser.get("/signin", params={"page": page})
    assert response.status_code == 400
    assert "location" not in response.headers
    assert browser.get("/signin", params={"page": "me"}).status_code == 200


def test_a_page_of_ours_is_no_app_and_an_app_no_page_of_ours(browser: Browser) -> None:
    assert browser.get("/authorize", params={"page": "me"}).status_code == 400
    assert browser.ask(page="me").status_code == 400
