"""Signing out at the IdP: who is believed, who is asked, and what is over afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from idjag.protocol.jose import jws
from tests.idp.oidc_plans.relying_party import BYE, RelyingParty, register, registered
from tests.idp.signin.seeds import NOW, update
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, form_of


@pytest.fixture(scope="module")
def site(host: Host) -> Iterator[Site]:
    with running(host) as site:
        register(site)
        yield site


@pytest.fixture
def rp(site: Site, browser: Browser) -> RelyingParty:
    return RelyingParty(site, browser)


@pytest.fixture(autouse=True)
def _now(site: Site) -> Iterator[None]:
    yield
    site.clock.now = NOW


def leave(browser: Browser, method: str = "GET", **sent: str) -> httpx.Response:
    if method == "GET":
        return browser.get("/logout", params=sent)
    return browser.post("/logout", data=sent, headers={"sec-fetch-site": "cross-site"})


def asks(response: httpx.Response) -> bool:
    assert "location" not in response.headers
    return "/logout/confirm" in response.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_app_signs_somebody_out(rp: RelyingParty, method: str) -> None:
    """OIDC-20: by either method; the access token is over, too, and the log says who wanted it."""
    tokens = rp.tokens(prompt="login")
    answer = leave(rp.browser, method, id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE)
    assert (answer.status_code, answer.headers["location"]) == (303, BYE)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert rp.userinfo(tokens.access_token).status_code == 401
    event = next(event for event in reversed(rp.site.events()) if event["event"] == "session.ended")
    assert (event["requesting_app"], event["actor"]) == ("app-rp", {"kind": "person", "id": "p-alice"})


def test_an_expired_hint_is_good_here_and_at_no_other_place(rp: RelyingParty) -> None:
    """OIDC-20."""
    tokens = rp.tokens(prompt="login")
    rp.site.clock.now += 3600 + 61
    at_sign_in = rp.answered(rp.ask(prompt="none", id_token_hint=tokens.id_token))
    assert at_sign_in["error"] == "invalid_request"
    answer = leave(rp.browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE)
    assert answer.headers["location"] == BYE


def test_a_session_that_lay_idle_is_ended_all_the_same(rp: RelyingParty) -> None:
    """Its apps live by it until its end, so that an end is worth something."""
    tokens = rp.tokens(prompt="login")
    rp.site.clock.now += 3 * 3600
    assert leave(rp.browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE).status_code == 303
    assert rp.site.last_event()["event"] == "session.ended"


def test_who_is_signed_out_already_just_goes_on(rp: RelyingParty) -> None:
    """OIDC-20: twice, or from a browser that never was signed in."""
    tokens = rp.tokens(prompt="login")
    sent = {"id_token_hint": tokens.id_token, "post_logout_redirect_uri": BYE}
    assert leave(rp.browser, **sent).headers["location"] == BYE
    before = len(rp.site.events())
    assert leave(rp.browser, **sent).headers["location"] == BYE
    with Browser(rp.site) as fresh:
        assert leave(fresh, **sent).headers["location"] == BYE
    assert len(rp.site.events()) == before


def test_a_hint_of_another_browser_is_a_question(rp: RelyingParty) -> None:
    """OIDC-20: RP-Initiated Logout section 2: nobody is signed out by somebody else's token."""
    tokens = rp.tokens(prompt="login")
    sent = {"id_token_hint": tokens.id_token, "post_logout_redirect_uri": BYE}
    with Browser(rp.site) as other:
        assert asks(leave(other, **sent))
        theirs = RelyingParty(rp.site, other)
        bobs = theirs.tokens("bob")
        page = leave(other, **sent)
        assert asks(page)
        assert rp.userinfo(tokens.access_token).status_code == 200
        done = other.post("/logout/confirm", data=form_of(page))
    # the person at that browser said yes: it is their session that ends, and they go where the app said
    assert done.headers["location"] == BYE
    assert rp.userinfo(bobs.access_token).status_code == 401
    assert rp.userinfo(tokens.access_token).status_code == 200


def test_a_post_from_the_app_without_our_cookie_is_a_question(rp: RelyingParty) -> None:
    """SameSite=Lax keeps the cookie back: the page that asks gets it, and goes on to the app."""
    tokens = rp.tokens(prompt="login")
    jar = {name: str(rp.browser.cookies[name]) for name in rp.browser.cookies}
    rp.browser.cookies.clear()
    page = leave(rp.browser, "POST", id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE, state="s")
    assert asks(page)
    assert "form-action 'self' https:" in page.headers["content-security-policy"]
    rp.browser.cookies.update(jar)
    assert rp.browser.post("/logout/confirm", data=form_of(page)).headers["location"] == f"{BYE}?state=s"
    assert rp.userinfo(tokens.access_token).status_code == 401


@pytest.mark.parametrize("wrong", ["no token", "another token", "another request", "from elsewhere"])
def test_nobody_is_signed_out_by_a_form_of_somebody_else(rp: RelyingParty, wrong: str) -> None:
    """OIDC-25, attack case group I: a link is a question, and the answer is bound to this browser."""
    tokens = rp.tokens(prompt="login")
    form = form_of(leave(rp.browser))
    headers = {"sec-fetch-site": "cross-site"} if wrong == "from elsewhere" else {}
    changed = {
        "no token": {name: value for name, value in form.items() if name != "form_token"},
        "another token": {**form, "form_token": "A" * 43},
        "another request": {**form, "request": f"id_token_hint={tokens.id_token}"},
        "from elsewhere": form,
    }[wrong]
    answer = rp.browser.post("/logout/confirm", data=changed, headers=headers)
    assert (answer.status_code, "location" in answer.headers) == (403, False)
    assert rp.userinfo(tokens.access_token).status_code == 200
    rp.browser.post("/logout/confirm", data=form)
    assert rp.userinfo(tokens.access_token).status_code == 401


@pytest.mark.parametrize(
    "change", ["alg none", "another aud", "another iss", "a logout token", "of the future"]
)
def test_a_hint_that_is_not_ours_for_this_app_is_none(rp: RelyingParty, change: str) -> None:
    """OIDC-20, attack case group G."""
    tokens = rp.tokens(prompt="login")
    claims = dict(tokens.claims)
    key = rp.site.services.snapshot.keys.signing("RS256", now=NOW)
    made = {
        "alg none": "eyJhbGciOiJub25lIn0." + tokens.id_token.split(".")[1] + ".",
        "another aud": jws.sign({**claims, "aud": "nobody"}, key=key, typ="JWT"),
        "another iss": jws.sign({**claims, "iss": "https://other.example"}, key=key, typ="JWT"),
        "a logout token": jws.sign(claims, key=key, typ="logout+jwt"),
        "of the future": jws.sign({**claims, "iat": NOW + 3600, "exp": NOW + 7200}, key=key, typ="JWT"),
    }
    assert asks(leave(rp.browser, id_token_hint=made[change], post_logout_redirect_uri=BYE))
    right = jws.sign(claims, key=key, typ="JWT")
    assert leave(rp.browser, id_token_hint=right, post_logout_redirect_uri=BYE).status_code == 303


def test_an_app_that_is_switched_off_sends_nobody_anywhere(rp: RelyingParty, site: Site) -> None:
    """Attack case 161."""
    tokens = rp.tokens(prompt="login")
    site.write(update("app", "app-rp", status="disabled"), policy=True)
    answer = leave(rp.browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE)
    site.write(update("app", "app-rp", status="active"), policy=True)
    assert asks(answer)


def test_a_native_app_comes_back_to_the_port_that_it_listens_on(site: Site, browser: Browser) -> None:
    """OIDC-03, for the way out."""
    native = registered(
        site, browser, id="native", kind="native", redirect_uris=["http://127.0.0.1/cb"],
        post_logout_redirect_uris=["http://127.0.0.1/bye"],
    )  # fmt: skip
    native.redirect_uri = "http://127.0.0.1:5000/cb"
    tokens = native.tokens()
    back = "http://127.0.0.1:5001/bye"
    assert (
        leave(browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=back).headers["location"]
        == back
    )


def test_the_pages_speak_the_persons_language(rp: RelyingParty) -> None:
    rp.tokens(prompt="login")
    page = leave(rp.browser, ui_locales="ja")
    assert '<html lang="ja">' in page.text
    assert page.headers["cache-control"] == "no-store"


def test_offline_access_survives_a_sign_out(rp: RelyingParty) -> None:
    """Decision 0025, Back-Channel Logout section 2.7."""
    tokens = rp.tokens(scope="openid offline_access", prompt="login")
    leave(rp.browser, id_token_hint=tokens.id_token)
    answer = rp.post("/token", grant_type="refresh_token", refresh_token=str(tokens.body["refresh_token"]))
    assert answer.status_code == 200


def test_the_order_is_written_with_the_end(rp: RelyingParty, site: Site) -> None:
    """OIDC-21: in the same verdict, so that nobody is forgotten."""
    tokens = rp.tokens(prompt="login")
    leave(rp.browser, id_token_hint=tokens.id_token)
    due = [row for row in site.rows("logout_notice") if row["due"] == NOW]
    assert {row["app_id"] for row in due} == {""}
