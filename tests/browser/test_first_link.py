"""The first owner's link in Chromium: what stands behind the # is sent by a form and leaves the address."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from idjag.idp.administration import links
from idjag.idp.administration.roles import Role
from idjag.idp.catalog.user import UserEntry
from tests.browser.looking import Axe, visitor
from tests.browser.world import World
from tests.idp.console.gate import OPERATOR

NEW = "three unrelated words here"


@pytest.mark.soak
def test_the_first_owner_opens_the_link_and_stands_before_the_console(
    chromium: Browser, axe: Axe, world: World
) -> None:
    """Attack case 197; axe finds nothing on the way (the console's own test does without script)."""
    services = world.site.services
    link = links.create(services, UserEntry(username="root"), Role.OWNER, by=OPERATOR).url
    with visitor(chromium, world.site) as somebody:
        page = somebody.page
        page.goto(link)
        expect(page.get_by_label("New password", exact=True)).to_be_visible()
        assert page.url == f"{world.site.issuer}/admin/first"
        assert axe.findings(page) == []
        page.get_by_label("New password", exact=True).fill(NEW)
        page.get_by_label("New password once more").fill(NEW)
        page.get_by_role("button", name="Set the password").click()
        page.get_by_label("Username").fill("root")
        page.get_by_label("Password").fill(NEW)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("button", name="Continue as root")).to_be_visible()
        assert axe.findings(page) == []
        page.goto(link)
        expect(page.get_by_role("alert")).to_contain_text("does nothing any more")
        assert axe.findings(page) == []
        assert somebody.said == []
