"""``idjag serve``: runs the identity provider under uvicorn."""

from __future__ import annotations

import argparse
import gc
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

from idjag.cli import Failed

if TYPE_CHECKING:
    from idjag.cli.process import Listening
    from idjag.idp.settings import Settings

__all__ = ["register", "run"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("serve", help="run the identity provider")
    parser.add_argument("--host", help="address to listen on (IDJAG_HOST)")
    parser.add_argument("--port", help="port to listen on (IDJAG_PORT)")
    parser.add_argument("--workers", help="worker processes (IDJAG_WORKERS)")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Serve until SIGTERM or SIGINT; what is queued is answered first."""
    from idjag.idp.settings import Settings

    given = {"IDJAG_HOST": args.host, "IDJAG_PORT": args.port, "IDJAG_WORKERS": args.workers}
    settings = Settings.load(
        {**environ, **{name: value for name, value in given.items() if value}},
        Path(args.config) if args.config else None,
    )
    for warning in (*settings.warnings, *_elsewhere(settings), *_no_mail(settings)):
        print(f"idjag: {warning}", file=err)
    gc.disable()  # what is loaded now stays: the collector begins with the first request (process.answer)
    try:
        _serve(settings, err=err)
    finally:
        gc.enable()
    return 0


def _serve(settings: Settings, *, err: TextIO) -> None:
    # most of a start is these imports: who has mistyped a setting need not wait for them
    from idjag.cli import process
    from idjag.idp.app import serving

    listening = process.Listening(
        settings.host,
        settings.port,
        log_level=settings.log_level,
        log_format=settings.log_format,
        drain=settings.drain,
    )
    if settings.workers > 1:
        _serve_with_workers(settings, listening, err=err)
        return
    with serving(settings) as app, _alone(settings):
        process.serve(app, listening, issuer=settings.issuer, err=err)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Two servers on one file would be one another's brake, and no cluster; raises Failed."""
    from idjag.idp.settings import sqlite_path
    from idjag.ledger.gate import sole_server

    path = sqlite_path(settings.database_url)
    with ExitStack() as stack:
        if path is not None:
            try:
                stack.enter_context(sole_server(path))
            except BlockingIOError:
                why = "another idjag serve has it: stop that one; several servers need PostgreSQL"
                raise Failed(f"{path}: {why}", code=3) from None
        yield


def _serve_with_workers(settings: Settings, listening: Listening, *, err: TextIO) -> None:
    """Each worker has a store of its own; what is wrong with it shows here first, before any starts."""
    from idjag.cli import process, workers
    from idjag.idp.api import app as _api  # noqa: F401  # before they are forked, once for all of them
    from idjag.idp.app import open_store, serving
    from idjag.idp.signin import routes as _pages  # noqa: F401

    with open_store(settings):
        pass

    with process.listener(listening) as listener:

        def work() -> None:
            with serving(settings) as app:
                process.answer(app, listening, listener)

        where = f"{settings.host}:{settings.port} with {settings.workers} workers"
        signal.signal(signal.SIGTERM, process.stop)  # whoever reads the next line may stop us
        print(f"idjag: serving {settings.issuer} on {where}", file=err, flush=True)
        # they have the socket too; once all of them have closed it, it must not listen for nobody
        workers.run(settings.workers, work, err=err, stopping=listener.close)


def _no_mail(settings: Settings) -> tuple[str, ...]:
    """On loopback letters are printed; elsewhere they need a mail server."""
    if settings.loopback or settings.mail.server is not None:
        return ()
    without = "links for forgotten passwords come from `idjag users set-password-link` alone"
    return (f"no mail configured (IDJAG_MAIL_SERVER, IDJAG_MAIL_FROM): {without}",)


def _elsewhere(settings: Settings) -> tuple[str, ...]:
    """An issuer on this very machine whose port is not ours: nobody would find us there."""
    url = urlsplit(settings.issuer)
    port = url.port or (443 if url.scheme == "https" else 80)
    if not settings.loopback or port == settings.port:
        return ()
    return (f"IDJAG_ISSUER says port {port}, this listens on {settings.port}: set IDJAG_PORT, or forward it",)
