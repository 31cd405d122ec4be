"""How a server process goes without losing a request: it says so, keeps nothing alive, empties the queue."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

import uvicorn

from idjag.asgi import ASGIApp, Door, Receive, Scope, Send
from idjag.protocol.http import Reply, TokenRequest, json_reply

__all__ = ["Leaving", "Server"]

_TICK: Final = 0.02
_SETTLE: Final = 0.05
"""Seconds for connections that are being made when nobody new gets in any more: a few round trips."""

_FIRST_REQUEST: Final = 1.0
"""Seconds for the first request of a connection that was accepted in the last moment."""

_CLOSE: Final = (b"connection", b"close")
_SO_ATTACH_FILTER: Final = 26
# Classic BPF on a TCP header: a segment with SYN in its flags (octet 13) is dropped, any other is kept whole.
_NO_SYN: Final = b"".join(
    struct.pack("@HBBI", *each)
    for each in ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
)


class Leaving:
    """An application of which ``/readyz`` says no once ``leaving`` is set; the rest is answered as ever."""

    def __init__(self, app: ASGIApp) -> None:
        self.leaving = False
        self._app = app
        self._not_ready = Door(_not_ready)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        away = self.leaving and scope["type"] == "http" and scope["path"] == "/readyz"
        await (self._not_ready if away else self._app)(scope, receive, send)


class Server(uvicorn.Server):
    """uvicorn's server, which on SIGTERM goes in steps: P7, no request of a rolling restart is lost.

    1. For ``drain`` seconds it is not ready, and serves on; each answer ends its connection, so that a proxy
       has none left that it could use once more.  Ctrl-C ends this step; another SIGTERM does not, since
       service managers send it to every process and the parent sends it again.
    2. Nobody new gets in; who has got in already is answered.
    3. What is under way is finished, by uvicorn.
    """

    first_request_seconds: float = _FIRST_REQUEST

    def __init__(self, config: uvicorn.Config, app: Leaving, *, drain: int) -> None:
        super().__init__(config)
        self._app = app
        self._drain = drain
        self._hurry = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Act on SIGTERM from here on; a worker held it back while it started (workers.py)."""
        with super().capture_signals():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note whether somebody waits at a terminal."""
        self._hurry = self._hurry or sig == signal.SIGINT
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Go; called once, when the loop of the server has ended."""
        self._app.leaving = True
        self.server_state.default_headers.append(_CLOSE)
        await _until(lambda: self._hurry, seconds=self._drain)
        await self._close_the_door(sockets or ())
        await super().shutdown(sockets)

    async def _close_the_door(self, listening: Sequence[socket.socket]) -> None:
        """Close what listens when everybody is in who was connected: the kernel resets who is not."""
        for each in listening:
            _let_nobody_in(each)
        await asyncio.sleep(_SETTLE)
        for server in self.servers:
            server.close()
        await asyncio.sleep(_TICK)  # what was accepted just now becomes a connection first
        await _until(
            lambda: not any(map(_is_new, self.server_state.connections)), seconds=self.first_request_seconds
        )


def _is_new(connection: object) -> bool:
    """Whether no request has come on a connection yet."""
    return getattr(connection, "cycle", None) is None


def _let_nobody_in(listening: socket.socket) -> None:
    """Drop what begins a connection: who knocks does so again in a second, and is refused, or finds another.

    A proxy passes a refused request on to the next node, and must not pass on one that was cut off.  Linux
    can; elsewhere a connection that is made in the very last moment may be lost.
    """
    program = ctypes.create_string_buffer(_NO_SYN, len(_NO_SYN))
    count = len(_NO_SYN) // struct.calcsize("@HBBI")
    with suppress(OSError):
        listening.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", count, ctypes.addressof(program))
        )


async def _until(fact: Callable[[], bool], *, seconds: float) -> None:
    """Wait for a fact, so long at the most."""
    end = time.monotonic() + seconds
    while not fact() and time.monotonic() < end:  # noqa: ASYNC110  # uvicorn tells nobody of its connections
        await asyncio.sleep(_TICK)


async def _not_ready(_request: TokenRequest) -> Reply:
    return json_reply({"status": "unavailable"}, status=503)
