"""A site whose wiki may act at the chat."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.idp.me.person import Person, administer, policy
from tests.idp.signin.site import Host, Site, running


@pytest.fixture
def site(host: Host) -> Iterator[Site]:
    with running(host) as site:
        administer(site, policy())
        yield site


@pytest.fixture
def alice(site: Site) -> Iterator[Person]:
    with Person(site) as alice:
        yield alice
