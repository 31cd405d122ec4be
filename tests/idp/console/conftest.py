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


@pytest.fixture(scope="module")
def shared_site(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One Acme for a whole module, whose tests put back what they change."""
    with acme(host, tmp_path_factory.mktemp("acme")) as made:
        yield made


@pytest.fixture(scope="module")
def shared_owner(shared_site: Site) -> Iterator[Administrator]:
    """Alice, who may do everything there."""
    with Administrator(shared_site) as alice:
        yield alice


@pytest.fixture(scope="module")
def shared_viewer(shared_site: Site) -> Iterator[Administrator]:
    """Bob, who may look there."""
    with Administrator(shared_site, Role.VIEWER, "bob") as bob:
        yield bob
