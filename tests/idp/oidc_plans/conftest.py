"""A relying party at an IdP that the tests of one file share: each brings a browser of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.idp.oidc_plans.relying_party import RelyingParty, register
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser


@pytest.fixture(scope="module")
def site(host: Host) -> Iterator[Site]:
    """The relying party is registered there; its clock only goes forward."""
    with running(host) as site:
        register(site)
        yield site


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    with Browser(site) as browser:
        yield browser


@pytest.fixture
def rp(site: Site, browser: Browser) -> RelyingParty:
    return RelyingParty(site, browser)
