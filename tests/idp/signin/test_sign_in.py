"""Signing in over real HTTP: sessions, cookies, single sign-on, and what the audit log says of it."""

from __future__ import annotations

import json

import httpx
import pytest

from idjag.protocol.jose import jws
from tests import plain_http
from tests.idp.signin.seeds import NOW, PASSWORDS, hold, release, update
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, answer_of, form_of, request

NOTES = {"client_id": "notes", "redirect_uri": "https://notes.example/cb"}
SESSION = "idjag_t1"
FORM = "idjag_t1_form"
PLANTED = "planted-by-the-attacker-0123456789abcdefghijk"  # shaped like one of ours


def set_cookies(response: httpx.Response) -> dict[str, str]:
    return {header.partition("=")[0]: header for header in response.headers.get_list("set-cookie")}


def test_a_person_signs_in_and_goes_back_with_a_code(site: Site, browser: Browser) -> None:
    """OIDC-01, OIDC-07, OIDC-08, OIDC-25; attack cases 141, 146: 303, state as it came, iss, no-store."""
    response = browser.sign_in()
    answer = answer_of(response)
    assert response.headers["location"].startswith("https://wiki.example/callback?code=")
    assert set(answer) == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("st/ate+ =&x", site.issuer)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"


def test_a_sign_in_leaves_one_event(site: Site, browser: Browser) -> None:
    """Contract section 9."""
    before = len(site.events())
    browser.sign_in(scope="openid email phone")
    (event,) = site.events()[before:]
    assert event["event"] == "login.succeeded"
    assert event["actor"] == {"kind": "person", "id": "p-alice"}
    assert (event["subject"], event["requesting_app"]) == ("p-alice", "app-wiki")
    assert (event["scopes_requested"], event["scopes_granted"]) == (
        ["openid", "email", "phone"],
        ["openid", "email"],
    )
    assert (event["acr"], event["amr"], event["auth_time"]) == ("urn:idjag:acr:pwd", ["pwd"], NOW)


def test_a_session_remembers_when_how_and_from_where(site: Site, browser: Browser) -> None:
    """OIDC-13; architecture section 7a: the app it reached, by a name of its own."""
    browser.sign_in()
    (session,) = site.rows("session")
    (reached,) = site.rows("session_app")
    assert (session["person_id"], session["epoch"], session["auth_time"]) == ("p-alice", 0, NOW)
    assert (session["acr"], json.loads(str(session["amr"]))) == ("urn:idjag:acr:pwd", ["pwd"])
    assert (session["ip"], session["expires"]) == ("127.0.0.1", NOW + 12 * 3600)
    assert (reached["session_id"], reached["app_id"]) == (session["id"], "app-wiki")
    assert reached["sid"] != session["id"]


def test_the_cookie_is_a_secret_that_only_the_browser_has(site: Site, browser: Browser) -> None:
    """OIDC-26; attack case 152: 256 random bits, HttpOnly, SameSite, the digest in the database."""
    cookies = set_cookies(browser.sign_in())
    value = browser.cookies[SESSION]
    assert len(value) >= 43
    assert cookies[SESSION] == f"{SESSION}={value}; Path=/; HttpOnly; SameSite=Lax"
    assert value not in json.dumps([dict(row) for row in site.rows("session")], default=str)


def test_on_https_every_cookie_is_host_bound_and_secure(host: Host) -> None:
    """OIDC-26, attack case 152."""
    with running(host, issuer="https://idp.example") as site, Browser(site) as browser:
        page = browser.ask()
        (form_cookie,) = set_cookies(page).values()
        name, _, rest = form_cookie.partition("=")
        assert name == "__Host-idjag_t1_form"
        assert rest.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        fields = {**form_of(page), "username": "alice", "password": PASSWORDS["alice"]}
        plain = {"cookie": form_cookie.partition(";")[0], "origin": site.issuer, "host": "idp.example"}
        cookies = set_cookies(plain_http.post(f"{site.url}/signin", data=fields, headers=plain))
        assert cookies["__Host-idjag_t1"].endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")


def test_a_second_app_needs_no_second_sign_in(site: Site, browser: Browser) -> None:
    browser.sign_in()
    answer = answer_of(browser.ask(**NOTES))
    assert set(answer) == {"code", "state", "iss"}
    event = site.last_event()
    assert (event["event"], event["requesting_app"], event["inputs"]) == (
        "login.succeeded",
        "app-notes",
        {"new_sign_in": False},
    )
    sids = {row["sid"] for row in site.rows("session_app")}
    assert len(sids) == 2


def test_the_same_app_keeps_its_sid(site: Site, browser: Browser) -> None:
    browser.sign_in()
    answer_of(browser.ask())
    assert len(site.rows("session_app")) == 1


def test_the_authorization_endpoint_takes_post_too(browser: Browser) -> None:
    """OpenID Connect Core section 3.1.2.1."""
    page = browser.post("/authorize", data=request())
    assert page.status_code == 200
    assert "code" in answer_of(browser.fill(page, username="alice", password=PASSWORDS["alice"]))


def test_prompt_none_without_a_session_is_told_to_the_app(browser: Browser) -> None:
    """OIDC-09; module prompt-none-not-logged-in."""
    answer = answer_of(browser.ask(prompt="none"))
    assert (answer["error"], answer["state"]) == ("login_required", "st/ate+ =&x")


def test_prompt_none_with_a_session_shows_nothing(browser: Browser) -> None:
    """OIDC-09; module prompt-none-logged-in."""
    browser.sign_in()
    assert "code" in answer_of(browser.ask(prompt="none"))


@pytest.mark.parametrize("prompt", ["login", "select_account"])
def test_prompt_login_asks_whoever_is_signed_in(site: Site, browser: Browser, prompt: str) -> None:
    """OIDC-09; module prompt-login: a later auth_time."""
    browser.sign_in()
    site.clock.now += 60
    page = browser.ask(prompt=prompt)
    assert page.status_code == 200
    answer_of(browser.fill(page, username="alice", password=PASSWORDS["alice"]))
    assert site.rows("session")[0]["auth_time"] == NOW + 60


@pytest.mark.parametrize(("age", "asked"), [(10, False), (11, True)])
def test_max_age_asks_again_only_when_the_sign_in_is_older(
    site: Site,
    browser: Browser,
    age: int,
    asked: bool,  # noqa: FBT001
) -> None:
    """OIDC-10; modules max-age-1 and max-age-10000."""
    browser.sign_in()
    site.clock.now += age
    assert (browser.ask(max_age="10").status_code == 200) is asked


def test_acr_values_that_we_cannot_do_are_answered_with_what_there_was(site: Site, browser: Browser) -> None:
    """OIDC-11; module ensure-request-with-acr-values-succeeds."""
    token = browser.redeem(browser.code(acr_values="urn:other:mfa")).json()["id_token"]
    assert jws.verify(token, keys=site.keys, algorithms=("RS256",))["acr"] == "urn:idjag:acr:pwd"


def test_the_login_hint_is_filled_in(browser: Browser) -> None:
    """Module login-hint."""
    assert form_of(browser.ask(login_hint="alice"))["username"] == "alice"


def test_a_new_sign_in_of_the_same_person_changes_the_cookie_and_keeps_the_apps(
    site: Site, browser: Browser
) -> None:
    """OIDC-26: a new value at every sign-in; the old one is worth nothing; sids of other apps live on."""
    browser.sign_in()
    old = browser.cookies[SESSION]
    browser.fill(browser.ask(prompt="login", **NOTES), username="alice", password=PASSWORDS["alice"])
    assert browser.cookies[SESSION] != old
    assert len(site.rows("session")) == 1
    assert len(site.rows("session_app")) == 2
    with Browser(site) as thief:
        thief.cookies.set(SESSION, old)
        assert "error" in answer_of(thief.ask(prompt="none"))


def test_another_person_ends_the_session_of_the_first(site: Site, browser: Browser) -> None:
    browser.sign_in()
    browser.fill(browser.ask(prompt="login"), username="bob", password=PASSWORDS["bob"])
    ended = {row["person_id"]: row["ended"] for row in site.rows("session")}
    assert ended == {"p-alice": NOW, "p-bob": None}


@pytest.mark.parametrize("name", [SESSION, FORM])
def test_a_value_that_somebody_planted_never_becomes_the_session(
    site: Site, browser: Browser, name: str
) -> None:
    """Session fixation (stack-facts): the session gets a value of ours."""
    browser.cookies.set(name, PLANTED)
    browser.sign_in()
    with Browser(site) as attacker:
        attacker.cookies.set(SESSION, PLANTED)
        assert answer_of(attacker.ask(prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_cookies_of_one_name_none_is_believed(site: Site, browser: Browser, order: int) -> None:
    browser.sign_in()
    mine, planted = f"{SESSION}={browser.cookies[SESSION]}", f"{SESSION}={PLANTED}"
    url, query = f"{site.url}/authorize", request(prompt="none")
    once = plain_http.get(url, params=query, headers={"cookie": mine})
    twice = plain_http.get(url, params=query, headers={"cookie": "; ".join([mine, planted][::order])})
    assert "code" in answer_of(once)
    assert answer_of(twice)["error"] == "login_required"


@pytest.mark.parametrize(("age", "alive"), [(12 * 3600 - 1, True), (12 * 3600, False)])
def test_a_session_ends_after_twelve_hours(site: Site, browser: Browser, age: int, alive: bool) -> None:  # noqa: FBT001
    browser.sign_in()
    for _ in range(11):  # in use all the time
        site.clock.now += 3600
        assert "code" in answer_of(browser.ask(prompt="none"))
    site.clock.now += age - 11 * 3600
    assert ("code" in answer_of(browser.ask(prompt="none"))) is alive


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(update("person", "p-alice", status="disabled"), id="disabled"),
        pytest.param(update("person", "p-alice", epoch=1), id="a new epoch"),
        pytest.param(hold("user", "p-alice"), id="a hold on the person"),
    ],
)
def test_a_stopped_person_has_no_session_from_the_next_request_on(
    site: Site, browser: Browser, write: object
) -> None:
    """Attack case 158; nothing is cached."""
    browser.sign_in()
    assert "code" in answer_of(browser.ask(prompt="none"))
    site.write(write)  # type: ignore[arg-type]
    assert answer_of(browser.ask(prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize("kind", ["app", "user-in-app"])
def test_a_held_app_lets_nobody_in_until_it_is_released(site: Site, browser: Browser, kind: str) -> None:
    browser.sign_in()
    site.write(hold(kind, "app-wiki" if kind == "app" else "p-alice", app="app-wiki"))
    page = browser.ask()
    assert page.status_code == 403
    assert "Wiki is stopped for now" in page.text
    assert site.last_event()["reason"] == "held"
    site.write(release(kind))
    assert "code" in answer_of(browser.ask())


def test_a_hold_on_one_app_leaves_the_others_alone(site: Site, browser: Browser) -> None:
    browser.sign_in()
    site.write(hold("user-in-app", "p-alice", app="app-wiki"))
    assert "code" in answer_of(browser.ask(**NOTES))


def test_a_hold_that_has_run_out_holds_nobody(site: Site, browser: Browser) -> None:
    site.write(hold("user", "p-alice", until=NOW))
    assert "code" in answer_of(browser.sign_in())


def test_no_code_password_or_cookie_is_in_any_log_or_audit_row(
    site: Site, browser: Browser, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Attack cases 146, 199: also when they come in the wrong field."""
    with caplog.at_level("DEBUG"):
        code = browser.code()
        browser.redeem(code)
        browser.sign_in(username="bob", password=PASSWORDS["alice"], prompt="login")
        page = browser.ask(prompt="login")
        browser.fill(page, username=PASSWORDS["alice"], password="x")
        browser.ask(client_id=PASSWORDS["alice"])
        browser.ask(redirect_uri=PASSWORDS["alice"])
    ours = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    seen = ours + "".join(capfd.readouterr()) + json.dumps(site.events())
    assert "sign-in refused" in seen
    for secret in (code, PASSWORDS["alice"], browser.cookies[SESSION]):
        assert secret not in seen
