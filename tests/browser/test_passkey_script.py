"""admin_ui/static/passkey.js in Chromium with its own software authenticator: what it posts, we take."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, Route

from idjag.idp.factors import operations, passkeys, responses
from idjag.idp.factors.proof import Proof
from idjag.idp.factors.relying_party import RelyingParty
from tests.idp.factors.acme import ALICE, Acme, acme

ORIGIN = "http://localhost"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
PAGE = """<!doctype html><html lang="en"><title>Probe</title><script src="/passkey.js" defer></script>
<form method="post" action="/answer" data-passkey="{kind}" data-options="{options}">
<input type="hidden" name="credential"><button type="submit">Go</button>
<p data-passkey-failed hidden>Failed</p></form><p data-passkey-missing hidden>Missing</p>"""


class Probe:
    """A page with one form, and what it posts; no server: the test gives every answer."""

    def __init__(self, page: Page, script: str) -> None:
        self.page, self.posted = page, ""
        self._script, self._html = script, ""
        page.route(f"{ORIGIN}/**", self._answer)

    def show(self, kind: str, options: dict[str, Any]) -> None:
        self._html = PAGE.format(kind=kind, options=escape(json.dumps(options)))
        self.page.goto(f"{ORIGIN}/form")

    def send(self, kind: str, options: dict[str, Any]) -> str:
        """The answer that the script posts after the button was used."""
        self.show(kind, options)
        self.page.click("button")
        self.page.wait_for_url("**/answer")
        return self.posted

    def _answer(self, route: Route) -> None:
        if route.request.url.endswith(".js"):
            route.fulfill(body=self._script, content_type="text/javascript")
        elif route.request.method == "POST":
            self.posted = parse_qs(route.request.post_data or "")["credential"][0]
            route.fulfill(body="<!doctype html><title>Done</title>", content_type="text/html")
        else:
            route.fulfill(body=self._html, content_type="text/html")


@pytest.fixture
def here() -> Iterator[Acme]:
    with acme() as here:
        here.rp = RelyingParty("localhost", ORIGIN, "Acme Corporation")
        yield here


@pytest.fixture
def probe(chromium: Browser, root: Path) -> Iterator[Probe]:
    context = chromium.new_context()
    page = context.new_page()
    script = (root / "admin_ui" / "static" / "passkey.js").read_text("utf-8")
    yield Probe(page, script)
    context.close()


def with_authenticator(probe: Probe) -> Callable[[bool], None]:
    """Give the browser an authenticator; the function says whether its user is verified from then on."""
    session = probe.page.context.new_cdp_session(probe.page)
    session.send("WebAuthn.enable")
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})

    def verified(yes: bool) -> None:  # noqa: FBT001
        session.send(
            "WebAuthn.setUserVerified",
            {"authenticatorId": made["authenticatorId"], "isUserVerified": yes},
        )

    return verified


def test_chromium_makes_a_passkey_and_signs_in_with_it(here: Acme, probe: Probe) -> None:
    with_authenticator(probe)
    enrol = here.ceremony(purpose="enrol")
    posted = probe.send("create", here.creation_options(enrol))
    made = passkeys.enrolment(responses.attestation(posted), ceremony=enrol, new=here.new())
    operations.add(here, made, person=here.person())
    for person_id in (ALICE, None):  # as a second factor, and without a name
        posted = probe.send("get", here.request_options(here.ceremony(), person_id))
        assert passkeys.owner(here.ledger, here.tenant, responses.assertion(posted)) == ALICE
        assert isinstance(here.show_passkey(posted), Proof)


def test_who_is_not_verified_reads_that_it_failed_and_may_try_again(here: Acme, probe: Probe) -> None:
    verified = with_authenticator(probe)
    verified(False)
    probe.show("create", here.creation_options(here.ceremony(purpose="enrol")))
    probe.page.click("button")
    probe.page.wait_for_selector("[data-passkey-failed]:visible")
    assert probe.posted == ""
    assert probe.page.is_enabled("button")
    verified(True)
    probe.page.click("button")
    probe.page.wait_for_url("**/answer")
    assert responses.attestation(probe.posted).handle


def test_a_browser_without_passkeys_says_so(here: Acme, probe: Probe) -> None:
    probe.page.add_init_script("delete window.PublicKeyCredential")
    probe.show("create", here.creation_options(here.ceremony(purpose="enrol")))
    assert probe.page.is_visible("[data-passkey-missing]")
    assert probe.page.is_disabled("button")
