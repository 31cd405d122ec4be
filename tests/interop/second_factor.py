"""Bob, who has an authenticator app and recovery codes: set up at the page, as anybody would."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass, field
from typing import Final

from idjag.demo.wire import Answer, Browser
from idjag.idp.factors.totp import STEP, code_at

__all__ = ["MFA", "Bob", "declined", "enrolled"]

MFA: Final = "urn:idjag:acr:mfa"


@dataclass
class Bob:
    """His password and what he has kept; ``used`` is the step of the last code of his app."""

    password: str = field(repr=False)
    seed: bytes = field(repr=False)
    codes: list[str] = field(repr=False)
    used: int

    def app_code(self) -> str:
        """What the app shows, and if that was used, what it shows next: clocks may differ by one step."""
        self.used = max(self.used + 1, int(time.time()) // STEP)
        return code_at(self.seed, self.used)

    def sign_in(
        self, browser: Browser, url: str, page: Answer, *, until: str, app: bool = False
    ) -> tuple[str, Answer]:
        """From the sign-in page to ``until``, with the ``app`` or a recovery code."""
        typed = {"username": "bob", "password": self.password}
        url, page = browser.submit(url, page, typed=typed, until=until)
        assert url.endswith("/signin/step"), "he was not asked for his second factor"
        if app:
            typed = {"do": "totp", "code": self.app_code()}
        else:
            url, page = browser.get(f"{url}?use=recovery")
            typed = {"do": "recovery", "code": self.codes.pop()}
        return browser.submit(url, page, typed=typed, until=until)


def enrolled(url: str, *, password: str, until: str) -> Bob:
    """Bob comes by an authorization request that wishes for a second factor, and sets one up on the way."""
    browser = Browser()
    at, page = browser.get(f"{url}&acr_values={MFA}")
    at, page = browser.submit(at, page, typed={"username": "bob", "password": password}, until=until)
    bob = Bob(password, _seed(_text(page, r'<p class="secret">([A-Z2-7]+)</p>')[0]), [], 0)
    at, page = browser.submit(at, page, typed={"do": "enrol_totp", "code": bob.app_code()}, until=until)
    bob.codes = _text(page, r"<li><code>([^<]+)</code></li>")
    at, _ = browser.submit(at, page, typed={}, until=until)
    assert at.startswith(until), "setting up a second factor ends at the app"
    return bob


def declined(browser: Browser, url: str, page: Answer, *, password: str, until: str) -> tuple[str, Answer]:
    """Alice, who has no second factor, goes on without the one that the app wishes for."""
    url, page = browser.submit(url, page, typed={"username": "alice", "password": password}, until=until)
    return browser.submit(url, page, typed={"do": "decline"}, until=until)


def _text(page: Answer, pattern: str) -> list[str]:
    found: list[str] = re.findall(pattern, page.body.decode())
    assert found, page.body.decode()
    return found


def _seed(secret: str) -> bytes:
    return base64.b32decode(secret + "=" * (-len(secret) % 8))
