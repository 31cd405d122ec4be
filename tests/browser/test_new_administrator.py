"""A new administrator with only what is on the screen: from two unknown apps to an answer for the auditor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.console_world import inside
from tests.idp.console.desk import Administrator
from tests.idp.signin.site import Host, running

MEANWHILE = "the agent answers people's mail"


@pytest.fixture
def alice(browser_host: Host, tmp_path: Path) -> Iterator[Administrator]:
    """The owner of an organisation without a single connection."""
    with running(browser_host, database=tmp_path / "idjag.db") as site, Administrator(site) as somebody:
        yield somebody


def _save(page: Page, why: str = "") -> None:
    page.get_by_role("button", name="See what this changes").click()
    _agree(page, why)


def _agree(page: Page, why: str = "") -> None:
    expect(page.get_by_role("heading", name="Check this change")).to_be_visible()
    if why:
        page.get_by_label("Why").fill(why)
    page.get_by_role("button", name="Make this change").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")


def _at(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Console").get_by_role("link", name=name, exact=True).click()


def _next(page: Page) -> None:
    page.get_by_role("button", name="Next:").click()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(True, id="with scripts"),
        pytest.param(False, id="without", marks=pytest.mark.soak),
    ],
)
def test_from_nothing_to_a_printed_matrix_with_what_is_on_the_screen(
    alice: Administrator, chromium: Browser, *, script: bool
) -> None:
    """Register, connect for a group, see why not, mend it, hold, release, find who did what, print."""
    with inside(chromium, alice, script=script) as window:
        page = window.page
        window.go("/admin")
        _group(page)
        _connect(page)
        _see_why_and_mend(page)
        _hold_and_release(page)
        _who_did_what(page)
        _print(page)
        assert window.refused == []


def _group(page: Page) -> None:
    _at(page, "Groups")
    page.get_by_role("link", name="New group").click()
    page.get_by_label("Name", exact=True).fill("support")
    page.get_by_role("button", name="See what this changes").click()
    _agree(page, MEANWHILE)
    _at(page, "Groups")
    page.get_by_role("link", name="support").click()
    page.get_by_label("Add a person").fill("alice")
    page.get_by_role("button", name="Add to the group").click()
    _agree(page, MEANWHILE)


def _connect(page: Page) -> None:
    """With two apps that nobody has registered: the wizard does it on the way."""
    _at(page, "Overview")
    page.get_by_role("link", name="Connect two apps").click()
    page.get_by_text("Register a new app").click()
    page.get_by_label("Name", exact=True).fill("Robin")
    page.get_by_label("Kind").select_option("ai_agent")
    _next(page)
    expect(page.get_by_label("Redirect URIs")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Redirect URIs").fill("https://robin.example/cb")
    _next(page)
    page.get_by_label("Name", exact=True).fill("Mail")
    page.get_by_label("Issuer URL", exact=True).fill("https://mail.example/")
    page.get_by_label("Resource indicators with their scopes").fill(
        "https://api.mail.example/ mail.read mail.send"
    )
    _next(page)
    page.get_by_label("Client ID at the resource app").fill("robin-at-mail")
    _next(page)
    page.get_by_role("group", name="Groups", exact=True).get_by_label("support").check()
    _next(page)
    page.get_by_label("Only these").first.check()
    page.get_by_role("group", name="Which scopes").get_by_label("mail.read").check()
    _next(page)
    _next(page)
    expect(page.get_by_text("1 person gains")).to_be_visible()
    expect(page.get_by_role("link", name="Alice Example")).to_be_visible()
    _next(page)
    page.get_by_label("Owner").fill("it@acme.example")
    page.get_by_role("button", name="Activate it").click()
    expect(page.get_by_role("heading", name="Its client secret")).to_be_visible()
    _agree(page, MEANWHILE)
    expect(page.locator("h1")).to_contain_text("Mail")


def _see_why_and_mend(page: Page) -> None:
    _at(page, "Ask")
    page.get_by_label("Person").fill("bob")
    page.get_by_label("Requesting app").select_option("robin")
    page.get_by_label("Resource app").select_option("mail")
    page.get_by_label("Scopes", exact=True).fill("mail.read")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#answer")).to_contain_text("Denied")
    expect(page.locator("#answer")).to_contain_text("support")
    _at(page, "Groups")
    page.get_by_role("link", name="support").click()
    page.get_by_label("Add a person").fill("bob")
    page.get_by_role("button", name="Add to the group").click()
    expect(page.get_by_text("1 person gains")).to_be_visible()
    _agree(page, "bob helps out")
    _at(page, "Ask")
    page.get_by_label("Person").fill("bob")
    page.get_by_label("Requesting app").select_option("robin")
    page.get_by_label("Resource app").select_option("mail")
    page.get_by_label("Scopes", exact=True).fill("mail.read")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#answer").get_by_text("Allowed", exact=True)).to_be_visible()


def _hold_and_release(page: Page) -> None:
    _at(page, "Connections")
    page.get_by_role("link", name="Robin").first.click()
    page.get_by_label("Why it is stopped").fill("it reads too much")
    page.get_by_role("button", name="Stop now").click()
    expect(page.get_by_role("status")).to_contain_text("Stopped")
    _at(page, "Holds")
    page.get_by_label("Why it is released").fill("it was a rumour")
    page.get_by_role("button", name="Release").click()
    expect(page.get_by_role("heading", name="Nothing is stopped")).to_be_visible()


def _who_did_what(page: Page) -> None:
    _at(page, "Groups")
    page.get_by_role("link", name="support").click()
    _at(page, "Audit log")
    page.get_by_label("What", exact=True).select_option("hold.placed")
    page.get_by_role("button", name="Show").click()
    row = page.get_by_role("row").filter(has_text="Hold placed")
    expect(row).to_contain_text("alice")
    row.get_by_role("link").first.click()
    expect(page.locator("main")).to_contain_text("it reads too much")


def _print(page: Page) -> None:
    _at(page, "Access map")
    page.get_by_role("link", name="As a matrix").click()
    page.emulate_media(media="print")
    expect(page.get_by_role("link", name="Robin to Mail: active")).to_be_visible()
    page.emulate_media(media="screen")
