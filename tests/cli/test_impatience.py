"""Connections on which no request comes together, over real sockets, with a short deadline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from socket import create_connection, create_server, socket
from typing import Any

import pytest
import uvicorn

from idjag.cli.impatience import Impatient

PATIENCE = 60  # seconds for what must come; nothing waits that long when all is well
WHOLE = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 2\r\n\r\nok"
HALF = b"GET / HTTP/1.1\r\nhost: he"


class Quick(Impatient):
    """The same, for people in a hurry."""

    head_seconds = 0.5  # what is sent together must have come by then, however busy the machine is


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers with the body it was sent, once it has all of it."""
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(protocol: type[asyncio.Protocol]) -> Iterator[tuple[str, int]]:
    with create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(echo, http=protocol, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with serving(Quick) as at:
        yield at


def connected(address: tuple[str, int]) -> closing[socket]:
    return closing(create_connection(address, timeout=PATIENCE))


def answer(connection: socket) -> bytes:
    read = b""
    while not read.endswith(b"\r\n\r\nok"):
        part = connection.recv(4096)
        assert part, "closed before the answer"
        read += part
    return read


@pytest.mark.parametrize("sent", [b"", b"G", HALF])
def test_a_connection_without_a_whole_head_is_closed(address: tuple[str, int], sent: bytes) -> None:
    """Attack case 216: nobody holds a place by saying little."""
    with connected(address) as connection:
        connection.sendall(sent)
        assert connection.recv(1) == b""


def test_a_whole_request_is_answered_and_the_next_one_too(address: tuple[str, int]) -> None:
    with connected(address) as connection:
        for _ in range(2):
            connection.sendall(WHOLE)
            assert answer(connection).startswith(b"HTTP/1.1 200")


def test_a_second_request_that_never_gets_whole_is_closed_too(address: tuple[str, int]) -> None:
    with connected(address) as connection:
        connection.sendall(WHOLE)
        answer(connection)
        connection.sendall(HALF)
        assert connection.recv(1) == b""


def test_a_body_has_all_the_time_that_the_door_gives_it(address: tuple[str, int]) -> None:
    """A neighbour that comes later is closed first: the deadline has passed, and this one goes on."""
    with connected(address) as slow:
        slow.sendall(WHOLE[:-1])
        with connected(address) as neighbour:
            assert neighbour.recv(1) == b""
        slow.sendall(WHOLE[-1:])
        assert answer(slow).startswith(b"HTTP/1.1 200")


def test_the_deadline_is_no_matter_of_a_moment() -> None:
    """The control: with the deadline of the product, half a head may get whole after the time above."""
    with serving(Impatient) as address, connected(address) as patient:
        patient.sendall(WHOLE[:5])
        with serving(Quick) as other, connected(other) as neighbour:
            assert neighbour.recv(1) == b""
        patient.sendall(WHOLE[5:])
        assert answer(patient).startswith(b"HTTP/1.1 200")
