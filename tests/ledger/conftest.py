"""Ledgers of all kinds, opened for one tenant and closed after the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from idjag.ledger.memory import MemoryLedger
from tests.cluster import Cluster
from tests.ledger.parts import (
    KEY,
    AnyLedger,
    T,
    load,
    make_postgres_tables,
    make_tables,
    postgres_ledger,
    sqlite_ledger,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database file with all tables and the head of one tenant."""
    path = tmp_path / "idjag.db"
    make_tables(path)
    sqlite_ledger(path).open_tenant(T)
    return path


@pytest.fixture
def url(postgres: Cluster) -> str:
    """A schema with all tables and the head of one tenant."""
    url = postgres.schema()
    make_postgres_tables(url)
    postgres_ledger(url).open_tenant(T)
    return url


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest) -> Iterator[AnyLedger]:
    """One law, three databases."""
    if request.param == "memory":
        memory = MemoryLedger(load, chain_key=KEY)
        memory.open_tenant(T)
        with memory:
            yield memory
    elif request.param == "sqlite":
        with sqlite_ledger(request.getfixturevalue("path")) as durable:
            yield durable
    else:
        with postgres_ledger(request.getfixturevalue("url")) as shared:
            yield shared
