"""The entrance of the console over HTTP, and what the cookie that it gives opens."""

from __future__ import annotations

import httpx

from idjag.idp.administration.administrators import Administrator, operator
from idjag.idp.console import entrance
from idjag.protocol.http import TokenRequest
from tests.idp.signin.seeds import PASSWORDS
from tests.idp.signin.visit import Browser, form_of

OPERATOR = operator({"kind": "operator", "id": "1000@host"})
SIGN_IN = "/signin?page=admin&max_age=600&to=%2Fadmin"
COOKIE = "idjag_t1_admin"


def sign_in(browser: Browser, name: str = "alice") -> httpx.Response:
    return browser.fill(browser.get(SIGN_IN), username=name, password=PASSWORDS[name])


def enter(browser: Browser, path: str = "/admin/enter") -> httpx.Response:
    page = browser.get(path)
    assert page.status_code == 200, page.headers.get("location", page.text)
    return browser.post("/admin/enter", data=form_of(page))


def inside(browser: Browser, *, value: str | None = None) -> Administrator | None:
    """Whose console the browser's cookie opens."""
    cookie = browser.cookies.get(COOKIE) if value is None else value
    headers = ((b"cookie", f"{COOKIE}={cookie}".encode()),)
    site = browser.site
    return entrance.signed_in(TokenRequest("GET", headers=headers), site.services, now=site.clock.now)


def inside_after(browser: Browser) -> Administrator:
    enter(browser)
    who = inside(browser)
    assert who is not None
    return who
