"""`python -m tests.browser.pictures`: the pictures of the README, from an organisation that is made up."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright

from tests.browser.console_world import organisation
from tests.browser.looking import Window
from tests.idp.signin.site import Host

_FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
_PICTURES: Final = {
    "overview": "/admin",
    "map": "/admin/map",
    "connection": "/admin/connection?id=robin-chat",
    "ask": "/admin/ask?user=dara.nguyen&from=robin&to=drive&scopes=files.read",
    "audit": "/admin/audit",
    "change": "/admin/connection/rule?id=robin-chat&rule=daily-work",
}
_WINDOW: Final = Window(1280, "light", "en")


def main() -> None:
    """Write all of them."""
    _FOLDER.mkdir(exist_ok=True)
    with (
        Host() as host,
        organisation(host, Path(tempfile.mkdtemp())) as alice,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        context = chromium.new_context(
            viewport={"width": _WINDOW.width, "height": 860}, color_scheme=_WINDOW.scheme
        )
        for cookie in alice.cookies.jar:
            context.add_cookies([{"name": cookie.name, "value": str(cookie.value), "url": host.url}])
        page = context.new_page()
        for name, path in _PICTURES.items():
            page.goto(host.url + path)
            if name == "change":
                _change(page)
            page.screenshot(path=_FOLDER / f"{name}.png")
        chromium.close()


def _change(page: Page) -> None:
    """A rule is given to finance in place of all staff: the page before it is saved."""
    groups = page.get_by_role("group", name="Groups", exact=True)
    groups.get_by_label("staff").uncheck()
    groups.get_by_label("finance").check()
    page.get_by_role("group", name="Which scopes").get_by_label("chat.write").check()
    page.get_by_role("button", name="See what this changes").click()
    page.get_by_role("heading", name="What it does").wait_for()


if __name__ == "__main__":
    main()
