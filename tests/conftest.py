"""What every test shares: where the tree is, and how Hypothesis behaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# Derandomized: a red run is red again. No deadline: on two busy cores any time limit is a coin toss.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the tree."""
    return Path(__file__).resolve().parent.parent
