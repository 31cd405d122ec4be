"""One HTTP server for the tests that sign people in, and an IdP of its own for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    with Host() as host:
        yield host


@pytest.fixture
def site(host: Host) -> Iterator[Site]:
    with running(host) as site:
        yield site


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    with Browser(site) as browser:
        yield browser


@pytest.fixture
def named(host: Host) -> Iterator[Site]:
    """A site whose issuer has a name, so that passkeys work there."""
    with running(host, issuer=host.url.replace("127.0.0.1", "localhost")) as site:
        yield site


@pytest.fixture
def visitor(named: Site) -> Iterator[Browser]:
    with Browser(named) as browser:
        yield browser
