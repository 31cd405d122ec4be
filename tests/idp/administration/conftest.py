"""Acme's administrators, on one node and on two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from idjag.idp.snapshot import Loader
from idjag.idp.store import schema
from idjag.ledger.entry import Insert
from idjag.ledger.postgres import PostgresLedger
from idjag.ledger.sqlite import SqliteLedger
from tests.cluster import Cluster
from tests.idp.factors.acme import ISSUER, NOW, SEALER, TENANT, Acme, acme
from tests.idp.settling import LONG
from tests.idp.signin.seeds import person_rows

CHAIN_KEY = b"c" * 32


@pytest.fixture
def here() -> Iterator[Acme]:
    with acme() as here:
        yield here


@pytest.fixture(params=["sqlite", "postgres"])
def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Acme, Acme]]:
    """Two processes' worth of ledgers on one database: two real connections."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            file = tmp_path / "idjag.db"
            schema.upgrade(f"sqlite:///{file}")
            one, two = (
                stack.enter_context(
                    SqliteLedger(file, load=Loader(SEALER), chain_key=CHAIN_KEY, patience=LONG, deadline=LONG)
                )
                for _ in range(2)
            )
            one.open_tenant(TENANT)
            first, second = Acme(one), Acme(two)
        else:
            cluster: Cluster = request.getfixturevalue("postgres")
            url = cluster.schema()
            schema.upgrade(url)
            left, right = (
                stack.enter_context(
                    PostgresLedger(url, load=Loader(SEALER), chain_key=CHAIN_KEY, deadline=LONG)
                )
                for _ in range(2)
            )
            left.open_tenant(TENANT)
            first, second = Acme(left), Acme(right)
        tenant = Insert("tenant", {"id": TENANT, "name": "Acme", "issuer": ISSUER, "created": NOW})
        first.write(tenant, *person_rows("alice"), *person_rows("bob"))
        yield first, second
