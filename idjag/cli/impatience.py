"""Closes connections on which no request comes together: uvicorn would wait for a head for ever."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["HEAD_SECONDS", "Impatient"]

HEAD_SECONDS = 10
"""From the opening of a connection, or the first byte after an answer, to the end of a request's head."""


class Impatient(H11Protocol):
    """uvicorn's protocol with a deadline for the head of a request (attack case 216).

    A connection between two requests is uvicorn's to close (``timeout_keep_alive``), and the time for a body
    is the door's (idjag.asgi).
    """

    head_seconds: float = HEAD_SECONDS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The clock runs from here."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """The clock stops when a head is whole, and runs again with the first byte after the answer."""
        super().data_received(data)
        if self._under_way:
            self._calm_down()
        else:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._calm_down()
        super().connection_lost(exc)

    @property
    def _under_way(self) -> bool:
        # None before the first request, whatever its type says
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        # an answer that is being sent all the same is not cut off
        if not self._under_way:
            self.transport.close()

    def _calm_down(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
