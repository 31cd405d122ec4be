"""A single-page app with oidc-client-ts, unmodified, in Chromium: sign-in, UserInfo, refresh, sign-out.

Also with a passkey, set up on the way.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.authenticator import with_authenticator
from tests.idp.oidc_plans.relying_party import register
from tests.idp.signin.seeds import PASSWORDS
from tests.idp.signin.site import Site

_LIBRARY = ("tests", "interop", "node", "node_modules", "oidc-client-ts", "dist", "browser")
_PAGE = """<!DOCTYPE html><html lang="en"><title>App</title><script src="/oidc-client-ts.min.js"></script>
<script>const manager = new oidc.UserManager(SETTINGS);</script><body>app</body></html>"""


@pytest.fixture(scope="module")
def app(root: Path, site: Site) -> Iterator[str]:
    """The origin of the app, which has the library and one page at every path; it is registered."""
    library = root.joinpath(*_LIBRARY, "oidc-client-ts.min.js")
    if not library.is_file():
        pytest.skip("oidc-client-ts is not installed (npm ci in tests/interop/node)")
    script = library.read_bytes()

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_script = self.path.endswith(".js")
            self.send_response(200)
            self.send_header("content-type", "text/javascript" if is_script else "text/html")
            self.end_headers()
            self.wfile.write(script if is_script else _page(site, origin).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        origin = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        register(
            site,
            id="single",
            kind="spa",
            redirect_uris=[f"{origin}/callback"],
            post_logout_redirect_uris=[f"{origin}/bye"],
            auth={"method": "none"},
            backchannel_logout_uri=None,
            backchannel_logout_session_required=False,
        )
        yield origin
        server.shutdown()
        thread.join()


def _page(site: Site, origin: str) -> str:
    settings = {
        "authority": site.issuer,
        "client_id": "single",
        "redirect_uri": f"{origin}/callback",
        "post_logout_redirect_uri": f"{origin}/bye",
        "scope": "openid profile email offline_access",
        "loadUserInfo": True,
        "automaticSilentRenew": False,
        # so that the app sees acr and amr
        "filterProtocolClaims": False,
    }
    return _PAGE.replace("SETTINGS", json.dumps(settings))


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context() as context:
        yield context.new_page()


def signed_in(page: Page, site: Site, app: str) -> dict[str, Any]:
    """The user as the library knows them, after the form."""
    page.goto(f"{app}/")
    page.evaluate("void manager.signinRedirect({state: 'where I was'})")
    page.wait_for_url(f"{site.issuer}/authorize*")
    page.get_by_label("Username").fill("alice")
    page.locator("input[name=password]").fill(PASSWORDS["alice"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{app}/callback?*")
    user: dict[str, Any] = page.evaluate("manager.signinRedirectCallback().then(user => ({...user}))")
    return user


def test_a_single_page_app_signs_somebody_in_and_out(page: Page, site: Site, app: str) -> None:
    """OIDC-01, OIDC-04, OIDC-07, OIDC-15, OIDC-17, OIDC-18, OIDC-20, interop fact 10."""
    user = signed_in(page, site, app)
    assert (user["state"], user["token_type"]) == ("where I was", "Bearer")
    assert (user["profile"]["name"], user["profile"]["email"]) == ("Alice Example", "alice@acme.example")
    renewed = page.evaluate("manager.signinSilent().then(user => ({...user}))")
    assert renewed["refresh_token"] != user["refresh_token"]
    assert renewed["profile"]["sub"] == user["profile"]["sub"]
    page.evaluate("void manager.signoutRedirect()")
    page.wait_for_url(f"{app}/bye*")
    page.evaluate("manager.signoutRedirectCallback()")
    page.goto(f"{app}/")
    page.evaluate("void manager.signinRedirect()")
    page.wait_for_url(f"{site.issuer}/authorize*")
    assert page.get_by_label("Username").is_visible()


def test_a_single_page_app_asks_for_a_passkey_and_gets_it(page: Page, site: Site, app: str) -> None:
    """OIDC-11, OIDC-13: set up because the app asks, then without a password; the app sees which."""
    with_authenticator(page)
    asked = "void manager.signinRedirect({acr_values: 'urn:idjag:acr:phr'})"
    came_back = "manager.signinRedirectCallback().then(user => ({...user}))"
    page.goto(f"{app}/")
    page.evaluate(asked)
    page.wait_for_url(f"{site.issuer}/authorize*")
    page.get_by_label("Username").fill("bob")
    page.locator("input[name=password]").fill(PASSWORDS["bob"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Create a passkey").click()
    page.get_by_role("button", name="I have kept them").click()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{app}/callback?*")
    first = page.evaluate(came_back)["profile"]
    page.context.clear_cookies()
    page.goto(f"{app}/")
    page.evaluate(asked)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{app}/callback?*")
    alone = page.evaluate(came_back)["profile"]
    assert [first["acr"], alone["acr"]] == ["urn:idjag:acr:phr"] * 2
    assert [sorted(one["amr"]) for one in (first, alone)] == [
        ["mfa", "pop", "pwd", "user"],
        ["mfa", "pop", "user"],
    ]
    assert first["sub"] == alone["sub"]


def test_a_page_of_another_origin_gets_no_tokens(page: Page, site: Site, app: str) -> None:
    """Interop fact 10: the browser keeps what is not for that page."""
    page.goto(f"{app.replace('127.0.0.1', 'localhost')}/")
    form = "{method: 'POST', body: new URLSearchParams({grant_type: 'x'})}"
    asked = f"fetch(url, {form}).then(answer => answer.status, error => error.name)"
    assert page.evaluate(f"url => {asked}", f"{site.issuer}/token") == "TypeError"
    page.goto(f"{app}/")
    assert page.evaluate(f"url => {asked}", f"{site.issuer}/token") in (400, 401)
