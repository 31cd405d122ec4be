"""One tenant for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.idp.factors.acme import Acme, acme


@pytest.fixture
def here() -> Iterator[Acme]:
    with acme() as here:
        yield here
