"""Runs an ASGI application on a loopback port, lifespan included: servers that the tests themselves play."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

__all__ = ["listener", "served"]

_START_SECONDS = 30


def listener() -> tuple[socket.socket, str]:
    """A bound socket and its base URL, known before anybody serves it."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.bind(("127.0.0.1", 0))
    return made, f"http://127.0.0.1:{made.getsockname()[1]}"


@contextmanager
def served(app: Any, on: socket.socket) -> Iterator[None]:
    """Answer requests while the ``with`` lasts; the address stays reserved."""
    config = uvicorn.Config(app, lifespan="auto", log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [on.dup()]}, name="served")
    thread.start()
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            thread.join(0.01)
        assert server.started, "a server that the test plays did not start"
        yield
    finally:
        server.should_exit = True
        thread.join()
