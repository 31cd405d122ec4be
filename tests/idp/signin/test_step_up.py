"""What an app asks of a sign-in: acr_values, essential acr, max_age; from the exchange to the page and back.

OpenID Connect Core sections 3.1.2.1 and 5.5.1.1, RFC 9470.
"""

from __future__ import annotations

import json

import httpx
import pytest

from tests.idp.signin.exchanging import chat_asks_for, exchange
from tests.idp.signin.factors import (
    MFA,
    PHR,
    PWD,
    SESSION_COOKIE,
    STEP,
    asks_for,
    next_page,
    password,
    passwordless,
    seed_on,
    send,
    session,
    touch,
    with_app,
    with_passkey,
    wrong,
)
from tests.idp.signin.seeds import PASSWORDS, update
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser, answer_of, claims, form_of


def essential(*values: str) -> str:
    return json.dumps({"id_token": {"acr": {"essential": True, "values": list(values)}}})


def id_token(browser: Browser, response: httpx.Response) -> str:
    token = browser.redeem(answer_of(response)["code"])
    assert token.status_code == 200, token.text
    return str(token.json()["id_token"])


def asked_for(refusal: httpx.Response) -> dict[str, str]:
    """What the app takes along to the authorization endpoint (RFC 9470 section 4)."""
    body = refusal.json()
    assert (refusal.status_code, body["error"]) == (400, "insufficient_user_authentication")
    return {name: str(body[name]) for name in ("acr_values", "max_age") if name in body}


def test_a_second_factor_that_the_exchange_asks_for_makes_it_succeed(site: Site, browser: Browser) -> None:
    """XCH-60, OIDC-11: the error leads to a request, the page fulfils it, and the retry gets its grant."""
    chat_asks_for(site, amr=["mfa"])
    weak = id_token(browser, browser.sign_in())
    wanted = asked_for(exchange(site, weak))
    assert wanted == {"acr_values": MFA}
    phone = with_app(site)
    page = next_page(browser, browser.ask(**wanted))
    assert "Wiki" in page.text
    assert not asks_for(page, "password")
    strong = id_token(browser, send(browser, page, "totp", code=phone.code()))
    assert exchange(site, strong).status_code == 200
    assert exchange(site, weak).status_code == 400


def test_a_passkey_that_the_exchange_asks_for_makes_it_succeed(named: Site, visitor: Browser) -> None:
    """XCH-60, OIDC-11: the page says what is asked for and by whom."""
    chat_asks_for(named, acr=[PHR])
    weak = id_token(visitor, visitor.sign_in())
    wanted = asked_for(exchange(named, weak))
    assert wanted == {"acr_values": PHR}
    device = with_passkey(named)
    page = next_page(visitor, visitor.ask(**wanted))
    assert "Wiki</bdi></strong> asks for a passkey." in page.text
    strong = id_token(visitor, touch(visitor, page, device))
    assert exchange(named, strong).status_code == 200
    assert exchange(named, weak).status_code == 400


def test_a_fresh_sign_in_that_the_exchange_asks_for_makes_it_succeed(site: Site, browser: Browser) -> None:
    """XCH-60, OIDC-10: with an age, everything is shown anew, the second factor too."""
    chat_asks_for(site, amr=["mfa"], max_auth_age="10m")
    phone = with_app(site)
    old = id_token(browser, send(browser, password(browser), "totp", code=phone.code()))
    site.clock.now += 601
    wanted = asked_for(exchange(site, old))
    assert wanted["max_age"] == "600"
    page = browser.ask(**wanted)
    assert "password" in form_of(page)
    after = next_page(browser, browser.fill(page, username="alice", password=PASSWORDS["alice"]))
    fresh = id_token(browser, send(browser, after, "totp", code=phone.code()))
    assert exchange(site, fresh).status_code == 200


def test_what_nobody_can_show_here_is_never_asked_for(site: Site, browser: Browser) -> None:
    """XCH-60: this issuer is an address, and there are no passkeys at an address."""
    chat_asks_for(site, acr=[PHR])
    refusal = exchange(site, id_token(browser, browser.sign_in()))
    assert refusal.json()["error"] == "access_denied"
    assert "acr_values" not in refusal.json()


def test_a_session_that_is_strong_enough_is_asked_nothing(named: Site, visitor: Browser) -> None:
    device = with_passkey(named)
    answer_of(passwordless(visitor, visitor.ask(), device))
    token = claims(named, visitor.redeem(answer_of(visitor.ask(acr_values=MFA))["code"]))
    assert (token["acr"], token["amr"]) == (MFA, ["pop", "user", "mfa"])


def test_a_wish_that_nobody_could_fulfil_is_passed_over(browser: Browser, site: Site) -> None:
    """OIDC-11: truthfully reported."""
    response = browser.sign_in(acr_values=f"urn:example:gold {PHR}")
    assert claims(site, browser.redeem(answer_of(response)["code"]))["acr"] == PWD


def test_a_demand_that_nobody_could_fulfil_is_told_to_the_app(browser: Browser) -> None:
    """OIDC-11: at once, before anybody types a password."""
    answer = answer_of(browser.ask(claims=essential("urn:example:gold", PHR)))
    assert answer["error"] == "unmet_authentication_requirements"
    assert answer["state"] == "st/ate+ =&x"
    page = browser.ask(claims=essential("urn:example:gold", PWD))
    assert "password" in form_of(page)


def test_a_demand_is_met_or_nobody_signs_in(site: Site, browser: Browser) -> None:
    """OIDC-11: an essential acr cannot be declined."""
    page = password(browser, claims=essential(MFA))
    assert asks_for(page, "enrol_totp")
    assert not asks_for(page, "decline")
    fields = {"form_token": form_of(page)["form_token"], "do": "decline"}
    assert "code=" not in browser.post(STEP, data=fields).headers.get("location", "")
    assert site.rows("session") == []
    phone = seed_on(page := browser.get(STEP, params={"use": "totp"}), site)
    codes = send(browser, page, "enrol_totp", code=phone.code())
    response = send(browser, codes, "go_on")
    assert claims(site, browser.redeem(answer_of(response)["code"]))["acr"] == MFA


def test_a_wish_can_be_declined_and_the_token_says_so(site: Site, browser: Browser) -> None:
    """OIDC-11: the person has no second factor and does not want one now."""
    page = password(browser, acr_values=MFA)
    response = send(browser, page, "decline")
    token = claims(site, browser.redeem(answer_of(response)["code"]))
    assert (token["acr"], token["amr"]) == (PWD, ["pwd"])


def test_declining_a_wish_spares_nobody_their_own_factor(named: Site, visitor: Browser) -> None:
    """A wish for a passkey, declined by somebody with an authenticator app: the app's code is still asked."""
    phone = with_app(named)
    page = password(visitor, acr_values=PHR)
    assert asks_for(page, "totp")
    after = next_page(visitor, send(visitor, page, "totp", code=phone.code()))
    assert asks_for(after, "enrol_passkey")
    token = claims(named, visitor.redeem(answer_of(send(visitor, after, "decline"))["code"]))
    assert token["acr"] == MFA


def test_prompt_none_with_a_weak_session_is_told_to_the_app(site: Site, browser: Browser) -> None:
    """OIDC-09, OIDC-11: nothing is shown, and nothing is begun."""
    answer_of(browser.sign_in())
    with_app(site)
    answer = answer_of(browser.ask(prompt="none", claims=essential(MFA)))
    assert answer["error"] == "login_required"
    assert site.rows("sign_in_step") == []


def test_prompt_login_asks_for_everything_anew(site: Site, browser: Browser) -> None:
    """OIDC-09: the factor of a moment ago does not count."""
    phone = with_app(site)
    answer_of(send(browser, password(browser), "totp", code=phone.code()))
    site.clock.now += 60
    page = browser.ask(prompt="login")
    assert form_of(page)["username"] == "alice"
    after = next_page(browser, browser.fill(page, username="alice", password=PASSWORDS["alice"]))
    assert site.rows("session")[0]["auth_time"] == site.clock.now - 60
    answer_of(send(browser, after, "totp", code=phone.code()))
    assert session(site)[2] == site.clock.now


def test_a_raised_session_is_no_younger_than_its_password(site: Site, browser: Browser) -> None:
    """OIDC-10: auth_time promises no more than what was shown then."""
    answer_of(browser.sign_in())
    signed_in = site.clock.now
    phone = with_app(site)
    response = send(browser, next_page(browser, browser.ask()), "totp", code=phone.code())
    token = claims(site, browser.redeem(answer_of(response)["code"]))
    assert (token["auth_time"], token["session_expiry"]) == (signed_in, signed_in + 12 * 3600)
    assert "password" in form_of(browser.ask(max_age="30"))


def test_a_step_that_raises_a_session_counts_for_that_session_alone(site: Site, browser: Browser) -> None:
    """The password of a session that has ended, or of another browser's, was never shown here."""
    answer_of(browser.sign_in())
    phone = with_app(site)
    page = next_page(browser, browser.ask())
    session_cookie = browser.cookies[SESSION_COOKIE]
    browser.cookies.delete(SESSION_COOKIE)
    refused = send(browser, page, "totp", code=phone.code())
    assert "code=" not in refused.headers.get("location", "")
    assert session(site)[0] == PWD
    browser.cookies.set(SESSION_COOKIE, session_cookie)
    site.clock.now += 60
    page = next_page(browser, browser.ask())
    assert "code" in answer_of(send(browser, page, "totp", code=phone.code()))


@pytest.mark.parametrize("ended", [False, True])
def test_a_factor_is_not_set_up_when_the_session_that_asked_has_ended(
    site: Site,
    browser: Browser,
    ended: bool,  # noqa: FBT001
) -> None:
    """Signed out in another window meanwhile: the password was shown to that session and to nobody else."""
    answer_of(browser.sign_in())
    page = next_page(browser, browser.ask(acr_values=MFA))
    phone = seed_on(page, site)
    if ended:
        site.write(update("session", str(site.rows("session")[0]["id"]), ended=site.clock.now))
    send(browser, page, "enrol_totp", code=phone.code())
    made = {row["kind"] for row in site.rows("credential", person_id="p-alice")}
    assert made == ({"password"} if ended else {"password", "totp", "recovery"})


@pytest.mark.parametrize("max_age", ["0", "59"])
def test_an_old_session_signs_in_anew(site: Site, browser: Browser, max_age: str) -> None:
    """OIDC-10."""
    answer_of(browser.sign_in())
    site.clock.now += 60
    assert "password" in form_of(browser.ask(max_age=max_age))
    assert "code" in answer_of(browser.ask(max_age="60"))


def test_a_page_further_on_is_no_second_chance(named: Site, visitor: Browser) -> None:
    """Neither more wrong answers nor more time: declining a wish does not begin anew."""
    phone = with_app(named)
    page = password(visitor, acr_values=PHR)
    (before,) = named.rows("sign_in_step")
    for _ in range(4):
        page = send(visitor, page, "totp", code=wrong(phone.code()))
    named.clock.now += 60
    fields = {"form_token": form_of(page)["form_token"], "do": "decline"}
    page = next_page(visitor, visitor.post(STEP, data=fields))
    (after,) = named.rows("sign_in_step")
    assert after["id"] != before["id"]
    assert (after["failures"], after["expires"]) == (4, before["expires"])
    over = send(visitor, page, "totp", code=wrong(phone.code()))
    assert "password" in form_of(over)
