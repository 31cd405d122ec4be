"""``idjag ras serve -f ras.yaml``: the resource authorization server as a process of its own."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from idjag.cli import Failed

if TYPE_CHECKING:
    from idjag.ras.config import Loaded

__all__ = ["register", "run"]

_LATER = ("reload", "accounts", "issuers", "tokens")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("ras", help="the resource authorization server as a process of its own")
    actions = parser.add_subparsers(dest="action", required=True)
    serve = actions.add_parser("serve", help="serve until SIGTERM")
    serve.add_argument("-f", "--file", required=True, metavar="FILE", help="ras.yaml")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=_port, default=8710, help="port to listen on; 8710 if absent")
    serve.add_argument("--workers", type=int, default=1, help="worker processes; SQLite serves one")
    for name in _LATER:
        later = actions.add_parser(name, help="not built")
        later.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def _port(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError("must be 1 to 65535")
    return int(text)


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Serve until SIGTERM or SIGINT; what is queued is answered first."""
    if args.action in _LATER:
        print(f"idjag: ras {args.action}: not built", file=err)
        return 2
    if args.workers != 1:
        print("idjag: --workers above 1 is not built: a SQLite database serves one process", file=err)
        return 2
    return _serve(args, environ=environ, err=err)


def _serve(args: argparse.Namespace, *, environ: Mapping[str, str], err: TextIO) -> int:
    from idjag.cli import process
    from idjag.ras import config
    from idjag.ras.store_sql import AccountsWrong

    try:
        loaded = _loaded(args.file, environ)
        built = config.build(loaded)
    except AccountsWrong as wrong:
        print(f"idjag: {args.file}: {wrong}", file=err)
        return 2
    except FileNotFoundError as missing:
        print(f"idjag: {missing.filename}: no such file", file=err)
        return 2
    listening = process.Listening(
        args.host, args.port, log_level=loaded.log_level, log_format=loaded.log_format
    )
    with built:
        process.serve(built.app, listening, issuer=loaded.config.issuer, err=err)
    return 0


def _loaded(file: str, environ: Mapping[str, str]) -> Loaded:
    """What ras.yaml says; one that cannot be read is a bad file, not a bad environment."""
    from idjag.ras import config

    try:
        return config.load(Path(file), environ)
    except OSError as error:
        raise Failed(
            f"{error.filename or file}: {(error.strerror or 'cannot be read').lower()}", code=2
        ) from None
