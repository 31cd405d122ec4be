"""Acme, running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.idp.grants.acme import Acme, acme


@pytest.fixture
def idp() -> Iterator[Acme]:
    """Acme, as its state file says."""
    with acme() as running:
        yield running
