"""What every test shares: where the tree is, and how Hypothesis behaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.cluster import Cluster, binaries, cluster

# Derandomized: a red run is red again. No deadline: on two busy cores any time limit is a coin toss.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the tree."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL server of our own."""
    found = binaries()
    if found is None:
        pytest.skip("no PostgreSQL server is installed: nothing is known about that store")
    with cluster(found) as made:
        yield made
