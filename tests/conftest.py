"""What every test shares: where the tree is, how Hypothesis behaves, and what the collector looks at."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.cluster import Cluster, binaries, cluster

# Derandomized: a red run is red again. No deadline: on two busy cores any time limit is a coin toss.
settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """The collector neither walks through fifteen thousand tests while they are found nor ever after."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


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
