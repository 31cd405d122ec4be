"""The server that every test of this folder talks to."""

from __future__ import annotations

import pytest

from tests.ras.world import World


@pytest.fixture
def world() -> World:
    """A server in memory."""
    return World()
