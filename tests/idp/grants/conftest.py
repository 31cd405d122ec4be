"""Acme, running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from idjag.trust.memory import MemoryFetcher
from tests.idp.grants.acme import Acme, acme
from tests.idp.grants.offline import offline_state
from tests.idp.grants.published import URL, Client, approved, document


@pytest.fixture
def idp() -> Iterator[Acme]:
    """Acme, as its state file says."""
    with acme() as running:
        yield running


@pytest.fixture
def stay() -> Iterator[Acme]:
    """Acme, whose apps may stay signed in."""
    with acme(offline_state()) as running:
        yield running


@pytest.fixture
def memory() -> Iterator[tuple[Client, MemoryFetcher]]:
    """The approved app with a good document, in memory."""
    fetcher = MemoryFetcher({URL: document()})
    with acme(approved()) as idp:
        yield Client(idp, fetcher), fetcher
