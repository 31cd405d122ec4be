"""Decision 0039 at the pages: a hundred wrong codes in a row, and what makes codes good again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from idjag.idp import accounts
from idjag.idp.audit import Source
from idjag.idp.signin.guesses import Attempt, Kind
from tests.idp.signin.factors import Phone, asks_for, password, send, touch, with_app, with_passkey, wrong
from tests.idp.signin.letters import NEW, Letters, ask, change, follow
from tests.idp.signin.seeds import PASSWORDS
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, answer_of

OPERATOR = {"kind": "operator", "id": "0@host"}
ENDED = "no code is accepted any more"


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def site(host: Host, letters: Letters) -> Iterator[Site]:
    """Under a name, so that passkeys work."""
    with running(host, issuer=host.url.replace("127.0.0.1", "localhost"), mail=letters) as site:
        yield site


def guessed(site: Site, times: int) -> None:
    """Somebody who has alice's password has tried codes, slowly."""
    for _ in range(times):
        site.clock.now += 3601
        source = Source("d", site.clock.now, "198.51.100.9", "curl")
        attempt = Attempt(site.services.tenant, "alice", source, None, Kind.SECOND_FACTOR)
        site.write(*attempt.failed(site.ledger.read(attempt.reads), "p-alice").writes)
    site.clock.now += 86_400


def answered(browser: Browser, code: str) -> httpx.Response:
    """Her password, then this code."""
    return send(browser, password(browser), "totp", code=code)


def test_the_hundredth_wrong_code_ends_codes_and_the_page_says_what_to_do(
    site: Site, browser: Browser
) -> None:
    """OIDC-26, NIST SP 800-63B-4 section 3.2.2."""
    phone = with_app(site)
    guessed(site, 99)
    assert ENDED not in answered(browser, wrong(phone.code())).text
    page = answered(browser, phone.code())
    assert (page.status_code, ENDED in page.text, 'href="/password/reset"' in page.text) == (403, True, True)
    assert site.rows("session") == []


def test_ninety_nine_end_nothing(site: Site, browser: Browser) -> None:
    """The control."""
    phone = with_app(site)
    guessed(site, 99)
    assert "code" in answer_of(answered(browser, phone.code()))
    guessed(site, 99)
    browser.cookies.clear()
    assert "code" in answer_of(answered(browser, phone.code()))


def test_answers_that_are_not_looked_at_leave_no_event(site: Site, browser: Browser) -> None:
    phone = with_app(site)
    guessed(site, 100)
    page = password(browser)
    before = len(site.events())
    for _ in range(10):
        answer = send(browser, page, "totp", code=wrong(phone.code()))
        assert (ENDED in answer.text, asks_for(answer, "totp")) == (True, False)
    assert len(site.events()) == before


def test_a_passkey_still_is_a_second_factor(site: Site, browser: Browser) -> None:
    """It cannot be guessed, so that nobody can end it."""
    device, _phone = with_passkey(site), with_app(site)
    guessed(site, 100)
    assert "code" in answer_of(touch(browser, password(browser), device))


def _by_link(site: Site, browser: Browser, letters: Letters) -> None:
    ask(browser)
    follow(browser, letters.link)


def _unlocked(site: Site, _browser: Browser, _letters: Letters) -> None:
    accounts.unlock(site.services, "p-alice", actor=OPERATOR)


@pytest.mark.parametrize("way", [_by_link, _unlocked])
def test_a_new_password_or_an_administrator_makes_codes_good_again(
    site: Site, browser: Browser, letters: Letters, way: Callable[[Site, Browser, Letters], None]
) -> None:
    phone = with_app(site)
    guessed(site, 100)
    assert ENDED in answered(browser, phone.code()).text
    way(site, browser, letters)
    assert accepted(site, phone, NEW if letters.sent else PASSWORDS["alice"])


def test_a_password_that_is_changed_by_its_owner_makes_codes_good_again(site: Site, browser: Browser) -> None:
    """She still gets in by her passkey."""
    device, phone = with_passkey(site), with_app(site)
    guessed(site, 100)
    answer_of(touch(browser, password(browser), device))
    assert not accepted(site, phone, PASSWORDS["alice"])
    assert change(browser).headers["location"] == "/password/done"
    assert accepted(site, phone, NEW)


def accepted(site: Site, phone: Phone, secret: str) -> bool:
    """Whether a right code signs in, in a new browser."""
    with Browser(site) as browser:
        assert browser.sign_in("alice", secret).status_code == 303
        page = browser.get("/signin/step", params={"use": "totp"})
        return send(browser, page, "totp", code=phone.code()).status_code == 303


def test_a_reset_of_the_factors_forgets_what_was_guessed_at_them(site: Site, browser: Browser) -> None:
    with_app(site)
    guessed(site, 100)
    accounts.reset_factors(site.services, "p-alice", actor=OPERATOR, now=site.clock.now)
    phone = with_app(site)
    assert "code" in answer_of(answered(browser, phone.code()))
