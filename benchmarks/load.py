"""A client that keeps connections busy with one request each: as cheap as Python allows, and no cheaper."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial

__all__ = ["Load", "run"]


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

    def __init__(self, request: bytes, load: Load, until: float) -> None:
        self._request, self._load, self._until = request, load, until
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
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            self._missing = length - len(body)
        else:
            self._missing -= len(data)
        if self._missing == 0:
            self._answered()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server hung up"))

    def _ask(self) -> None:
        self._seen, self._asked = b"", time.perf_counter()
        self._transport.write(self._request)

    def _answered(self) -> None:
        now = time.perf_counter()
        self._load.latencies.append(now - self._asked)
        if now < self._until:
            self._ask()
        else:
            self.done.set_result(None)
            self._transport.close()


def run(port: int, request: bytes, *, connections: int, seconds: float) -> Load:
    """Load a server on this machine for a while."""
    load = Load()

    async def all_of_them() -> None:
        loop = asyncio.get_running_loop()
        begun = time.perf_counter()
        clients = [_Client(request, load, begun + seconds) for _ in range(connections)]
        for client in clients:
            await loop.create_connection(partial(_same, client), "127.0.0.1", port)
        await asyncio.gather(*(client.done for client in clients))
        load.seconds = time.perf_counter() - begun

    asyncio.run(all_of_them())
    return load


def _same(client: _Client) -> _Client:
    return client
