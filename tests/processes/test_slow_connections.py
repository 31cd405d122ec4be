"""Two thousand connections that take their time, and the people who have none (attack case 216)."""

from __future__ import annotations

import resource
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from tests.processes.acme import Acme

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

SLOW = 2000
EXCHANGES = 200
BOUND = 0.5  # seconds, the promise
HEAD = b"POST /token HTTP/1.1\r\nhost: "
BODY = b"\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\ngrant_type="


@contextmanager
def many_files() -> Iterator[None]:
    """As an operator would set it for a server of this size; processes started meanwhile inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def crowd(address: tuple[str, int]) -> Iterator[list[socket.socket]]:
    """Half of them never end their head, half never their body; each says one more byte a second."""
    done, crowded = threading.Event(), threading.Event()
    connections: list[socket.socket] = []

    def joins(number: int) -> socket.socket:
        connection = socket.create_connection(address)
        connection.sendall(HEAD + (b"127.0.0.1:%d" % address[1] + BODY if number % 2 else b""))
        return connection

    def drip() -> None:
        connections.extend(joins(number) for number in range(SLOW))
        crowded.set()
        while not done.wait(1):
            for number, connection in enumerate(connections):
                with suppress(OSError):  # closed by the server, which is its right
                    connection.sendall(b"a")
                    continue
                with suppress(OSError):
                    connection.close()
                    connections[number] = joins(number)

    thread = threading.Thread(target=drip, name="crowd")
    thread.start()
    try:
        assert crowded.wait(120)
        yield connections
    finally:
        done.set()
        thread.join()
        for connection in connections:
            connection.close()


def slowest(acme: Acme, id_token: str) -> float:
    """The 99th percentile of exchanges one after the other, in seconds; each is granted."""
    took = []
    for _ in range(EXCHANGES):
        began = time.perf_counter()
        acme.exchange(id_token)
        took.append(time.perf_counter() - began)
    return statistics.quantiles(took, n=100)[98]


def test_two_thousand_slow_connections_keep_nobody_waiting(acme: Acme) -> None:
    """They come again as often as they are turned out; beside them everybody is served in time."""
    acme.apply()
    parts = urlsplit(acme.idp)
    with many_files(), acme.serve():
        id_token = acme.sign_in()
        alone = slowest(acme, id_token)
        with crowd((parts.hostname or "", parts.port or 0)):
            beside = quickest_of_three(acme, id_token, bound=max(BOUND, 5 * alone))
        after = quickest_of_three(acme, id_token, bound=max(BOUND, 5 * alone))
    # On a machine that is busy with other things the promise is relative to what it does without a crowd.
    assert beside < max(BOUND, 5 * alone)
    assert after < max(BOUND, 5 * alone)


def quickest_of_three(acme: Acme, id_token: str, *, bound: float) -> float:
    """What a crowd does it does all the time; what the machine does beside this is not there each time."""
    for _ in range(2):
        if (took := slowest(acme, id_token)) < bound:
            return took
    return slowest(acme, id_token)
