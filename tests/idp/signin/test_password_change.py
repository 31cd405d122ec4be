"""Changing a password while signed in: what it takes, and what ends with the old one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import plain_http
from tests.idp.signin.letters import NEW, Letters, another, change, signs_in
from tests.idp.signin.seeds import PASSWORDS, update
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, answer_of, is_refused, request


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def site(host: Host, letters: Letters) -> Iterator[Site]:
    with running(host, mail=letters) as site:
        yield site


def test_a_person_changes_the_password_and_stays_signed_in_here_alone(site: Site, browser: Browser) -> None:
    """OIDC-26, attack case 149: a new cookie here; every other session ends, and so does what it gave."""
    browser.sign_in()
    before = browser.cookies["idjag_t1"]
    with another(site) as elsewhere:
        code = answer_of(elsewhere.sign_in())["code"]
        changed = change(browser)
        assert (changed.status_code, changed.headers["location"]) == (303, "/password/done")
        assert elsewhere.ask().status_code == 200
        assert is_refused(elsewhere.redeem(code))
    assert browser.ask().status_code == 303
    after = browser.cookies["idjag_t1"]
    assert after != before
    browser.cookies.set("idjag_t1", before)
    assert (
        plain_http.get(f"{site.url}/authorize", params=request(), cookies={"idjag_t1": before}).status_code
        == 200
    )
    assert (signs_in(site, NEW), signs_in(site, PASSWORDS["alice"])) == (True, False)


def test_refresh_tokens_from_before_a_change_end(site: Site, browser: Browser) -> None:
    """Attack case 149: password changed."""
    code = answer_of(browser.sign_in())["code"]
    change(browser)
    assert is_refused(browser.redeem(code))


def test_a_change_is_told_by_letter_and_recorded(site: Site, browser: Browser, letters: Letters) -> None:
    browser.sign_in()
    change(browser)
    assert [letter.subject for letter in letters.sent] == ["Your password was changed"]
    event = site.last_event()
    assert (event["event"], event["subject"], event["inputs"]) == (
        "password.changed", "p-alice", {"by": "change"},
    )  # fmt: skip
    assert NEW not in repr(site.events())


def test_a_change_takes_the_old_password_and_wrong_ones_are_counted(site: Site, browser: Browser) -> None:
    browser.sign_in()
    answers = [change(browser, old=f"not hers {number}") for number in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]
    assert site.events()[-1]["event"] in {"login.locked", "password.refused"}
    hashes = site.hasher.verified
    assert (change(browser).status_code, site.hasher.verified) == (429, hashes)
    site.clock.now += 60
    assert change(browser).status_code == 303


def test_a_change_takes_a_recent_sign_in(site: Site, browser: Browser) -> None:
    browser.sign_in()
    assert browser.get("/password").status_code == 200
    site.clock.now += 601
    late = browser.get("/password")
    assert (late.status_code, "/signin?page=password" in late.headers["location"]) == (303, True)


def test_nobody_who_is_not_signed_in_changes_a_password(site: Site, browser: Browser) -> None:
    assert browser.get("/password").status_code == 303
    sent = browser.post("/password", data={"password": PASSWORDS["alice"], "new_password": NEW, "again": NEW})
    assert sent.status_code == 303
    assert "/signin?" in sent.headers["location"]
    assert signs_in(site, PASSWORDS["alice"])


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"form_token": "x" * 43}, id="another form's token"),
        pytest.param({"form_token": ""}, id="none"),
    ],
)
def test_a_form_that_is_not_ours_changes_nothing(
    site: Site, browser: Browser, changes: dict[str, str]
) -> None:
    browser.sign_in()
    assert change(browser, **changes).status_code == 403
    assert signs_in(site, PASSWORDS["alice"])
    assert change(browser).status_code == 303


@pytest.mark.parametrize(
    ("new", "again"),
    [
        pytest.param("short", "short", id="short"),
        pytest.param(PASSWORDS["alice"], PASSWORDS["alice"], id="the old one"),
        pytest.param(NEW, NEW + "x", id="two that differ"),
    ],
)
def test_a_change_to_what_cannot_be_is_refused_without_looking_at_the_old_password(
    site: Site, browser: Browser, new: str, again: str
) -> None:
    browser.sign_in()
    counted = site.hasher.verified
    assert change(browser, new=new, again=again).status_code == 400
    assert site.hasher.verified == counted


def test_a_password_that_was_changed_meanwhile_is_not_changed_by_the_old_one(
    site: Site, browser: Browser
) -> None:
    browser.sign_in()
    site.hasher.meanwhile = lambda: site.write(update("credential", "c-alice", secret="another"))
    refused = change(browser)
    site.hasher.meanwhile = lambda: None
    assert refused.status_code == 403
