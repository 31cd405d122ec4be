"""Looking at something that may still be under way: what is at hand, or what to wait for.

One path for callers with an event loop and without: written once as ``Waits``, carried out by two drivers.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

__all__ = ["Look", "NotKept", "Waits", "arrived", "asettle", "settle"]

T = TypeVar("T")
V = TypeVar("V")


class NotKept(Exception):
    """There is nothing that may still be believed; ``problem`` is for the operator.

    ``ours``: because too many wait or fetch at this moment, which is no fault of the other side.
    """

    def __init__(self, problem: str, *, ours: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.ours = ours


@dataclass(frozen=True, slots=True)
class Look(Generic[V]):
    """What one caller found: wait for ``landed`` first, if there is one, at most ``patience`` seconds.

    ``value`` then gives what may be used, or raises NotKept.
    """

    value: Callable[[], V]
    landed: Future[None] | None = None
    patience: float = 0.0
    seats: tuple[threading.Semaphore, ...] = ()

    def wait(self, landed: Future[None]) -> bool:
        """Wait in this thread; False when no seat was free, so that nobody waited."""
        taken = [seat for seat in self.seats if seat.acquire(blocking=False)]
        try:
            if len(taken) < len(self.seats):
                return False
            wait([landed], timeout=self.patience)
            return True
        finally:
            for seat in taken:
                seat.release()

    async def await_(self, landed: Future[None]) -> bool:
        """Wait without holding a thread."""
        waited = asyncio.wrap_future(landed)
        try:
            await asyncio.wait([waited], timeout=self.patience)
        finally:
            waited.cancel()  # else it would tell a loop that may be closed by then
        return True


Waits: TypeAlias = Generator[Look[Any], bool, T]
"""Something that looks at several things in turn, for callers with and without an event loop."""


def arrived(look: Look[V]) -> Waits[V]:
    """The value, after the wait for it; raises NotKept."""
    if look.landed is None:
        return look.value()
    waited = yield look
    try:
        return look.value()
    except NotKept as missing:
        raise NotKept(missing.problem, ours=missing.ours or not waited) from None


def settle(waits: Waits[T]) -> T:
    """Carry it out in this thread."""
    try:
        look = next(waits)
        while True:
            look = waits.send(look.landed is None or look.wait(look.landed))
    except StopIteration as done:
        value: T = done.value
        return value


async def asettle(waits: Waits[T]) -> T:
    """Carry it out in an event loop."""
    try:
        look = next(waits)
        while True:
            look = waits.send(look.landed is None or await look.await_(look.landed))
    except StopIteration as done:
        value: T = done.value
        return value
