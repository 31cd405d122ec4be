"""What other threads have finished, brought into an event loop: one wake-up for all that is there by then.

``asyncio.wrap_future`` wakes the loop for each future, and ``asyncio.wait_for`` arms a timer for each: with
sixteen replies from one commit that costs more than deciding them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from concurrent.futures import Future
from typing import Any, TypeAlias, TypeVar

__all__ = ["Arrivals"]

R = TypeVar("R")
_Waiter: TypeAlias = "asyncio.Future[Any]"


class Arrivals:
    """Waits for futures of other threads, each at most ``within`` seconds (None: as long as it takes)."""

    def __init__(self, *, within: float | None = None) -> None:
        self._within = within
        self._shore: _Shore | None = None

    async def of(self, future: Future[R]) -> R:
        """The outcome; raises what the future raises, and TimeoutError.

        Who gives up, or is given up, cancels the future: what has not begun must not happen behind his back.
        """
        loop = asyncio.get_running_loop()
        shore = self._shore
        if shore is None or shore.loop is not loop:
            shore = self._shore = _Shore(loop, self._within)
        waiter: asyncio.Future[R] = loop.create_future()
        shore.expect(waiter, future)
        try:
            return await waiter
        except asyncio.CancelledError:
            future.cancel()
            raise
        finally:
            shore.forget(waiter)


class _Shore:
    """One event loop and who waits there; all but ``_landed_elsewhere`` runs in its thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, within: float | None) -> None:
        self.loop = loop
        self._within = within
        self._landed: deque[tuple[_Waiter, Future[Any]]] = deque()
        self._called = False
        self._waiting: dict[_Waiter, tuple[float, Future[Any]]] = {}  # the oldest first
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, waiter: _Waiter, future: Future[Any]) -> None:
        """Have the outcome brought to the waiter."""
        if self._within is not None:
            until = self.loop.time() + self._within
            self._waiting[waiter] = until, future
            if self._timer is None:
                self._timer = self.loop.call_at(until, self._too_late)
        future.add_done_callback(lambda done: self._landed_elsewhere(waiter, done))

    def forget(self, waiter: _Waiter) -> None:
        """Nobody waits any more."""
        self._waiting.pop(waiter, None)

    def _landed_elsewhere(self, waiter: _Waiter, future: Future[Any]) -> None:
        """In whatever thread: first put it down, then look whether the loop has been called."""
        self._landed.append((waiter, future))
        if not self._called:
            self._called = True
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
                self.loop.call_soon_threadsafe(self._bring)

    def _bring(self) -> None:
        # The other order would lose what lands in between: its thread would think that we were called.
        self._called = False
        while self._landed:
            waiter, future = self._landed.popleft()
            if waiter.done():
                continue
            if future.cancelled():
                waiter.cancel()
            elif error := future.exception():
                waiter.set_exception(error)
            else:
                waiter.set_result(future.result())

    def _too_late(self) -> None:
        """One timer for all: set for the oldest, and then for the oldest that is left."""
        self._timer = None
        now = self.loop.time()
        for waiter, (until, future) in list(self._waiting.items()):
            if until > now:
                self._timer = self.loop.call_at(until, self._too_late)
                return
            self.forget(waiter)
            if not waiter.done():
                future.cancel()
                waiter.set_exception(TimeoutError())
