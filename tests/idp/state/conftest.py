"""The same tenant on both ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.idp.state.parts import Acme, in_memory, on_disk


@pytest.fixture(params=["memory", "sqlite"])
def acme(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Acme]:
    """One meaning, two databases."""
    with in_memory() if request.param == "memory" else on_disk(tmp_path / "idjag.db") as acme:
        yield acme


@pytest.fixture
def memory() -> Iterator[Acme]:
    """Where the database does not matter."""
    with in_memory() as acme:
        yield acme
