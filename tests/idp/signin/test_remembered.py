"""Remembered browsers: a factor with an expiry, and not a hole."""

from __future__ import annotations

import pytest

from tests.idp.signin.factors import (
    MFA,
    PWD,
    SESSION_COOKIE,
    STEP,
    asks_for,
    password,
    send,
    settings,
    with_app,
    with_recovery_codes,
)
from tests.idp.signin.seeds import update
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser, answer_of, claims


def test_a_remembered_browser_is_spared_the_code_and_nothing_else(site: Site, browser: Browser) -> None:
    """Remembering is a factor with an expiry: the token says pwd, and an app that asks for more gets more."""
    settings(site, remember_device=14 * 86400)
    phone = with_app(site)
    answer_of(send(browser, password(browser), "totp", code=phone.code(), remember="1"))
    browser.cookies.delete(SESSION_COOKIE)
    site.clock.now += 14 * 86400 - 61
    response = browser.sign_in()
    assert claims(site, browser.redeem(answer_of(response)["code"]))["acr"] == PWD
    browser.cookies.delete(SESSION_COOKIE)
    assert asks_for(password(browser, acr_values=MFA), "totp")
    site.clock.now += 120
    browser.cookies.delete(SESSION_COOKIE)
    assert asks_for(password(browser), "totp")


@pytest.mark.parametrize(
    "why", ["another person", "a new epoch", "not remembered any more", "remembered shorter", "no wish"]
)
def test_a_device_counts_for_whom_and_as_long_as_it_was_remembered(
    site: Site, browser: Browser, why: str
) -> None:
    settings(site, remember_device=14 * 86400)
    phone, his = with_app(site), with_app(site, "bob")
    fields = {} if why == "no wish" else {"remember": "1"}
    answer_of(send(browser, password(browser), "totp", code=phone.code(), **fields))
    browser.cookies.delete(SESSION_COOKIE)
    if why == "a new epoch":
        site.write(update("person", "p-alice", epoch=1))
    if why == "not remembered any more":
        settings(site)
    if why == "remembered shorter":
        settings(site, remember_device=3600)
        site.clock.now += 3600
    page = password(browser, "bob" if why == "another person" else "alice")
    assert asks_for(page, "totp")
    assert his.seed != phone.seed


def test_a_recovery_code_remembers_no_browser(site: Site, browser: Browser) -> None:
    settings(site, remember_device=14 * 86400)
    with_app(site)
    codes = with_recovery_codes(site)
    password(browser)
    page = browser.get(STEP, params={"use": "recovery"})
    answer_of(send(browser, page, "recovery", code=codes[0], remember="1"))
    assert site.rows("device") == []
