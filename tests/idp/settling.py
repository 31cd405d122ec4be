"""Waits for what nobody else waits for: a refusal is answered before its record is written."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from idjag.ledger.entry import Entry, Facts, Ledger, Unavailable, Verdict
from idjag.ledger.memory import MemoryLedger

__all__ = ["LONG", "settled"]

LONG = 60.0
"""Seconds for a ledger's deadline and patience: what a busy machine does must not look like a refusal."""


def settled(ledger: Ledger[Any], tenant: str) -> None:
    """Until everything is decided that was given to the ledger's writer before; a ledger in memory has none.

    An entry that does nothing comes behind all others, or into the same batch: less than one waits in tests.
    Not while an event loop runs in this thread, which it would hold up.
    """
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        return
    if not isinstance(ledger, MemoryLedger):
        with suppress(Unavailable):  # it is closed, which has settled everything too
            ledger.commit(Entry(tenant, "settled", 0, _nothing))


def _nothing(_snapshot: object, _facts: Facts) -> Verdict[None]:
    return Verdict(None, ())
