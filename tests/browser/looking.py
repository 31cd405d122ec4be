"""How a page is looked at: in which browser window, and what must be right on every one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.idp.signin.seeds import PASSWORDS
from tests.idp.signin.site import Site
from tests.idp.signin.visit import request

# Every rule of WCAG 2.2 AA that axe knows, and its advice about good practice.
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_REPORTS = """() => {
  window.__refused = [];
  document.addEventListener('securitypolicyviolation', e => window.__refused.push(e.violatedDirective));
}"""
_SPACED = """() => {
  const sheet = new CSSStyleSheet();
  const letters = 'letter-spacing: .12em !important; word-spacing: .16em !important';
  sheet.replaceSync(`* { line-height: 1.5 !important; ${letters} } p { margin-bottom: 2em !important }`);
  document.adoptedStyleSheets = [sheet];
}"""


@dataclass(frozen=True, slots=True)
class Window:
    """One way of looking at pages."""

    width: int
    scheme: Literal["light", "dark"]
    language: str

    def __str__(self) -> str:
        return f"{self.language}-{self.scheme}-{self.width}"


WIDE = Window(1280, "light", "en")
LANGUAGES = ("en", "de", "ja")


@dataclass(frozen=True, slots=True)
class Axe:
    """axe-core."""

    source: str = field(repr=False)

    def findings(self, page: Page) -> list[str]:
        """What is wrong with the page, as "rule: element"."""
        page.evaluate(self.source)
        found: dict[str, Any] = page.evaluate(
            "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", _TAGS
        )
        return [
            f"{violation['id']}: {node['html'][:160]}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]


@dataclass
class Visitor:
    """A person with a window of their own: ``said`` is what the browser complained about."""

    site: Site
    page: Page
    context: BrowserContext
    said: list[str] = field(default_factory=list)

    def come(self, **changes: str | None) -> None:
        """Come from an app, by default the wiki, which wants to know who this is."""
        self.page.goto(f"{self.site.issuer}/authorize?{urlencode(request(**changes))}")

    def come_from_desk(self, **changes: str | None) -> None:
        """Come from an app on this machine, which a browser can be sent back to."""
        port = self.site.url.rpartition(":")[2]
        self.come(client_id="desk", redirect_uri=f"http://127.0.0.1:{port}/cb", **changes)

    def back_at_desk(self) -> None:
        """Wait until the app has its code; nobody answers there, which is no matter."""
        self.page.wait_for_url(re.compile(r"^http://127\.0\.0\.1:[0-9]+/cb\?code="))

    def sign_in(self, name: str = "alice", password: str | None = None) -> None:
        """Fill in the form and press Enter."""
        self.page.fill("#username", name)
        self.page.fill("#password", password or PASSWORDS[name])
        self.page.press("#password", "Enter")
        self.page.wait_for_load_state()

    def go(self, path: str) -> None:
        self.page.goto(self.site.issuer + path)

    def looks(self) -> Iterator[str]:
        """The page in every width and scheme; says which."""
        for width in (1280, 320):
            self.page.set_viewport_size({"width": width, "height": 800})
            for scheme in _SCHEMES:
                self.page.emulate_media(color_scheme=scheme)
                yield f"{scheme} {width}"

    def strains(self) -> Iterator[str]:
        """The page on a sheet of A4, and with text as far apart as somebody may set it (WCAG 1.4.12)."""
        self.page.set_viewport_size({"width": 703, "height": 1009})
        self.page.emulate_media(media="print")
        yield "on paper"
        self.page.set_viewport_size({"width": 320, "height": 256})
        self.page.emulate_media(media="screen")
        self.page.evaluate(_SPACED)
        yield "text apart, 320"

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return wide

    @property
    def refused(self) -> list[str]:
        """What the content security policy stopped."""
        stopped: list[str] = self.page.evaluate("window.__refused || []")
        return stopped


@contextmanager
def visitor(browser: Browser, site: Site, window: Window = WIDE, *, script: bool = True) -> Iterator[Visitor]:
    """A fresh browser profile; the apps' own sites answer with a word."""
    context = browser.new_context(
        viewport={"width": window.width, "height": 800},
        color_scheme=window.scheme,
        locale=window.language,
        java_script_enabled=script,
        reduced_motion="reduce",
    )
    context.set_default_timeout(60_000)  # nothing takes so long; the machine may be busy with other things
    context.add_init_script(f"({_REPORTS})()")
    page = context.new_page()
    visitor = Visitor(site, page, context)
    page.on("console", lambda message: _noted(visitor, message))
    page.on("pageerror", lambda error: visitor.said.append(str(error)))
    try:
        yield visitor
    finally:
        context.close()


def _noted(visitor: Visitor, message: ConsoleMessage) -> None:
    # the browser reports each 4xx that we answered on purpose; a page that is missing shows elsewhere
    if message.type in ("error", "warning") and "the server responded with a status of" not in message.text:
        visitor.said.append(message.text)
