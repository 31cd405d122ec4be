"""A few connections for reading, so that one slow reader does not hold up all others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from idjag.ledger.entry import Unavailable
from idjag.ledger.waiting import DEADLINE

__all__ = ["Readers"]


class _Closes(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=_Closes)


class Readers(Generic[C]):
    """Connections that were made on demand, at most ``most`` at once; each serves one reader at a time."""

    def __init__(self, connect: Callable[[], C], *, most: int = 4) -> None:
        self._connect = connect
        self._places = threading.BoundedSemaphore(most)
        self._idle: list[C] = []
        self._closed = False

    @contextmanager
    def one(self) -> Iterator[C]:
        """A connection; one that raised is not used again.  Raises Unavailable and what connecting raises."""
        # Not for ever: a load that asks the ledger itself would wait for its own end.
        if not self._places.acquire(timeout=DEADLINE):
            raise Unavailable("no turn to read within the deadline")
        try:
            connection = self._take()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._give_back(connection)
        finally:
            self._places.release()

    def drop(self) -> None:
        """Close the idle ones: after a fault all of them may be dead."""
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:  # another thread took it
                return

    def close(self) -> None:
        """Close the idle ones, and those in use when they come back."""
        self._closed = True
        self.drop()

    def _take(self) -> C:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _give_back(self, connection: C) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)
