"""The event loop and the writer take turns at the interpreter: one reads requests, or the other decides them.

Both would run at the same time otherwise, and hand the interpreter to and fro at every step of SQLite and at
every read of a socket: that costs more than it wins, since only one of them runs at any moment anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event, Lock
from typing import Final

__all__ = ["PATIENCE", "HandOver"]

PATIENCE: Final = 0.02
"""Seconds for which a loop stands aside at most: about what the largest batch takes to be decided."""


class HandOver:
    """Between one writer and the loops that put entries into its line.

    ``patience``: how long a loop stands aside; 0 for a writer that waits for a network, so that the loop may
    run meanwhile.
    """

    def __init__(self, *, patience: float = 0.0) -> None:
        self._patience = patience
        self._lock = Lock()
        self._decided = Event()
        self._writing = False
        self._calling: asyncio.AbstractEventLoop | None = None
        """The loop that is going to wake the writer in its next turn."""
        self._next: tuple[asyncio.AbstractEventLoop, Callable[[], None]] | None = None
        """The loop whose entries wait for the end of a batch, and how to wake the writer for them."""

    def call(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        """From the loop: wake the writer in its next turn, for all that is in the line by then."""
        if self._calling is not loop:
            self._calling = loop
            loop.call_soon(self._hand_over, loop, wake)

    def _hand_over(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._calling = None
        with self._lock:
            if self._writing:
                # While it waits for the database, what comes gathers: fewer batches, and larger ones.
                self._next = loop, wake
                return
            self._writing = True
            self._decided.clear()
        wake()
        if self._patience:
            self._decided.wait(self._patience)

    def decided(self) -> None:
        """From the writer: nothing is left but to wait for the disk."""
        self._decided.set()

    def done(self) -> None:
        """From the writer: the batch has its answers; what has gathered is the next, once they have left."""
        self._decided.set()
        with self._lock:
            self._writing = False
            following, self._next = self._next, None
        if following is None:
            return
        loop, wake = following
        try:
            loop.call_soon_threadsafe(self.call, loop, wake)
        except RuntimeError:  # the loop is closed
            wake()
