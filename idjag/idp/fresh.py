"""One look for many who want one at once: strangers must not cost the database a read each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from idjag.idp.services import Services
from idjag.idp.snapshot import Snapshot

__all__ = ["Shared", "fresh_snapshots"]

T = TypeVar("T")


class Shared(Generic[T]):
    """The outcome of ``look``, begun after it was asked for; one is under way at a time.

    Who comes meanwhile shares the next one: nobody is given what was seen before he asked.
    """

    def __init__(self, look: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._look = look
        self._under_way: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def look(self) -> T:
        """Wait for a look that has not begun yet; raises what it raises."""
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._in_turn(self._under_way))
        # shielded: one who gives up must not take it from the others
        return await asyncio.shield(self._next)

    async def _in_turn(self, before: asyncio.Task[T] | None) -> T:
        if before is not None and not before.done():
            await asyncio.wait({before})
        self._under_way, self._next = self._next, None
        return await self._look()


def fresh_snapshots(services: Services) -> Shared[Snapshot]:
    """The policy facts as of now; a look raises Unavailable."""

    async def look() -> Snapshot:
        return await asyncio.to_thread(services.ledger.fresh, services.tenant)

    return Shared(look)
