"""The work beside the requests; it is the ledger's since the RAS has such work too."""

from __future__ import annotations

from idjag.ledger.recurring import Recurring

__all__ = ["Recurring"]
