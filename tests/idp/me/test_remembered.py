"""A remembered browser proves nothing: whoever changes how somebody signs in has shown a factor of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.idp.me.person import Person
from tests.idp.signin.factors import SESSION_COOKIE, STEP, Phone, asks_for, password, send, settings, with_app
from tests.idp.signin.letters import NEW, change
from tests.idp.signin.seeds import PASSWORDS
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser, answer_of

PAGES = ("/me/sign-in", "/password")
CHANGES = ("/me/sign-in/totp", "/me/sign-in/passkey", "/me/sign-in/remove", "/me/sign-in/codes")


@pytest.fixture
def phone(site: Site) -> Phone:
    """Alice has an authenticator app, and browsers may be remembered."""
    settings(site, remember_device=14 * 86400)
    return with_app(site)


@pytest.fixture
def remembered(site: Site, phone: Phone) -> Iterator[Person]:
    """Somebody with her password at a browser of hers: signed in without a code."""
    with Browser(site) as browser:
        answer_of(send(browser, password(browser), "totp", code=phone.code(), remember="1"))
        site.clock.now += 60
        person = Person(site)
        browser.cookies.delete(SESSION_COOKIE)
        person.cookies = browser.cookies
        with person:
            yield person


def kinds(site: Site) -> list[str]:
    return sorted(str(row["kind"]) for row in site.rows("credential", person_id="p-alice"))


def asked_for_the_code(person: Person, answer: httpx.Response) -> httpx.Response:
    """Through the sign-in to the page that asks for a factor."""
    assert (answer.status_code, urlsplit(answer.headers["location"]).path) == (303, "/signin"), answer.text
    onward = person.get(answer.headers["location"])
    assert (onward.status_code, urlsplit(onward.headers["location"]).path) == (303, STEP), onward.text
    page = person.get(STEP)
    assert asks_for(page, "totp")
    return page


@pytest.mark.parametrize("path", PAGES)
def test_how_i_sign_in_is_not_for_a_remembered_browser_alone(
    site: Site, remembered: Person, phone: Phone, path: str
) -> None:
    """Decision 0030; the control: with the code it opens, and the browser comes back there."""
    assert remembered.get("/me").status_code == 200
    page = asked_for_the_code(remembered, remembered.get(path))
    done = send(remembered, page, "totp", code=phone.code())
    assert urlsplit(done.headers["location"]).path in ("/me/sign-in", "/password")
    assert remembered.get(path).status_code == 200


def test_nothing_is_changed_by_a_remembered_browser_alone(site: Site, remembered: Person) -> None:
    """Factor skipping: a password and a cookie do not become a second factor."""
    before = kinds(site)
    answers = [remembered.post(path, data={"id": "mine", "code": "000000"}) for path in CHANGES]
    assert {urlsplit(answer.headers["location"]).path for answer in answers} == {"/signin"}
    assert kinds(site) == before


def test_a_sign_in_that_showed_the_factor_changes_it(site: Site, phone: Phone) -> None:
    """The control of the test above."""
    with Browser(site) as browser:
        send(browser, password(browser), "totp", code=phone.code())
        person = Person(site)
        person.cookies = browser.cookies
        made = person.press(person.get("/me/sign-in"), "/me/sign-in/codes")
        assert made.status_code == 200
        assert kinds(site).count("recovery") == 10
        person.close()


def test_who_has_just_set_up_the_first_factor_goes_on_without_showing_it(site: Site) -> None:
    """There was none to show at that sign-in."""
    with Person(site) as alice:
        alice.add_totp()
        assert alice.press(alice.get("/me/sign-in"), "/me/sign-in/codes").status_code == 200


def test_a_password_is_not_changed_by_a_remembered_browser_alone(
    site: Site, remembered: Person, phone: Phone
) -> None:
    """Else whoever has it could keep its owner out."""
    send(remembered, asked_for_the_code(remembered, remembered.get("/password")), "totp", code=phone.code())
    assert change(remembered, PASSWORDS["alice"], NEW).headers["location"] == "/password/done"
