"""``idjag export``: the state as a file that ``idjag apply`` takes elsewhere; never a secret."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from idjag.cli import Failed
from idjag.cli.store import opened
from idjag.idp.state.current import load
from idjag.idp.state.export import NotExportable, export

__all__ = ["register", "run", "write"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("export", help="write the state as a file")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="where to; standard output if absent"
    )


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 1 when the state has something that no file can say."""
    with opened(args, environ, err) as store:
        current = load(store.ledger, store.tenant, everyone=True)
    try:
        text = export(current)
    except NotExportable as why:
        raise Failed(str(why), code=1) from None
    write(text, args.output, out)
    return 0


def write(text: str, path: Path | None, out: TextIO) -> None:
    """Where it was asked for: a file, or standard output.  Raises Failed."""
    if path is None:
        out.write(text)
    else:
        _write(path, text)


def _write(path: Path, text: str) -> None:
    """In one step, and for the owner's eyes: the file has people in it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise Failed(f"{path}: {(error.strerror or 'cannot be written').lower()}", code=3) from None
