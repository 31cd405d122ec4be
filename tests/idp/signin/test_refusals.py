"""What the sign-in refuses, and how little it says: each with a control that lets the right request in."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from idjag.ledger.entry import Update
from tests import plain_http
from tests.idp.signin.seeds import APPS, PASSWORDS, app_row, hold, update
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, answer_of, form_of, request

NOTES = {"client_id": "notes", "redirect_uri": "https://notes.example/cb"}


def is_page(response: httpx.Response, status: int) -> bool:
    """A page of ours that leads nowhere."""
    html = response.headers["content-type"] == "text/html; charset=utf-8"
    return response.status_code == status and html and "location" not in response.headers


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"client_id": "nobody"}, id="unknown client"),
        pytest.param({"client_id": None}, id="no client"),
        pytest.param({"redirect_uri": None}, id="no redirect_uri"),
        pytest.param({"redirect_uri": "https://evil.example/"}, id="foreign"),
        pytest.param({"redirect_uri": "https://wiki.example/callback#f"}, id="fragment"),
        pytest.param({"redirect_uri": "javascript:alert(1)"}, id="javascript"),
        pytest.param({"redirect_uri": "https://wiki.example/callback\t"}, id="TAB"),
        pytest.param(
            {"redirect_uri": "https://evil.example/", "response_type": "token"}, id="and a wrong type"
        ),
        pytest.param({"redirect_uri": "https://evil.example/", "prompt": "none"}, id="and silent"),
    ],
)
def test_an_unproven_destination_gets_a_page_and_no_redirect(
    browser: Browser, changes: dict[str, str | None]
) -> None:
    """OIDC-02; attack cases 136, 139, 140; module ensure-registered-redirect-uri."""
    response = browser.ask(**changes)
    assert is_page(response, 400)
    assert "Reference for your administrator" in response.text
    assert "evil" not in response.text
    assert browser.ask().status_code == 200


def test_a_repeated_parameter_gets_a_page(browser: Browser) -> None:
    """Attack case 139."""
    response = browser.get("/authorize", params=[*request().items(), ("state", "two")])
    assert is_page(response, 400)


def test_a_disabled_app_gets_a_page(site: Site, browser: Browser) -> None:
    site.write(update("app", "app-wiki", status="disabled"), policy=True)
    assert is_page(browser.ask(), 403)
    assert browser.ask(**NOTES).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "https://wiki.example/r"}, "request_uri_not_supported"),
        ({"scope": "phone"}, "invalid_scope"),
        ({"prompt": "create"}, "invalid_request"),
        ({"client_id": "robot", "redirect_uri": "https://robot.example/cb"}, "unauthorized_client"),
    ],
)
def test_after_the_destination_is_proven_errors_go_to_the_app(
    site: Site, browser: Browser, changes: dict[str, str | None], error: str
) -> None:
    """OIDC-05, OIDC-07, OIDC-29; RFC 6749 section 4.1.2.1."""
    answer = answer_of(browser.ask(**changes))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "st/ate+ =&x", site.issuer)
    assert "code" not in answer


@pytest.mark.parametrize(
    ("username", "password", "truth"),
    [
        pytest.param("alice", "wrong password", ("password_wrong", "p-alice"), id="wrong password"),
        pytest.param("nobody", "wrong password", ("subject_unknown", None), id="unknown person"),
        pytest.param(
            "carol", PASSWORDS["carol"], ("person_disabled", "p-carol"), id="disabled, right password"
        ),
        pytest.param("carol", "wrong password", ("password_wrong", "p-carol"), id="disabled, wrong password"),
        pytest.param("Alice", PASSWORDS["alice"], ("subject_unknown", None), id="another case"),
    ],
)
def test_a_failed_sign_in_looks_the_same_for_everyone(
    site: Site, browser: Browser, username: str, password: str, truth: tuple[str, str | None]
) -> None:
    """Attack case 154: text, status, size, cookies and the work done; the truth is in the audit log."""
    page = browser.ask(login_hint="reference")
    reference = browser.fill(page, username="x" * len(username), password="reference")
    before, events = site.hasher.verified, len(site.events())
    response = browser.fill(page, username=username, password=password)
    assert response.status_code == reference.status_code == 403
    assert response.text == reference.text.replace("x" * len(username), username)
    assert set(response.headers) == set(reference.headers)
    assert site.hasher.verified - before == 1
    (event,) = site.events()[events:]
    assert (event["event"], event["reason"], event.get("subject")) == ("login.failed", *truth)
    assert event["actor"] == {"kind": "stranger", "id": "127.0.0.1"}


def test_a_held_person_is_refused_like_a_wrong_password(site: Site, browser: Browser) -> None:
    site.write(hold("user", "p-alice"))
    assert "do not fit together" in browser.sign_in().text
    assert site.last_event()["reason"] == "held"


def test_a_name_that_nobody_has_is_not_recorded(site: Site, browser: Browser) -> None:
    """People type passwords into the wrong field."""
    browser.fill(browser.ask(), username="my-password-by-mistake", password="x")
    assert "my-password-by-mistake" not in str(site.last_event())


def test_a_person_without_a_password_is_refused_after_the_same_work(site: Site, browser: Browser) -> None:
    site.write(update("credential", "c-alice", kind="passkey"))
    before = site.hasher.verified
    assert browser.sign_in().status_code == 403
    assert site.hasher.verified - before == 1


def test_the_form_keeps_what_was_typed_but_the_password(browser: Browser) -> None:
    page = browser.sign_in(password="a wrong password")
    assert form_of(page)["username"] == "alice"
    assert form_of(page)["password"] == ""
    assert "a wrong password" not in page.text
    assert "code" in answer_of(browser.fill(page, username="alice", password=PASSWORDS["alice"]))


@pytest.mark.parametrize("missing", ["username", "password"])
def test_an_empty_field_is_asked_for_without_any_work(site: Site, browser: Browser, missing: str) -> None:
    before, events = site.hasher.verified, len(site.events())
    fields = {"username": "alice", "password": PASSWORDS["alice"], missing: ""}
    assert browser.fill(browser.ask(), **fields).status_code == 400
    assert (site.hasher.verified, len(site.events())) == (before, events)


def test_someone_who_is_not_assigned_reads_why_and_can_go_back(site: Site, browser: Browser) -> None:
    """Attack case 69: no code, no session; the way back carries access_denied."""
    response = browser.sign_in("bob", **NOTES)
    assert is_page(response, 403)
    assert "You do not have access to Notes" in response.text
    event = site.last_event()
    assert (event["event"], event["reason"], event["subject"]) == ("login.failed", "not_assigned", "p-bob")
    assert event["decision_id"] in response.text
    back = response.text.partition('class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert back.startswith("https://notes.example/cb?error=access_denied&")
    assert parse_qs(urlsplit(back).query)["iss"] == [site.issuer]
    assert (site.rows("session"), site.rows("code")) == ([], [])
    assert "code" in answer_of(browser.sign_in("alice", **NOTES))


def test_prompt_none_tells_the_app_that_it_is_not_assigned(browser: Browser) -> None:
    browser.sign_in("bob")
    assert answer_of(browser.ask(prompt="none", **NOTES))["error"] == "access_denied"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"form_token": ""}, id="missing"),
        pytest.param({"form_token": "A" * 43}, id="made up"),
        pytest.param({"form_token": "é"}, id="not even ASCII"),
    ],
)
def test_a_form_without_its_token_signs_nobody_in(
    site: Site, browser: Browser, changes: dict[str, str]
) -> None:
    """OIDC-25, attack case 183: no work is done, and the form is there again."""
    before = site.hasher.verified
    page = browser.ask()
    response = browser.fill(page, **{"username": "alice", "password": PASSWORDS["alice"], **changes})
    assert response.status_code == 403
    assert site.hasher.verified == before
    assert "code" in answer_of(browser.fill(response, username="alice", password=PASSWORDS["alice"]))


def test_the_token_of_another_browser_does_not_fit(site: Site, browser: Browser) -> None:
    """No double submit: the token is bound to a cookie that the attacker cannot set."""
    with Browser(site) as attacker:
        foreign = form_of(attacker.ask())["form_token"]
    page = browser.ask()
    fields = {"username": "alice", "password": PASSWORDS["alice"]}
    assert browser.fill(page, **fields, form_token=foreign).status_code == 403
    assert browser.fill(page, **fields).status_code == 303


def test_a_form_without_its_cookie_signs_nobody_in(site: Site, browser: Browser) -> None:
    page = browser.ask()
    fields = {**form_of(page), "username": "alice", "password": PASSWORDS["alice"]}
    assert plain_http.post(f"{site.url}/signin", data=fields).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_from_elsewhere_is_turned_away(site: Site, browser: Browser, headers: dict[str, str]) -> None:
    """Attack case 183: even with everything else right."""
    before = site.hasher.verified
    fields = {**form_of(browser.ask()), "username": "alice", "password": PASSWORDS["alice"]}
    assert is_page(browser.post("/signin", data=fields, headers=headers), 403)
    assert site.hasher.verified == before
    own = {"origin": site.issuer, "sec-fetch-site": "same-origin"}
    assert browser.post("/signin", data=fields, headers=own).status_code == 303


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"redirect_uri": "https://evil.example/"}, id="another redirect_uri"),
        pytest.param({"client_id": "notes", "redirect_uri": "https://notes.example/cb"}, id="another app"),
        pytest.param({"scope": "openid email"}, id="more scope"),
    ],
)
def test_the_request_that_a_form_carries_cannot_be_changed(
    browser: Browser, changes: Mapping[str, str]
) -> None:
    """No open redirect through the form: it is bound by the token, and checked again from the start."""
    page = browser.ask()
    changed = str(httpx.QueryParams(request(**changes)))
    response = browser.fill(page, request=changed, username="alice", password=PASSWORDS["alice"])
    assert response.status_code in (400, 403)
    assert "location" not in response.headers


def changed(**values: object) -> Update:
    return update("app", "app-wiki", spec=app_row({**APPS[0], **values})["spec"])


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param(changed(redirect_uris=["https://wiki.example/new"]), 400, id="another address"),
        pytest.param(changed(scopes=["openid", "profile"]), 400, id="fewer scopes"),
        pytest.param(update("app", "app-wiki", status="disabled"), 403, id="disabled"),
    ],
)
def test_an_app_that_changes_while_a_password_is_checked_gets_nobody(
    site: Site, browser: Browser, change: Update, status: int
) -> None:
    """Promise P5: what counts is what is registered when the code is made."""
    site.hasher.meanwhile = lambda: site.write(change, policy=True)
    assert is_page(browser.sign_in(scope="email"), status)
    assert site.rows("code") == []


def test_a_form_for_an_app_that_has_moved_sends_nobody_there(site: Site, browser: Browser) -> None:
    page = browser.ask()
    site.write(changed(redirect_uris=["https://wiki.example/new"]), policy=True)
    assert is_page(browser.fill(page, username="alice", password=PASSWORDS["alice"]), 400)


@pytest.mark.parametrize("name", ["next", "return_to", "continue", "target_link_uri"])
def test_no_parameter_leads_anywhere_else(browser: Browser, name: str) -> None:
    """Attack case 136: there is no ``next``."""
    location = browser.sign_in(**{name: "https://evil.example/"}).headers["location"]
    assert location.startswith("https://wiki.example/callback?")


def test_a_password_that_was_changed_while_it_was_checked_is_wrong(site: Site, browser: Browser) -> None:
    """The facts are read again inside the decision (attack case 158)."""
    site.hasher.meanwhile = lambda: site.write(update("credential", "c-alice", secret="another hash"))
    assert browser.sign_in().status_code == 403
    assert site.last_event()["reason"] == "password_wrong"


def test_too_many_sign_ins_at_once_are_asked_to_wait(host: Host) -> None:
    """Attack case 156, bounded work: 429 with what was typed, and Retry-After."""
    with running(host, queue=0) as site, Browser(site) as browser:
        page = browser.ask()
        taken = [site.services.passwords._places.acquire() for _ in range(2)]
        response = browser.fill(page, username="alice", password=PASSWORDS["alice"])
        assert (response.status_code, response.headers["retry-after"]) == (429, "5")
        assert form_of(response)["username"] == "alice"
        for _ in taken:
            site.services.passwords._places.release()
        assert browser.fill(response, username="alice", password=PASSWORDS["alice"]).status_code == 303


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/static/../pages.py", "/static/%2e%2e%2fpages.py", "/schema", "/signin"]
)
def test_there_is_nothing_else(browser: Browser, path: str) -> None:
    """Stack-facts: no /schema; attack case 191."""
    response = browser.get(path)
    assert is_page(response, 400 if path == "/signin" else 404)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-type": "application/json"}, b"{}", 415),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x--", 415),
        ({"content-type": "application/x-www-form-urlencoded"}, b"username=%zz", 400),
        ({"content-type": "application/x-www-form-urlencoded"}, b"username=a&username=b", 400),
        ({"content-type": "application/x-www-form-urlencoded"}, b"a=" + b"a" * 65536, 413),
    ],
)
def test_a_body_that_is_no_form_of_ours_is_refused(
    browser: Browser, headers: dict[str, str], body: bytes, status: int
) -> None:
    """Attack cases A."""
    assert is_page(browser.post("/signin", headers=headers, content=body), status)


def test_when_the_ledger_is_down_a_page_says_so(site: Site, browser: Browser) -> None:
    page = browser.ask()
    site.ledger.close()
    response = browser.fill(page, username="alice", password=PASSWORDS["alice"])
    assert is_page(response, 503)
    assert response.headers["retry-after"] == "5"
