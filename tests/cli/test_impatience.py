"""Connections on which no request comes together, over real sockets, at a clock that is moved on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from socket import create_connection, create_server, socket
from typing import Any, Self

import pytest
import uvicorn

from idjag.cli.impatience import HEAD_SECONDS, Impatient
from tests.processes.test_workers import eventually

PATIENCE = 60  # seconds for what must come; nothing waits that long when all is well
WHOLE = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 2\r\n\r\nok"
HALF = b"GET / HTTP/1.1\r\nhost: he"


class Hurried(asyncio.SelectorEventLoop):
    """Time passes when a test says so, in seconds, besides as it does."""

    passed = 0.0

    def time(self) -> float:
        return super().time() + self.passed


class Serving:
    """A server in a thread, with a clock that can be moved on."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.listening = create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            self._echo,
            interface="asgi3",
            http=Impatient,
            lifespan="off",
            log_config=None,
            timeout_keep_alive=100 * HEAD_SECONDS,
        )
        self.server = uvicorn.Server(config)
        self._loop = Hurried()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self._thread.join()
        self.listening.close()

    def connected(self) -> closing[socket]:
        return closing(create_connection(self.listening.getsockname(), timeout=PATIENCE))

    def later(self, seconds: float) -> None:
        """Move its clock on; what is due by then has happened."""
        happened = threading.Event()

        def move() -> None:
            self._loop.passed += seconds
            self._loop.call_later(0, happened.set)

        self._loop.call_soon_threadsafe(move)
        assert happened.wait(PATIENCE)

    def closes(self, connection: socket) -> bool:
        """Whether it ends the connection, and says nothing, as time goes by."""
        connection.settimeout(0.05)
        for _ in range(20 * PATIENCE):
            self.later(HEAD_SECONDS)  # once more: it may have heard of the connection only now
            with suppress(TimeoutError):
                return connection.recv(1) == b""
        return False

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self.server.serve(sockets=[self.listening]))

    async def _echo(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answers with the body it was sent, once it has all of it."""
        assert scope["type"] == "http"
        self.begun.set()
        body, more = b"", True
        while more:
            message = await receive()
            assert message["type"] == "http.request"
            body, more = body + message.get("body", b""), message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def serving() -> Iterator[Serving]:
    with Serving() as made:
        yield made


def answer(connection: socket) -> bytes:
    read = b""
    while not read.endswith(b"\r\n\r\nok"):
        part = connection.recv(4096)
        assert part, "closed before the answer"
        read += part
    return read


@pytest.mark.parametrize("sent", [b"", b"G", HALF])
def test_a_connection_without_a_whole_head_is_closed(serving: Serving, sent: bytes) -> None:
    """Attack case 216: nobody holds a place by saying little."""
    with serving.connected() as connection:
        connection.sendall(sent)
        assert serving.closes(connection)


def test_a_whole_request_is_answered_and_the_next_one_too(serving: Serving) -> None:
    with serving.connected() as connection:
        for _ in range(2):
            connection.sendall(WHOLE)
            assert answer(connection).startswith(b"HTTP/1.1 200")
            serving.later(2 * HEAD_SECONDS)  # between two requests that is no matter of heads


def test_a_second_request_that_never_gets_whole_is_closed_too(serving: Serving) -> None:
    with serving.connected() as connection:
        connection.sendall(WHOLE)
        answer(connection)
        connection.sendall(HALF)
        assert serving.closes(connection)


def test_a_body_has_all_the_time_that_the_door_gives_it(serving: Serving) -> None:
    """A neighbour is closed meanwhile: the deadline of heads has passed, and this one goes on."""
    with serving.connected() as slow:
        slow.sendall(WHOLE[:-1])
        assert serving.begun.wait(PATIENCE)
        with serving.connected() as neighbour:
            assert serving.closes(neighbour)
        slow.sendall(WHOLE[-1:])
        assert answer(slow).startswith(b"HTTP/1.1 200")


def test_a_head_has_its_seconds(serving: Serving) -> None:
    """The control: half a head may get whole before they are over."""
    with serving.connected() as patient:
        patient.sendall(WHOLE[:5])
        eventually(lambda: serving.server.server_state.connections)
        serving.later(HEAD_SECONDS / 2)
        patient.sendall(WHOLE[5:])
        assert answer(patient).startswith(b"HTTP/1.1 200")
