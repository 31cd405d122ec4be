"""Every page in a real browser: axe finds nothing, nothing overflows or is refused, keys are enough."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.looking import LANGUAGES, WIDE, Axe, Visitor, Window, visitor
from tests.browser.world import PAGES, World, my_access
from tests.idp.signin.seeds import PASSWORDS

_NAMES = list(PAGES)


def _problems(visitor: Visitor, axe: Axe) -> list[str]:
    """What is wrong with the page at hand, in any width and scheme."""
    found = [*visitor.said, *visitor.refused]
    for look in visitor.looks():
        found += [f"{look}: {finding}" for finding in axe.findings(visitor.page)]
        found += [f"{look}: {visitor.overflow} px too wide"] if visitor.overflow > 0 else []
    return found


def _look(chromium: Browser, world: World, axe: Axe, *, name: str, language: str) -> None:
    with visitor(chromium, world.site, Window(1280, "light", language)) as somebody:
        PAGES[name](somebody, world)
        assert somebody.page.locator("html").get_attribute("lang") == language
        assert _problems(somebody, axe) == []


@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param(place, name, marks=() if place % 10 == 0 else pytest.mark.soak)
        for place, name in enumerate(_NAMES)
    ],
)
def test_a_page_has_nothing_that_axe_finds_and_fits_every_screen(
    chromium: Browser, world: World, axe: Axe, place: int, name: str
) -> None:
    """OIDC-25, attack case 188; WCAG 2.2 AA: light and dark, 1280 and 320 pixels, one language each.

    Every tenth page in `make test`, all of them in `make soak`.
    """
    _look(chromium, world, axe, name=name, language=LANGUAGES[place % len(LANGUAGES)])


def test_what_is_wrong_with_a_page_is_found(chromium: Browser, world: World, axe: Axe) -> None:
    """Positive control: an image without words, a line too long, a script of the page's own."""
    with visitor(chromium, world.site) as somebody:
        somebody.come()
        assert _problems(somebody, axe) == []
        somebody.page.evaluate(
            """() => {
              document.querySelector('main').insertAdjacentHTML('beforeend',
                '<img src="data:,"><pre>' + 'x'.repeat(4000) + '</pre>');
              const script = document.createElement('script');
              script.textContent = 'window.ran = true';
              document.body.append(script);
            }"""
        )
        found = " ".join(_problems(somebody, axe))
        assert somebody.page.evaluate("window.ran") is None
    for word in ("image-alt", "px too wide", "script-src"):
        assert word in found


def test_somebody_signs_in_with_keys_alone_and_sees_where_they_are(chromium: Browser, world: World) -> None:
    """WCAG 2.1.1, 2.4.7, 2.4.11: the first field has the focus, the order is the order of the page."""
    with visitor(chromium, world.site) as somebody:
        somebody.come_from_desk()
        keyboard, page = somebody.page.keyboard, somebody.page
        keyboard.type("alice")
        keyboard.press("Tab")
        keyboard.type(PASSWORDS["alice"])
        keyboard.press("Tab")
        expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_focused()
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert float(outline.removesuffix("px")) >= 2
        keyboard.press("Enter")
        somebody.back_at_desk()


@pytest.mark.parametrize("place", ["/me", "/me/sign-in"])
def test_every_thing_that_takes_the_focus_shows_it(chromium: Browser, world: World, place: str) -> None:
    """WCAG 2.4.7, also where the system chooses the colours."""
    with visitor(chromium, world.site) as somebody:
        my_access(somebody, world)
        somebody.go(place)
        somebody.page.emulate_media(forced_colors="active")
        seen = []
        for _ in range(40):
            somebody.page.keyboard.press("Tab")
            tag, width, style = somebody.page.evaluate(
                "() => { const e = document.activeElement, s = getComputedStyle(e);"
                " return [e.tagName, parseFloat(s.outlineWidth), s.outlineStyle] }"
            )
            if tag == "BODY":
                break
            seen.append(tag)
            assert (width >= 2, style) == (True, "solid"), tag
        assert len(seen) >= 7


def test_a_wrong_password_is_said_at_the_field_and_the_name_stays(chromium: Browser, world: World) -> None:
    """WCAG 3.3.1, 3.3.7: what was typed is kept, and the message belongs to the field."""
    with visitor(chromium, world.site) as somebody:
        somebody.come()
        somebody.sign_in(password="not the password")
        page = somebody.page
        expect(page.get_by_role("alert")).to_contain_text("do not fit together")
        assert page.input_value("#username") == "alice"
        assert page.input_value("#password") == ""
        expect(page.locator("#password")).to_be_focused()
        expect(page.locator("#password")).to_have_accessible_description(re.compile("do not fit"))


def test_everything_but_passkeys_works_without_script(chromium: Browser, world: World) -> None:
    """A sign-in, another language, an app that is stopped and let go again."""
    with visitor(chromium, world.site, WIDE, script=False) as somebody:
        page = somebody.page
        somebody.come()
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
        page.get_by_role("link", name="Deutsch").click()
        expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
        page.get_by_role("link", name="English").click()
        my_access(somebody, world)
        page.get_by_role("link", name="Details: Robin").click()
        page.get_by_label("What happened?").fill("It wrote to everybody.")
        page.get_by_role("button", name="Stop this app").click()
        expect(page.get_by_role("status")).to_contain_text("Stopped.")
        expect(page.get_by_text("Stopped by you")).to_be_visible()
        page.get_by_role("link", name="Details: Robin").click()
        page.get_by_role("button", name="Let it act for me again").click()
        expect(page.get_by_role("status")).to_contain_text("can act for you again")
        expect(page.get_by_text("Stopped by you")).to_have_count(0)
