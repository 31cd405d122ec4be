"""How long a one-time id is remembered after its end, and the one write that may forget it."""

from __future__ import annotations

from typing import Final

from idjag.ledger.entry import Expire, Write
from idjag.protocol.names import SKEW

__all__ = ["CLOCK_STEP", "KEPT", "forgets_one_time_ids", "one_time_ids"]

CLOCK_STEP: Final = 24 * 3600
"""Seconds by which a clock may be ahead, and be set right again, without a used id becoming usable."""

KEPT: Final = SKEW + CLOCK_STEP
"""Seconds after its end for which anything that proves a use is kept."""


def one_time_ids(*, now: int, limit: int) -> Expire:
    """Forget at most ``limit`` ids that nobody could use any more, whatever the clock did."""
    return Expire("one_time", "until", now - KEPT, limit)


def forgets_one_time_ids(write: Write) -> bool:
    """Whether it is such a write: the only one that may reach a table of the ledger's own."""
    return isinstance(write, Expire) and (write.table, write.column) == ("one_time", "until")
