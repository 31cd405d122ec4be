"""One server process until SIGTERM or SIGINT: how `idjag serve` and `idjag ras serve` run uvicorn."""

from __future__ import annotations

import signal
from typing import NoReturn

import uvicorn

from idjag.asgi import ASGIApp
from idjag.cli import logs

__all__ = ["serve"]


def serve(app: ASGIApp, *, host: str, port: int, log_level: str, log_format: str) -> None:
    """Answer requests; returns (or raises KeyboardInterrupt) when told to stop, requests under way done.

    Whoever calls opens before and closes after: there a failure has a message and an exit code.
    """
    logs.configure(log_format=log_format, level=log_level)
    # uvicorn raises the signal once more when it has stopped: the default would end us before we close
    signal.signal(signal.SIGTERM, _stop)
    uvicorn.run(
        app,
        host=host,
        port=port,
        lifespan="off",
        log_config=None,  # ours, above
        proxy_headers=False,  # the door reads them, and only from IDJAG_TRUSTED_PROXIES
        server_header=False,
        access_log=False,  # a URL may hold a code
        timeout_graceful_shutdown=10,
    )


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
