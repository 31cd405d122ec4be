"""Passkeys with Chromium's own authenticator: made at My access, then a sign-in without a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect

from tests.browser.authenticator import Authenticator, with_authenticator
from tests.browser.looking import Visitor, visitor
from tests.browser.world import World, my_access


@contextmanager
def _with_authenticator(chromium: Browser, world: World) -> Iterator[tuple[Visitor, Authenticator]]:
    with visitor(chromium, world.site) as somebody:
        yield somebody, with_authenticator(somebody.page)


def _add(somebody: Visitor, world: World) -> None:
    my_access(somebody, world)
    somebody.go("/me/sign-in/passkey")
    somebody.page.get_by_label("What you call it").fill("Laptop")
    somebody.page.get_by_role("button", name="Make the passkey").click()
    expect(somebody.page.get_by_role("status")).to_contain_text("Your passkey is set up.")


def test_a_passkey_is_made_signs_in_alone_and_is_removed(chromium: Browser, world: World) -> None:
    """Issue 6: passwordless, as a sign-in of its own strength."""
    with _with_authenticator(chromium, world) as (somebody, authenticator):
        _add(somebody, world)
        page = somebody.page
        expect(page.get_by_role("link", name="Rename or remove: Laptop")).to_be_visible()
        assert len(authenticator.credentials) == 1
        somebody.context.clear_cookies()
        somebody.come_from_desk(acr_values="urn:idjag:acr:phr")
        page.get_by_role("button", name="Sign in with a passkey").click()
        somebody.back_at_desk()
        (event,) = [each for each in world.site.events() if each["event"] == "login.succeeded"][-1:]
        assert event["acr"] == "urn:idjag:acr:phr"
        somebody.go("/me/sign-in")
        page.get_by_role("link", name="Rename or remove: Laptop").click()
        page.get_by_role("button", name="Remove it").click()
        expect(page.get_by_role("status")).to_contain_text("It is removed.")
        assert somebody.said == []


def test_without_the_right_finger_nobody_is_signed_in_and_the_page_says_so(
    chromium: Browser, world: World
) -> None:
    """User verification is required; the control is the test above."""
    with _with_authenticator(chromium, world) as (somebody, authenticator):
        _add(somebody, world)
        somebody.context.clear_cookies()
        authenticator.verifies(verified=False)
        somebody.come_from_desk()
        somebody.page.get_by_role("button", name="Sign in with a passkey").click()
        expect(somebody.page.get_by_text("The passkey was not used.")).to_be_visible()
        assert somebody.page.url.startswith(f"{world.site.issuer}/authorize")
        authenticator.verifies(verified=True)
        somebody.page.get_by_role("button", name="Sign in with a passkey").click()
        somebody.back_at_desk()
