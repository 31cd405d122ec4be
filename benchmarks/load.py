"""A client that keeps connections busy with one request each: as cheap as Python allows, and no cheaper."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

__all__ = ["Load", "Prepared", "Requests", "answered", "run"]

Requests: TypeAlias = Callable[[], bytes]
"""The next request to send."""


@dataclass(slots=True)
class Load:
    """What one round saw; latencies in seconds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Milliseconds that so many answers did not exceed."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class _Client(asyncio.Protocol):
    """One connection: asks, waits for the whole answer, asks again."""

    def __init__(self, requests: Requests, load: Load, until: float) -> None:
        self._requests, self._load, self._until = requests, load, until
        self._seen, self._missing, self._asked = b"", 0, 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            self._seen += data
            head, separator, body = self._seen.partition(b"\r\n\r\n")
            if not separator:
                return
            assert head.startswith(b"HTTP/1.1 200"), head + body
            self._missing = _length(head) - len(body)
        else:
            self._missing -= len(data)
        if self._missing == 0:
            self._answered()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server hung up"))

    def _ask(self) -> None:
        request = self._requests()
        self._seen, self._asked = b"", time.perf_counter()
        self._transport.write(request)

    def _answered(self) -> None:
        now = time.perf_counter()
        self._load.latencies.append(now - self._asked)
        if now < self._until:
            self._ask()
        else:
            self.done.set_result(None)
            self._transport.close()


class Prepared:
    """Requests that serve once each: made before they are needed, or now if there are not enough."""

    def __init__(self, make: Requests) -> None:
        self._make = make
        self._made: list[bytes] = []

    def __call__(self) -> bytes:
        """One that nobody else gets."""
        return self._made.pop() if self._made else self._make()

    def prepare(self, count: int) -> None:
        """Have so many at hand."""
        self._made += [self._make() for _ in range(count - len(self._made))]


def answered(port: int, request: bytes) -> bytes:
    """The body of one answer, which must be a good one."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        seen = b""
        while received := connection.recv(65536):
            seen += received
            head, separator, body = seen.partition(b"\r\n\r\n")
            if separator and len(body) == _length(head):
                assert head.startswith(b"HTTP/1.1 200"), seen
                return body
    raise ConnectionError("the server hung up")


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


def run(port: int, requests: Requests, *, connections: int, seconds: float) -> Load:
    """Load a server on this machine for a while."""
    load = Load()

    async def all_of_them() -> None:
        loop = asyncio.get_running_loop()
        begun = time.perf_counter()
        clients = [_Client(requests, load, begun + seconds) for _ in range(connections)]
        for client in clients:
            await loop.create_connection(partial(_same, client), "127.0.0.1", port)
        await asyncio.gather(*(client.done for client in clients))
        load.seconds = time.perf_counter() - begun

    asyncio.run(all_of_them())
    return load


def _same(client: _Client) -> _Client:
    return client
