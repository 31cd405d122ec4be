"""Paper in a real browser: a matrix that is wider than a screen fits its sheets, which lie on their side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.browser.console_world import inside, owner_of_many
from tests.browser.looking import Visitor
from tests.idp.console.desk import Administrator
from tests.idp.signin.site import Host

pytestmark = pytest.mark.soak

_WIDER = """() => Math.max(...[...document.querySelectorAll('main table')].map(
  table => table.scrollWidth - document.querySelector('main').clientWidth))"""
# A4 between its margins
_SIDE: Final[ViewportSize] = {"width": 1032, "height": 680}
_UPRIGHT: Final[ViewportSize] = {"width": 703, "height": 1009}


@pytest.fixture(scope="module")
def alice(browser_host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administrator]:
    """The owner of an organisation with many connections; made before there is a browser, whose loop runs."""
    with owner_of_many(browser_host, tmp_path_factory.mktemp("paper")) as somebody:
        yield somebody


@pytest.fixture
def window(alice: Administrator, chromium: Browser) -> Iterator[Visitor]:
    with inside(chromium, alice) as opened:
        yield opened


def _sheets(window: Visitor) -> set[tuple[str, str]]:
    """Width and height of the pages of a PDF, in points."""
    pdf = window.page.pdf(prefer_css_page_size=True, format="A4")
    found = re.findall(rb"/MediaBox \[0 0 ([0-9]+)[.0-9]* ([0-9]+)", pdf)
    return {(wide.decode(), high.decode()) for wide, high in found}


def test_a_wide_matrix_fits_sheets_on_their_side_and_says_what_its_letters_mean(window: Visitor) -> None:
    window.go("/admin/matrix")
    page = window.page
    page.set_viewport_size(_SIDE)
    assert page.evaluate(_WIDER) > 0, "on a screen it is moved inside its box"
    page.emulate_media(media="print")
    assert page.evaluate(_WIDER) <= 0
    expect(page.get_by_text("A active · D draft")).to_be_visible()
    expect(
        page.get_by_role("link", name="Many 00 to Api 00: paused").get_by_text("P", exact=True)
    ).to_be_visible()
    [(wide, high)] = _sheets(window)
    assert int(wide) > int(high)


def test_a_small_matrix_and_a_list_stand_upright(window: Visitor) -> None:
    for path in ("/admin/matrix?q=many+07", "/admin/connections", "/admin/audit"):
        window.go(path)
        window.page.set_viewport_size(_UPRIGHT)
        window.page.emulate_media(media="print")
        assert window.page.evaluate(_WIDER) <= 0, path
        [(wide, high)] = _sheets(window)
        assert int(wide) < int(high)


def test_what_was_asked_is_on_paper_as_text_and_what_was_left_empty_is_not(window: Visitor) -> None:
    window.go("/admin/connections?status=paused")
    page = window.page
    page.emulate_media(media="print")
    expect(page.get_by_label("Status")).to_be_visible()
    expect(page.get_by_label("Status")).to_have_css("border-top-width", "0px")
    for name in ("Search", "Requesting app", "Owner"):
        expect(page.get_by_label(name, exact=True)).to_be_hidden()
    expect(page.get_by_role("button")).to_have_count(0)
    window.go("/admin/connection?id=many-07-api-07")
    expect(page.get_by_role("heading", name="What it allows")).to_be_visible()
    for name in ("Stop it now", "Remove it", "For the developer"):
        expect(page.get_by_role("heading", name=name)).to_be_hidden()


def test_the_bar_of_a_narrow_screen_takes_two_rows(window: Visitor) -> None:
    """WCAG 1.4.10: at 400 % the bar leaves room for the page."""
    window.go("/admin")
    bar = window.page.get_by_role("banner")
    window.page.set_viewport_size({"width": 320, "height": 256})
    box = bar.bounding_box()
    assert box is not None
    assert box["height"] < 110
    expect(bar.get_by_role("button", name="Leave the console")).to_be_visible()
