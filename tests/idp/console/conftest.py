"""A site with a console for each test, and administrators of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from idjag.idp.administration.roles import Role
from tests.idp.console.desk import Administrator, acme
from tests.idp.signin.site import Host, Site


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Iterator[Site]:
    """Acme."""
    with acme(host, tmp_path) as made:
        yield made


@pytest.fixture
def owner(site: Site) -> Iterator[Administrator]:
    """Alice, who may do everything."""
    with Administrator(site) as alice:
        yield alice


@pytest.fixture
def viewer(site: Site) -> Iterator[Administrator]:
    """Bob, who may look."""
    with Administrator(site, Role.VIEWER, "bob") as bob:
        yield bob
