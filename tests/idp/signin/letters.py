"""Letters caught on their way, and the forms about passwords filled in, over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from idjag.idp.mail import Letter
from tests.idp.signin.seeds import PASSWORDS
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser, form_of

NEW = "seven green bicycles"
LINK = re.compile(r"https?://\S+/password/set/[A-Za-z0-9_-]{43,}")


@dataclass
class Letters:
    """Where letters go in these tests."""

    sent: list[Letter] = field(default_factory=list)

    def post(self, letter: Letter, /) -> None:
        self.sent.append(letter)

    @property
    def link(self) -> str:
        """The path of the link in the last letter."""
        found = LINK.search(self.sent[-1].text)
        assert found
        return "/password/set/" + found[0].rpartition("/")[2]


@contextmanager
def another(site: Site) -> Iterator[Browser]:
    with Browser(site) as browser:
        yield browser


def ask(browser: Browser, name: str = "alice") -> httpx.Response:
    """Ask for a link."""
    page = browser.get("/password/reset")
    return browser.post("/password/reset", data={**form_of(page), "username": name})


def follow(browser: Browser, link: str, new: str = NEW, **changes: str) -> httpx.Response:
    """Open a link and send its form."""
    opened = browser.get(link)
    assert (opened.status_code, opened.headers["location"]) == (303, "/password/set")
    page = browser.get("/password/set")
    assert page.status_code == 200, page.text
    return browser.post("/password/set", data={**form_of(page), "new_password": new, "again": new, **changes})


def change(browser: Browser, old: str = PASSWORDS["alice"], new: str = NEW, **changes: str) -> httpx.Response:
    """Send the form that changes the password."""
    page = browser.get("/password")
    assert page.status_code == 200, page.text
    fields = {**form_of(page), "password": old, "new_password": new, "again": new}
    return browser.post("/password", data={**fields, **changes})


def signs_in(site: Site, password: str, username: str = "alice") -> bool:
    with another(site) as browser:
        return browser.sign_in(username, password).status_code == 303


def rows(site: Site, table: str) -> list[dict[str, object]]:
    return [dict(row) for row in site.rows(table, tenant_id="t1")]
