"""One server process until SIGTERM or SIGINT: how `idjag serve` and `idjag ras serve` run uvicorn."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from dataclasses import dataclass
from typing import NoReturn, TextIO

import uvicorn

from idjag.asgi import ASGIApp
from idjag.cli import Failed, logs
from idjag.cli.impatience import Impatient
from idjag.cli.leaving import Leaving, Server

__all__ = ["Listening", "answer", "listener", "serve", "stop"]

_BACKLOG = 2048
_TURN = 0.0005  # seconds
_YOUNG = 10_000
"""Values made since the last look of the collector; 700 would walk through each batch several times."""
_KEEP_ALIVE = 75
"""Seconds between two requests of a connection: longer than proxies keep one (nginx: 60), or they would send
a request into one that ends."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server answers, how it logs, and for how many seconds it serves on after SIGTERM."""

    host: str
    port: int
    log_level: str
    log_format: str
    drain: int = 0


def serve(app: ASGIApp, at: Listening, *, issuer: str, err: TextIO) -> None:
    """Answer requests; returns (or raises KeyboardInterrupt) when told to stop, requests under way done.

    Whoever calls opens before and closes after: there a failure has a message and an exit code.
    Raises Failed when the address cannot be had.
    """
    with listener(at) as socket_:
        # whoever reads that we serve may stop us: from then on that is a clean end, however busy the machine
        signal.signal(signal.SIGTERM, stop)
        print(f"idjag: serving {issuer} on {at.host}:{at.port}", file=err, flush=True)
        answer(app, at, socket_)


def answer(app: ASGIApp, at: Listening, listening: socket.socket) -> None:
    """``serve`` on a socket that listens already."""
    # The writer waits for the interpreter while requests are read, and the other way round: the default,
    # 5 ms, is longer than either needs.
    sys.setswitchinterval(_TURN)
    # What is here now stays: the collector need not walk through modules and the first snapshot again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
    gc.enable()
    logs.configure(log_format=at.log_format, level=at.log_level)
    # uvicorn raises the signal once more when it has stopped: the default would end us before we close
    signal.signal(signal.SIGTERM, stop)
    leaving = Leaving(app)
    config = uvicorn.Config(
        leaving,
        http=Impatient,
        lifespan="off",
        log_config=None,  # ours, above
        ws="none",  # nobody speaks it here, and an upgrade would be a warning in the log
        proxy_headers=False,  # the door reads them, and only from IDJAG_TRUSTED_PROXIES
        server_header=False,
        access_log=False,  # a URL may hold a code
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=10,
    )
    Server(config, leaving, drain=at.drain).run(sockets=[listening])


def listener(at: Listening) -> socket.socket:
    """A socket that listens there; raises Failed when the address cannot be had."""
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    try:
        listening = socket.create_server((at.host, at.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Failed(f"{at.host}:{at.port}: {reason}: choose another --host or --port", code=3) from None
    # Head and body of an answer are two writes, and the second would wait 40 ms for the first one's receipt.
    # asyncio sees to that for sockets that it made itself; those accepted here inherit it.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def stop(_signal: int, _frame: object) -> NoReturn:
    """Unwind the program, as Ctrl-C does."""
    raise KeyboardInterrupt
