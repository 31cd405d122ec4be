"""A database with two tenants, made once: nothing changes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from idjag.idp.store.listing import Listing
from tests.idp.databases import of_each_kind
from tests.idp.store import large
from tests.idp.store.company import A, B, log, tables


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def two_tenants(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with both; nothing here changes it."""
    made = of_each_kind(request, tmp_path_factory)
    for tenant in (A, B):
        large.fill(made, tenant, list(log(tenant)), tables(tenant))
    return made


@pytest.fixture(scope="session")
def lists(two_tenants: str) -> Iterator[Listing]:
    """What Acme looks up."""
    with closing(Listing(two_tenants, A)) as listing:
        yield listing
