"""A password, then a second factor: what is asked for, what counts, and that nothing is skipped."""

from __future__ import annotations

import base64
import json

import httpx
import pytest

from idjag.idp.factors import totp
from tests import plain_http
from tests.idp.signin.factors import (
    MFA,
    PHR,
    PWD,
    SESSION_COOKIE,
    STEP,
    STEP_COOKIE,
    Phone,
    asks_for,
    form_that,
    forms,
    next_page,
    password,
    send,
    session,
    with_app,
    with_recovery_codes,
    wrong,
)
from tests.idp.signin.seeds import hold, update
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser, answer_of, claims, form_of


def test_a_password_and_a_code_sign_in(site: Site, browser: Browser) -> None:
    """OIDC-13, OIDC-26: acr and amr are what was shown, in the session and in the ID token."""
    phone = with_app(site)
    response = send(browser, password(browser), "totp", code=phone.code())
    token = claims(site, browser.redeem(answer_of(response)["code"]))
    assert (token["acr"], token["amr"]) == (MFA, ["pwd", "otp", "mfa"])
    assert session(site) == (MFA, ["pwd", "otp", "mfa"], site.clock.now)
    assert (token["auth_time"], token["session_expiry"]) == (site.clock.now, site.clock.now + 12 * 3600)
    assert site.rows("sign_in_step") == []


def test_between_the_pages_there_is_no_session_and_no_code(site: Site, browser: Browser) -> None:
    """The row of the step admits to nothing, and neither does its cookie under another name."""
    phone = with_app(site)
    page = password(browser)
    assert (site.rows("session"), site.rows("code")) == ([], [])
    assert SESSION_COOKIE not in browser.cookies
    step = browser.cookies[STEP_COOKIE]
    as_session = plain_http.get(
        f"{site.url}/authorize",
        params={**dict(browser.ask().request.url.params), "prompt": "none"},
        headers={"cookie": f"{SESSION_COOKIE}={step}"},
    )
    assert answer_of(as_session)["error"] == "login_required"
    assert "code" in answer_of(send(browser, page, "totp", code=phone.code()))


def test_the_step_is_a_row_with_the_digest_of_its_cookie(site: Site, browser: Browser) -> None:
    """OIDC-26: 256 bits, HttpOnly, ten minutes, of this person's epoch."""
    with_app(site)
    response = browser.sign_in()
    cookie = next(one for one in response.headers.get_list("set-cookie") if one.startswith(STEP_COOKIE))
    value = browser.cookies[STEP_COOKIE]
    assert len(value) >= 43
    assert cookie == f"{STEP_COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax"
    (row,) = site.rows("sign_in_step")
    assert value not in json.dumps(dict(row), default=str)
    assert (row["person_id"], row["epoch"], row["expires"]) == ("p-alice", 0, site.clock.now + 600)


def test_a_wrong_code_signs_nobody_in(site: Site, browser: Browser) -> None:
    phone = with_app(site)
    page = password(browser)
    again = send(browser, page, "totp", code=wrong(phone.code()))
    assert again.status_code == 403
    assert site.last_event()["event"] == "login.failed"
    assert (site.last_event()["reason"], site.rows("session")) == ("factor_wrong", [])
    assert "code" in answer_of(send(browser, again, "totp", code=phone.code()))


@pytest.mark.parametrize("does", ["go_on", "decline", "", "password", "device", "enrol_totp"])
def test_no_form_goes_on_without_the_factor(site: Site, browser: Browser, does: str) -> None:
    """Factor skipping: what a form says of itself proves nothing; the row and the facts do."""
    phone = with_app(site)
    page = password(browser)
    token = form_that(page, "totp").fields["form_token"]
    response = browser.post(STEP, data={"form_token": token, "do": does, "acr": PHR, "proven": "totp"})
    assert "code=" not in response.headers.get("location", "")
    assert (site.rows("session"), site.rows("code")) == ([], [])
    page = browser.get(STEP)
    assert "code" in answer_of(send(browser, page, "totp", code=phone.code()))


def test_a_password_alone_never_adds_a_factor_to_an_account_that_has_one(
    site: Site, browser: Browser
) -> None:
    """Whoever knows the password must not bring a factor of their own, however the form is made."""
    phone = with_app(site)
    page = password(browser)
    token = form_that(page, "totp").fields["form_token"]
    pending = totp.begin(
        site.services.sealer,
        tenant="t1",
        person_id="p-alice",
        organisation="",
        username="alice",
        now=site.clock.now,
    )
    own = Phone(site, base64.b32decode(pending.secret))
    fields = {"form_token": token, "do": "enrol_totp", "pending": pending.token, "code": own.code()}
    before = len(site.rows("credential", person_id="p-alice"))
    assert browser.post(STEP, data=fields).status_code == 403
    assert len(site.rows("credential", person_id="p-alice")) == before
    assert "code" in answer_of(send(browser, browser.get(STEP), "totp", code=phone.code()))


def test_the_code_of_somebody_else_is_wrong(site: Site, browser: Browser) -> None:
    hers, his = with_app(site, "alice"), with_app(site, "bob")
    page = password(browser)
    assert send(browser, page, "totp", code=his.code()).status_code == 403
    assert "code" in answer_of(send(browser, browser.get(STEP), "totp", code=hers.code()))


def test_a_code_that_was_used_signs_nobody_in(site: Site, browser: Browser) -> None:
    phone = with_app(site)
    code = phone.code()
    answer_of(send(browser, password(browser), "totp", code=code))
    with Browser(site) as thief:
        assert send(thief, password(thief), "totp", code=code).status_code == 403
        assert "factor_replayed" in {event.get("reason") for event in site.events()}
        site.clock.now += 60
        assert "code" in answer_of(send(thief, thief.get(STEP), "totp", code=phone.code()))


def test_five_wrong_codes_end_the_step(site: Site, browser: Browser) -> None:
    """Then it begins with the password again, and the account's own count goes on."""
    phone = with_app(site)
    page = password(browser)
    for _ in range(4):
        page = send(browser, page, "totp", code=wrong(phone.code()))
        assert asks_for(page, "totp")
    over = send(browser, page, "totp", code=wrong(phone.code()))
    assert set(form_of(over)) >= {"username", "password"}
    right = browser.post(STEP, data={**form_that(page, "totp").fields, "code": phone.code()})
    assert "username" in form_of(right)
    assert site.rows("session") == []


def test_a_step_ends_after_ten_minutes(site: Site, browser: Browser) -> None:
    phone = with_app(site)
    page = password(browser)
    site.clock.now += 599
    assert asks_for(browser.get(STEP), "totp")
    site.clock.now += 1
    assert send(browser, page, "totp", code=phone.code()).status_code == 400
    assert site.rows("session") == []


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(update("person", "p-alice", epoch=1), id="a new epoch"),
        pytest.param(update("person", "p-alice", status="disabled"), id="disabled"),
        pytest.param(hold("user", "p-alice"), id="held"),
    ],
)
def test_a_step_of_a_stopped_person_is_over(site: Site, browser: Browser, write: object) -> None:
    """Attack case 158."""
    phone = with_app(site)
    page = password(browser)
    site.write(write)  # type: ignore[arg-type]  # one of three kinds
    send(browser, page, "totp", code=phone.code())
    assert (site.rows("session"), site.rows("code")) == ([], [])


def test_the_form_of_another_browser_is_stale(site: Site, browser: Browser) -> None:
    """OIDC-25: the token of the form hangs on the cookie of the step."""
    phone = with_app(site)
    page = password(browser)
    with Browser(site) as other:
        theirs = password(other)
        mixed = {**form_that(theirs, "totp").fields, "code": phone.code()}
        assert browser.post(STEP, data=mixed).status_code == 403
        assert site.rows("session") == []
        assert "code" in answer_of(send(browser, page, "totp", code=phone.code()))


def test_a_form_from_elsewhere_is_refused(site: Site, browser: Browser) -> None:
    """OIDC-25."""
    phone = with_app(site)
    fields = {**form_that(password(browser), "totp").fields, "code": phone.code()}
    foreign = browser.post(STEP, data=fields, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert site.rows("session") == []
    assert "code" in answer_of(browser.post(STEP, data=fields))


def test_without_a_step_there_is_nothing_to_answer(site: Site, browser: Browser) -> None:
    with_app(site)
    assert browser.get(STEP).status_code == 400
    assert browser.post(STEP, data={"do": "go_on", "form_token": "x"}).status_code == 400


def test_a_recovery_code_stands_in_once(site: Site, browser: Browser) -> None:
    with_app(site)
    codes = with_recovery_codes(site)
    password(browser)
    page = browser.get(STEP, params={"use": "recovery"})
    answer_of(send(browser, page, "recovery", code=codes[0].upper()))
    assert session(site)[:2] == (MFA, ["pwd", "otp", "mfa"])
    with Browser(site) as other:
        password(other)
        page = other.get(STEP, params={"use": "recovery"})
        assert send(other, page, "recovery", code=codes[0]).status_code == 403
        page = other.get(STEP, params={"use": "recovery"})
        assert "code" in answer_of(send(other, page, "recovery", code=codes[1]))


def test_who_has_no_factor_is_asked_for_none(site: Site, browser: Browser) -> None:
    with_app(site, "alice")
    assert "code" in answer_of(browser.sign_in("bob"))
    assert session(site)[0] == PWD


def _forms(page: httpx.Response) -> list[object]:

    return list(forms(page))


def test_the_way_of_a_sign_in_is_in_the_audit_log(site: Site, browser: Browser) -> None:
    """Contract section 9: one event for each page, and never a code."""
    phone = with_app(site)
    before, code = len(site.events()), phone.code()
    answer_of(send(browser, password(browser), "totp", code=code))
    events = site.events()[before:]
    assert [event["event"] for event in events] == ["login.continued", "login.succeeded"]
    assert events[0]["actor"] == events[1]["actor"] == {"kind": "person", "id": "p-alice"}
    assert [one["kind"] for one in events[1]["inputs"]["factors"]] == ["totp"]
    assert code not in json.dumps(events)


def test_a_session_that_lacks_the_factor_is_raised_by_it_alone(site: Site, browser: Browser) -> None:
    """A factor that was set up later is asked of the session at its next use; the cookie is new then."""
    answer_of(browser.sign_in())
    signed_in, cookie = site.clock.now, browser.cookies[SESSION_COOKIE]
    phone = with_app(site)
    page = next_page(browser, browser.ask())
    answer_of(send(browser, page, "totp", code=phone.code()))
    assert session(site) == (MFA, ["pwd", "otp", "mfa"], signed_in)
    assert browser.cookies[SESSION_COOKIE] != cookie
    dead = plain_http.get(
        f"{site.url}/authorize",
        params={**dict(browser.ask().request.url.params), "prompt": "none"},
        headers={"cookie": f"{SESSION_COOKIE}={cookie}"},
    )
    assert answer_of(dead)["error"] == "login_required"
