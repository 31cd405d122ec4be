"""Fresh snapshots for many who ask at once: strangers must not cost the database a read each."""

from __future__ import annotations

import asyncio

from idjag.idp.services import Services
from idjag.idp.snapshot import Snapshot

__all__ = ["FreshSnapshots"]

_Look = asyncio.Task[Snapshot] | None


class FreshSnapshots:
    """The policy facts as of now, or a moment later.

    One look is under way at a time.  Who comes meanwhile shares the next one, which begins after he came:
    nobody is given what was read before he asked.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._under_way: _Look = None
        self._next: _Look = None

    async def look(self) -> Snapshot:
        """Wait for a look that has not begun yet; raises Unavailable."""
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._look(after=self._under_way))
        # shielded: one who gives up must not take it from the others
        return await asyncio.shield(self._next)

    async def _look(self, *, after: _Look) -> Snapshot:
        if after is not None and not after.done():
            await asyncio.wait({after})
        self._under_way, self._next = self._next, None
        return await asyncio.to_thread(self._services.ledger.fresh, self._services.tenant)
