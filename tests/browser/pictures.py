"""`python -m tests.browser.pictures`: the pictures of the README, from an organisation that is made up."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from tests.browser.console_world import organisation
from tests.browser.looking import Window
from tests.idp.signin.site import Host

_FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
_PICTURES: Final = {
    "overview": "/admin",
    "map": "/admin/map",
    "connection": "/admin/connection?id=robin-chat",
    "ask": "/admin/ask?user=dara.nguyen&from=scout&to=code&scopes=repos.read",
    "audit": "/admin/audit",
    "matrix": "/admin/matrix",
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
            page.screenshot(path=_FOLDER / f"{name}.png")
        chromium.close()


if __name__ == "__main__":
    main()
