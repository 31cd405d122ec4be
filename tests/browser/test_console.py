"""The console in a real browser: every page, both schemes, wide and narrow, with and without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.console_world import PAGES, inside, organisation
from tests.browser.looking import Axe, Visitor
from tests.idp.console.desk import Administrator
from tests.idp.signin.site import Host


@pytest.fixture(scope="module")
def alice(browser_host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administrator]:
    """The owner of an organisation with some history."""
    with organisation(browser_host, tmp_path_factory.mktemp("console")) as somebody:
        yield somebody


def _problems(visitor: Visitor, axe: Axe) -> list[str]:
    found = [*visitor.said, *visitor.refused]
    for look in visitor.looks():
        found += [f"{look}: {finding}" for finding in axe.findings(visitor.page)]
        found += [f"{look}: {visitor.overflow} px too wide"] if visitor.overflow > 0 else []
    for look in visitor.strains():
        found += [f"{look}: {visitor.overflow} px too wide"] if visitor.overflow > 0 else []
    return found


@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param(place, name, marks=() if place % 16 == 0 else pytest.mark.soak)
        for place, name in enumerate(PAGES)
    ],
)
def test_a_page_of_the_console_has_nothing_that_axe_finds_and_fits_every_screen(
    alice: Administrator, chromium: Browser, axe: Axe, place: int, name: str
) -> None:
    """WCAG 2.2 AA; some of the pages in `make test`, all of them in `make soak`."""
    del place
    with inside(chromium, alice) as window:
        window.go(PAGES[name])
        expect(window.page.get_by_role("navigation", name="Console")).to_be_visible()
        assert _problems(window, axe) == []


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without"])
def test_a_question_is_asked_and_answered(alice: Administrator, chromium: Browser, *, script: bool) -> None:
    with inside(chromium, alice, script=script) as window:
        window.go("/admin/ask")
        page = window.page
        page.get_by_label("Person").fill("alice")
        page.get_by_label("Requesting app").select_option("wiki")
        page.get_by_label("Resource app").select_option("chat")
        page.get_by_label("Scopes", exact=True).fill("chat.history")
        page.get_by_role("button", name="Ask").click()
        expect(page.get_by_text("The smallest change that would turn it")).to_be_visible()
        expect(page.get_by_label("Person")).to_have_value("alice")
        assert "scopes=chat.history" in page.url


@pytest.mark.soak
def test_the_audit_log_follows_live(alice: Administrator, chromium: Browser) -> None:
    with inside(chromium, alice) as window:
        window.go("/admin/audit?event=id_jag.issued&live=yes")
        rows = window.page.locator("#events tbody tr")
        before = rows.count()
        alice.act()
        expect(rows).to_have_count(before + 1)


def test_the_matrix_is_printed_without_what_belongs_to_the_screen(
    alice: Administrator, chromium: Browser
) -> None:
    with inside(chromium, alice) as window:
        window.go("/admin/matrix")
        window.page.emulate_media(media="print", color_scheme="dark")
        expect(window.page.get_by_role("table")).to_be_visible()
        expect(window.page.get_by_role("navigation", name="Console")).to_be_hidden()
        expect(window.page.get_by_role("button", name="Show")).to_be_hidden()
        expect(window.page.get_by_role("heading", level=1)).to_have_css("color", "rgb(22, 24, 31)")
        exact = "getComputedStyle(document.querySelector('main time'), '::after').content"
        assert "UTC" in window.page.evaluate(exact)


def test_keys_alone_reach_everything_and_the_first_leads_to_the_content(
    alice: Administrator, chromium: Browser
) -> None:
    """WCAG 2.1.1, 2.4.1, 2.4.7."""
    with inside(chromium, alice) as window:
        window.go("/admin/connections")
        window.page.keyboard.press("Tab")
        expect(window.page.get_by_role("link", name="To the content")).to_be_focused()
        window.page.keyboard.press("Enter")
        expect(window.page.locator("#content")).to_be_focused()


@pytest.mark.soak
def test_on_a_narrow_screen_a_button_opens_the_list_of_screens_also_without_scripts(
    alice: Administrator, chromium: Browser
) -> None:
    """WCAG 2.1.1, 1.4.10."""
    with inside(chromium, alice, script=False) as window:
        window.go("/admin/guardrails")
        places = window.page.get_by_role("navigation", name="Console")
        expect(places).to_be_visible()
        expect(window.page.get_by_role("button", name="Menu")).to_be_hidden()
        window.page.set_viewport_size({"width": 320, "height": 640})
        expect(places).to_be_hidden()
        window.page.get_by_role("button", name="Menu").press("Enter")
        expect(places.get_by_role("link", name="Guardrails")).to_be_visible()
        window.page.keyboard.press("Escape")
        expect(places).to_be_hidden()


_PEOPLE = "username,name\nzoe,Zoë Ångström\n"


def test_a_file_of_people_fills_the_list_and_one_that_is_no_text_does_not(
    alice: Administrator, chromium: Browser
) -> None:
    """A spreadsheet's own encoding would change names; nothing is sent before the button."""
    with inside(chromium, alice) as window:
        window.go("/admin/people/import")
        page = window.page

        def choose(name: str, octets: bytes) -> None:
            page.get_by_label("A file").set_input_files(
                {"name": name, "mimeType": "text/csv", "buffer": octets}
            )

        choose("old.csv", _PEOPLE.encode("cp1252"))
        expect(page.get_by_role("status")).to_contain_text("CSV UTF-8")
        choose("large.csv", b"x" * 1_048_577)
        expect(page.get_by_role("status")).to_contain_text("larger than 1 MiB")
        expect(page.get_by_label("The list")).to_have_value("")
        choose("people.csv", b"\xef\xbb\xbf" + _PEOPLE.encode())
        expect(page.get_by_label("The list")).to_have_value(_PEOPLE)
        page.get_by_role("button", name="See what this changes").click()
        expect(page.get_by_text("1 new, 0 changed")).to_be_visible()
        assert (window.said, window.refused) == ([], [])


def test_without_scripts_the_list_of_people_is_pasted(alice: Administrator, chromium: Browser) -> None:
    with inside(chromium, alice, script=False) as window:
        window.go("/admin/people/import")
        expect(window.page.get_by_label("A file")).to_be_hidden()
        expect(window.page.get_by_label("The list")).to_be_visible()
