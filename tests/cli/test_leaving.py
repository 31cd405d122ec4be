"""How a server goes (P7): not ready first, then no connection is kept, then nobody in it is turned away."""

from __future__ import annotations

import http.client
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn

from idjag.cli.impatience import Impatient
from idjag.cli.leaving import Leaving, Server, _let_nobody_in
from tests.processes.test_workers import eventually

CROWD = 20
SECONDS = 60


class Patient(Server):
    """A busy machine may take longer to send a request."""

    first_request_seconds = SECONDS


@dataclass
class Running:
    """A server in a thread, over an application that answers 200 to all; ``/held`` holds its loop up."""

    server: Server
    app: Leaving
    port: int
    held: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def leave(self) -> None:
        """SIGTERM, which only a main thread can be sent."""
        self.server.handle_exit(signal.SIGTERM, None)


@contextmanager
def running(*, drain: int) -> Iterator[Running]:
    made: Running

    async def answer(scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"] == "/held":
            made.held.set()
            made.let_go.wait(SECONDS)
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        app = Leaving(answer)
        config = uvicorn.Config(
            app, http=Impatient, lifespan="off", log_config=None, ws="none", timeout_keep_alive=SECONDS
        )
        made = Running(Patient(config, app, drain=drain), app, listening.getsockname()[1])
        thread = threading.Thread(target=made.server.run, args=([listening],))
        thread.start()
        try:
            yield made
        finally:
            made.let_go.set()
            made.server.handle_exit(signal.SIGINT, None)
            thread.join(SECONDS)
        assert not thread.is_alive()


def asked(connection: http.client.HTTPConnection, path: str = "/") -> tuple[int, str | None]:
    """The status, and what is to become of the connection."""
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.getheader("connection")


def test_while_it_drains_it_is_not_ready_serves_on_and_keeps_no_connection() -> None:
    """New connections too; Ctrl-C ends the waiting, another SIGTERM does not."""
    with running(drain=60) as it, closing(it.connected()) as kept:
        assert asked(kept, "/readyz") == asked(kept) == (200, None)
        it.leave()
        it.leave()
        eventually(lambda: it.app.leaving)
        assert asked(kept) == (200, "close")
        with closing(it.connected()) as new:
            assert asked(new, "/readyz") == (503, "close")
        with closing(it.connected()) as new:
            assert asked(new, "/healthz") == (200, "close")
        it.server.handle_exit(signal.SIGINT, None)
        eventually(lambda: not it.server.servers[0].is_serving())
        with pytest.raises(ConnectionRefusedError):
            it.connected().connect()


def test_who_was_connected_when_it_was_told_to_go_is_answered() -> None:
    """Connections that the kernel has taken and nobody has accepted are not reset, without any drain."""
    with running(drain=0) as it:
        slow = it.connected()
        slow.request("GET", "/held")
        assert it.held.wait(SECONDS)
        crowd = [it.connected() for _ in range(CROWD)]
        for each in crowd:
            each.request("GET", "/")
        it.leave()
        it.let_go.set()
        assert [each.getresponse().status for each in (slow, *crowd)] == [200] * (CROWD + 1)
        for each in (slow, *crowd):
            each.close()


def test_who_has_not_asked_yet_when_the_port_is_closed_is_answered() -> None:
    """A connection that was accepted in the last moment: its request is on its way."""
    with running(drain=0) as it, closing(it.connected()) as new:
        new.connect()
        eventually(lambda: it.server.server_state.connections)
        it.leave()
        eventually(lambda: not it.server.servers[0].is_serving())
        assert asked(new) == (200, "close")


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere a last connection may be lost: the page says so"
)
def test_nobody_gets_in_any_more_and_who_is_in_the_queue_stays() -> None:
    """Not refused and not reset but unheard, until the port is closed: who knocks again then is refused."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        with socket.create_connection(address) as queued:
            _let_nobody_in(listening)
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=0.2)
            accepted, _ = listening.accept()
            with accepted:
                queued.sendall(b"?")
                assert accepted.recv(1) == b"?"
        listening.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=SECONDS)
