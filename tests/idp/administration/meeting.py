"""Two nodes that decide at the same moment: each has read before the other has written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from idjag.ledger.entry import Entry
from idjag.ledger.postgres import PostgresLedger
from tests.idp.factors.acme import Acme, AnyLedger
from tests.idp.factors.test_races import at_once

T = TypeVar("T")
PATIENCE = 0.7  # seconds; whoever waits for a one-time id gives up after two


@dataclass
class _Meeting:
    """A ledger whose entries, the first time they are decided, wait for those of the other node.

    Not for ever: entries that want the same one-time id never meet, since one of them waits for it.
    """

    ledger: AnyLedger
    meet: Callable[[], object]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)

    def commit(self, entry: Entry[Any, T]) -> T:
        met = threading.Event()

        def decide(snapshot: Any, found: Any) -> Any:
            verdict = entry.decide(snapshot, found)
            if not met.is_set():
                met.set()
                with suppress(threading.BrokenBarrierError):
                    self.meet()
            return verdict

        return self.ledger.commit(replace(entry, decide=decide))


def together(nodes: tuple[Acme, Acme], *acts: Callable[[Acme], T]) -> list[T]:
    """What the acts give, one on each node, decided on the same facts where the database lets two read.

    SQLite lets one in at a time, so that there they only come at once.
    """
    barrier = threading.Barrier(2, timeout=PATIENCE)
    made = []
    for node, act in zip(nodes, acts, strict=True):
        here = node
        if isinstance(node.ledger, PostgresLedger):
            here = replace(node, ledger=cast("AnyLedger", _Meeting(node.ledger, barrier.wait)))
        made.append(lambda act=act, here=here: act(here))
    return at_once(*made)
