"""Looking up what an authorization server publishes, in Chromium: its own page, and step 2 of the wizard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.console_world import inside
from tests.idp.console.others import World, others
from tests.idp.console.test_others_answer import tenant_of_mail
from tests.idp.signin.site import Host

_TYPED = "Issuer URL of its authorization server, or URL of its API"


@pytest.fixture(scope="module")
def acme(browser_host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Asked for before the browser, in whose thread nobody can wait for a ledger."""
    with others(browser_host, tmp_path_factory.mktemp("others")) as made:
        yield made


def _look_up(page: Page, address: str) -> None:
    page.get_by_label(_TYPED).fill(address)
    page.get_by_role("button", name="Look up").click()


def _filled_in(page: Page, issuer: str) -> None:
    """What was found, and the fields as the documents say them."""
    expect(page.locator("#found")).to_contain_text("It calls itself")
    expect(page.get_by_label("Issuer URL", exact=True)).to_have_value(issuer)
    expect(page.get_by_label("Name", exact=True)).to_have_value("Mail")
    api = issuer.replace("chat.example", "api.chat.example")
    expect(page.get_by_label("Resource indicators with their scopes")).to_have_value(
        f"{api} mail.read mail.send"
    )


@pytest.mark.parametrize(
    "script",
    [pytest.param(True, id="with scripts", marks=pytest.mark.soak), pytest.param(False, id="without")],
)
def test_an_address_fills_in_the_form_and_what_is_not_there_is_said_at_its_field(
    acme: World, chromium: Browser, *, script: bool
) -> None:
    """Issue 7.4, on the page of the resource app and in the wizard; nothing is saved by either."""
    issuer = tenant_of_mail(acme)
    with inside(chromium, acme.owner, script=script) as window:
        page = window.page
        acme.site.clock.now += 60  # ten questions a minute are answered
        window.go("/admin/resource-app/edit")
        _look_up(page, f"{issuer}/nowhere")
        expect(page.get_by_label(_TYPED)).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label(_TYPED)).to_have_value(f"{issuer}/nowhere")
        _look_up(page, issuer)
        _filled_in(page, issuer)
        page.get_by_role("button", name="See what this changes").click()
        expect(page.get_by_role("heading", name="Check this change")).to_be_visible()
        expect(page.get_by_text(issuer, exact=True)).to_be_visible()

        acme.site.clock.now += 60
        window.go("/admin/connect?from=wiki")
        page.get_by_role("button", name="Next:").click()
        page.get_by_text("Register a new resource app").click()
        _look_up(page, issuer)
        _filled_in(page, issuer)
        page.get_by_role("button", name="Next:").click()
        expect(page.get_by_role("heading", name="3. What is it called there?")).to_be_visible()
        page.get_by_role("button", name="Back").click()
        expect(page.get_by_label("Issuer URL", exact=True)).to_have_value(issuer)
        window.go("/admin/resource-apps")
        expect(page.get_by_text(issuer, exact=True)).to_have_count(0)
        assert window.refused == []
