"""The world that the tests of this folder share: started once for each worker, and judged when it stops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.world import World, world_in


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Acme's IdP and three resource authorization servers, as processes."""
    with world_in(tmp_path_factory.mktemp("world")) as made:
        yield made
