"""A few threads of one's own for what may take long, and one flight at a time for each thing.

So that whatever hangs out there holds neither the threads of others nor one of ours for each request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

__all__ = ["Busy", "Flights"]

T = TypeVar("T")


class Busy(Exception):
    """As much is under way as may be."""


class Flights(Generic[T]):
    """``threads`` work, made when first needed; ``most`` things are under way or wait for one of them."""

    def __init__(self, name: str, *, threads: int, most: int) -> None:
        self._name = name
        self._threads = threads
        self._most = most
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: dict[Hashable, Future[T]] = {}
        self._lock = threading.Lock()

    def board(self, key: Hashable, work: Callable[[], T]) -> tuple[Future[T], bool]:
        """The flight for this key, and whether it was begun for this caller; raises Busy."""
        with self._lock:
            flight = self._under_way.get(key)
            if flight is not None:
                return flight, False
            if len(self._under_way) >= self._most:
                raise Busy
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
            flight = self._pool.submit(work)
            self._under_way[key] = flight
        flight.add_done_callback(lambda _: self._landed(key))
        return flight, True

    def close(self, *, finish: bool) -> None:
        """End: after all that is under way, or at once, so that what waits is cancelled."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=finish, cancel_futures=not finish)

    def _landed(self, key: Hashable) -> None:
        with self._lock:
            self._under_way.pop(key, None)
