"""A second factor set up on the way to an app: who must, who may, and recovery codes that are shown once."""

from __future__ import annotations

import re

import pytest

from tests.authenticator import Authenticator
from tests.idp.signin.factors import (
    MFA,
    PHR,
    SESSION_COOKIE,
    STEP,
    asks_for,
    form_that,
    next_page,
    password,
    passwordless,
    seed_on,
    send,
    session,
    settings,
    touch,
    with_app,
    with_passkey,
    wrong,
)
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser, answer_of


def codes_on(text: str) -> list[str]:
    return re.findall(r"\b[0-9a-z]{4}(?:-[0-9a-z]{4}){3}\b", text)


def factors_of(site: Site, name: str = "alice") -> list[str]:
    return sorted(str(row["kind"]) for row in site.rows("credential", person_id=f"p-{name}"))


def test_who_must_have_a_second_factor_sets_one_up_first(site: Site, browser: Browser) -> None:
    """second_factor: required; the app's code is the proof, and the recovery codes come before the way on."""
    settings(site, second_factor="required")
    page = password(browser)
    assert "asks everybody for a second factor" in page.text
    phone = seed_on(page, site)
    shown = send(browser, page, "enrol_totp", code=phone.code())
    assert shown.status_code == 200
    assert len(codes_on(shown.text)) == 10
    assert (site.rows("session"), site.rows("code")) == ([], [])
    answer_of(send(browser, shown, "go_on"))
    assert session(site)[:2] == (MFA, ["pwd", "otp", "mfa"])
    assert factors_of(site) == ["password", *["recovery"] * 10, "totp"]
    assert "factor.added" in {event["event"] for event in site.events()}


def test_the_next_sign_in_asks_for_it(site: Site, browser: Browser) -> None:
    settings(site, second_factor="required")
    page = password(browser)
    phone = seed_on(page, site)
    shown = send(browser, page, "enrol_totp", code=phone.code())
    answer_of(send(browser, shown, "go_on"))
    site.clock.now += 60
    with Browser(site) as other:
        page = password(other)
        assert not asks_for(page, "enrol_totp")
        answer_of(send(other, page, "totp", code=phone.code()))
        password(other, prompt="login")
        page = other.get(STEP, params={"use": "recovery"})
        assert "code" in answer_of(send(other, page, "recovery", code=codes_on(shown.text)[3]))


def test_recovery_codes_are_shown_once(site: Site, browser: Browser) -> None:
    settings(site, second_factor="required")
    page = password(browser)
    shown = send(browser, page, "enrol_totp", code=seed_on(page, site).code())
    first = codes_on(shown.text)[0]
    assert first not in browser.get(STEP).text
    assert first not in "".join(str(dict(row)) for row in site.rows("credential"))
    assert "code" in answer_of(send(browser, browser.get(STEP), "go_on"))


def test_a_wrong_first_code_stores_nothing_and_shows_the_same_seed(site: Site, browser: Browser) -> None:
    settings(site, second_factor="required")
    page = password(browser)
    phone = seed_on(page, site)
    again = send(browser, page, "enrol_totp", code=wrong(phone.code()))
    assert (again.status_code, factors_of(site)) == (403, ["password"])
    assert seed_on(again, site).seed == phone.seed
    assert len(codes_on(send(browser, again, "enrol_totp", code=phone.code()).text)) == 10


def test_a_passkey_is_made_and_then_used(named: Site, visitor: Browser) -> None:
    """Making one proves nothing yet: nobody has signed anything with it."""
    settings(named, second_factor="required")
    device = Authenticator()
    page = password(visitor)
    form = form_that(page, "enrol_passkey")
    assert form.options is not None
    shown = send(visitor, page, "enrol_passkey", credential=device.create(form.options, named.issuer))
    assert len(codes_on(shown.text)) == 10
    after = next_page(visitor, send(visitor, shown, "go_on"))
    assert named.rows("session") == []
    answer_of(touch(visitor, after, device))
    assert session(named)[:2] == (PHR, ["pwd", "pop", "user", "mfa"])


def test_a_passkey_is_added_to_an_account_with_an_app_after_the_apps_code(
    named: Site, visitor: Browser
) -> None:
    phone = with_app(named)
    device = Authenticator()
    page = password(visitor, acr_values=PHR)
    assert not asks_for(page, "enrol_passkey")
    page = next_page(visitor, send(visitor, page, "totp", code=phone.code()))
    form = form_that(page, "enrol_passkey")
    assert form.options is not None
    shown = send(visitor, page, "enrol_passkey", credential=device.create(form.options, named.issuer))
    after = next_page(visitor, send(visitor, shown, "go_on"))
    answer_of(touch(visitor, after, device))
    assert session(named)[0] == PHR


@pytest.mark.parametrize("when", ["before the page", "after the page"])
def test_a_factor_that_the_person_has_meanwhile_is_asked_for(site: Site, browser: Browser, when: str) -> None:
    """Whoever has the password and waits on the page to set one up does not get ahead of the owner."""
    settings(site, second_factor="required")
    page = password(browser)
    seed = seed_on(page, site)
    owners = with_app(site)
    if when == "before the page":
        page = browser.get(STEP)
        assert not asks_for(page, "enrol_totp")
    else:
        assert send(browser, page, "enrol_totp", code=seed.code()).status_code == 403
    assert factors_of(site) == ["password", "totp"]
    assert "code" in answer_of(send(browser, browser.get(STEP), "totp", code=owners.code()))


def test_a_session_of_before_the_rule_is_raised(site: Site, browser: Browser) -> None:
    """What administrators tighten holds for the sessions that there are."""
    answer_of(browser.sign_in())
    cookie = browser.cookies[SESSION_COOKIE]
    settings(site, second_factor="required")
    page = next_page(browser, browser.ask())
    shown = send(browser, page, "enrol_totp", code=seed_on(page, site).code())
    answer_of(send(browser, shown, "go_on"))
    assert session(site)[0] == MFA
    assert browser.cookies[SESSION_COOKIE] != cookie


def test_a_passkey_alone_is_enough_where_a_second_factor_is_required(named: Site, visitor: Browser) -> None:
    settings(named, second_factor="required")
    device = with_passkey(named)
    assert "code" in answer_of(passwordless(visitor, visitor.ask(), device))
