"""Ledgers of both kinds, opened for one tenant and closed after the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from idjag.ledger.memory import MemoryLedger
from tests.ledger.parts import KEY, AnyLedger, T, load, make_tables, sqlite_ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database file with all tables and the head of one tenant."""
    path = tmp_path / "idjag.db"
    make_tables(path)
    sqlite_ledger(path).open_tenant(T)
    return path


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest) -> Iterator[AnyLedger]:
    """One law, two databases."""
    if request.param == "memory":
        memory = MemoryLedger(load, chain_key=KEY)
        memory.open_tenant(T)
        with memory:
            yield memory
    else:
        with sqlite_ledger(request.getfixturevalue("path")) as durable:
            yield durable
