"""The moment at which a fetch is over, however slowly things come; and look-ups that know no time-out."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["Deadline", "in_time"]

T = TypeVar("T")


class Deadline:
    """An end, and the most that one step before it may take; seconds of the given clock."""

    __slots__ = ("_end", "_monotonic", "_step")

    def __init__(self, monotonic: Callable[[], float], total: float, step: float) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + total
        self._step = step

    def left(self) -> float:
        """Seconds until the end; raises TimeoutError when there are none."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def next_step(self) -> float:
        """Seconds that the next connect or read may take."""
        return min(self._step, self.left())


def in_time(look_up: Callable[[], T], deadline: Deadline, threads: threading.Semaphore) -> T:
    """The look-up's result; getaddrinfo knows no time-out, so a thread waits for it in our place.

    The thread is a daemon: a name server that never answers must not keep the process from ending.
    ``threads`` bounds how many there are, those of fetches that have given up included.
    """
    results: queue.SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put((look_up(), None))
        except BaseException as error:  # noqa: BLE001 - carried to the waiting thread, whatever it is
            results.put((None, error))
        finally:
            threads.release()

    if not threads.acquire(blocking=False):
        raise TimeoutError
    threading.Thread(target=run, name="idjag-resolver", daemon=True).start()
    try:
        outcome = results.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]
