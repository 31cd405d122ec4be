"""Debian's Chromium, driven by Playwright, in front of one IdP for each module."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.looking import Axe, visitor
from tests.browser.world import World
from tests.idp.signin.site import Host, Site, running

# Nothing takes so long; the machine may be busy with other things.
expect.set_options(timeout=60_000)

_AXE = ("tests", "interop", "node", "node_modules", "axe-core", "axe.min.js")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module; each test takes a context of its own.

    No longer than the module: while Playwright is there, its thread has a running event loop, in which nobody
    else can call asyncio.run or wait for a ledger.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium is installed: nobody has looked at the pages")
    # root has no sandbox; the only pages are ours
    extra = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--disable-gpu", *extra])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe(root: Path) -> Axe:
    """The accessibility rules of axe-core."""
    source = root.joinpath(*_AXE)
    if not source.is_file():
        pytest.skip("axe-core is not installed (npm ci in tests/interop/node): accessibility is not known")
    return Axe(source.read_text("utf-8"))


@pytest.fixture(scope="session")
def browser_host() -> Iterator[Host]:
    with Host() as host:
        yield host


@pytest.fixture(scope="module")
def site(browser_host: Host) -> Iterator[Site]:
    """An IdP under a name, which passkeys need: they do not belong to bare addresses."""
    port = browser_host.url.rpartition(":")[2]
    with running(browser_host, issuer=f"http://localhost:{port}") as site:
        yield site


@pytest.fixture(scope="module")
def world(chromium: Browser, site: Site) -> World:
    """What there is to see; bob has an authenticator app and recovery codes."""
    world = World(site)
    with visitor(chromium, site) as bob:
        world.enrol(bob)
    return world
