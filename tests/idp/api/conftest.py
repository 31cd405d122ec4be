"""An open office for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.idp.api.bureau import Bureau, bureau


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Bureau]:
    """A fresh one."""
    with bureau(tmp_path) as made:
        yield made
