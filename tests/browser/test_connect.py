"""A new administrator connects two apps in the browser, with scripts and without, step by step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.looking import WIDE, Axe, Visitor, Window, visitor
from tests.idp.console.desk import Administrator, acme
from tests.idp.signin.site import Host

NARROW = Window(320, "dark", "en")
HERE = "/admin/connection?id=wiki-chat"


@pytest.fixture(scope="module")
def owner(browser_host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administrator]:
    """Somebody in the console of an Acme whose two apps nobody has connected.

    Asked for before the browser, in whose thread nobody can wait for a ledger.
    """
    with (
        acme(browser_host, tmp_path_factory.mktemp("acme")) as site,
        Administrator(site) as alice,
    ):
        disconnect(alice)
        yield alice


def disconnect(owner: Administrator) -> None:
    """Take the connection away."""
    review = owner.submit(owner.page(HERE), "/admin/connection/remove")
    assert owner.agree(review).status_code == 303


@pytest.mark.parametrize(
    ("script", "window"),
    [
        pytest.param(True, WIDE, id="with scripts"),
        pytest.param(False, NARROW, id="without scripts, on a narrow screen", marks=pytest.mark.soak),
    ],
)
def test_two_apps_are_connected_step_by_step(
    owner: Administrator, chromium: Browser, axe: Axe, window: Window, *, script: bool
) -> None:
    with visitor(chromium, owner.site, window, script=script) as somebody:
        page = somebody.page
        page.context.add_cookies(
            [{"name": one.name, "value": one.value or "", "url": owner.site.url} for one in owner.cookies.jar]
        )
        somebody.go("/admin/connections")
        page.get_by_role("link", name="Connect two apps").first.click()
        page.get_by_label("Requesting app").select_option("wiki")
        on(somebody, axe if script else None)
        page.get_by_label("Resource app").select_option("chat")
        on(somebody, None)
        page.get_by_label("Client ID at the resource app").fill("wiki-at-chat")
        on(somebody, None)
        page.get_by_label("People", exact=True).fill("alice")
        on(somebody, axe if script else None)
        page.get_by_label("Only these").first.check()
        page.get_by_role("group", name="Which scopes").get_by_label("chat.read").check()
        on(somebody, axe if script else None)
        page.get_by_label("a password (pwd)").check()
        page.get_by_role("button", name="Back").click()
        assert page.get_by_role("group", name="Which scopes").get_by_label("chat.read").is_checked()
        on(somebody, None)
        assert page.get_by_label("a password (pwd)").is_checked()
        # Enter in a field is the way on
        page.get_by_label("Signed in at most so long ago").fill("8h")
        page.get_by_label("Signed in at most so long ago").press("Enter")
        page.get_by_role("heading", name="7. Check it before anything happens").wait_for()
        page.get_by_label("Person").fill("alice")
        page.get_by_label("Person").press("Enter")
        assert "Allowed: Wiki gets" in page.inner_text("main") or "Denied" in page.inner_text("main")
        on(somebody, axe if script else None)
        page.get_by_label("Owner").fill("it@acme.example")
        page.get_by_role("button", name="Activate it").click()
        page.get_by_label("Why").fill("ticket 17")
        assert owner.act().status_code == 400
        page.get_by_role("button", name="Make this change").click()
        page.wait_for_url("**/admin/connection?id=wiki-chat&done=saved")
        assert owner.act().status_code == 200
        said = "Wiki may read chat.read for alice who signed in with a password in the last 8 hours."
        assert said in page.inner_text("main")
        assert somebody.refused == []
    disconnect(owner)


def on(somebody: Visitor, axe: Axe | None) -> None:
    """Look at the step, and go on to the next one."""
    if axe is not None:
        assert axe.findings(somebody.page) == []
    assert somebody.overflow == 0
    somebody.page.get_by_role("button", name="Next: ").click()
