"""A committer over dicts, for the tests of the writer thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from idjag.ledger.committer import Committer
from idjag.ledger.memory import MemoryLedger, MemoryStore
from idjag.ledger.run import Law, Snapshots
from idjag.ledger.transaction import Store
from tests.ledger.parts import KEY, LONG, Policy, T, load


def opened() -> MemoryStore:
    """A store with the head of one tenant."""
    ledger = MemoryLedger(load, chain_key=KEY)
    ledger.open_tenant(T)
    return ledger._store


@contextmanager
def writer(
    connect: Callable[[], Store], *, deadline: float = LONG, clock: Callable[[], float] = lambda: 0.0
) -> Iterator[Committer[Policy]]:
    committer: Committer[Policy] = Committer(
        connect, Law(Snapshots(load), KEY), deadline=deadline, monotonic=clock
    )
    committer.start()
    try:
        yield committer
    finally:
        committer.close()


def recorded(store: MemoryStore) -> list[object]:
    return [row["decision_id"] for row in store.table("audit").values()]
