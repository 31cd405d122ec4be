"""`idjag db`: the schema of the database."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from idjag.idp.settings import Settings
from idjag.idp.store import schema

__all__ = ["register", "run"]

_NOT_BUILT = ("backup", "after-restore")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("db", help="the database schema")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("upgrade", help="make the database, or its schema the newest")
    current = actions.add_parser("current", help="the schema it has; exit 1 unless that is the newest")
    current.add_argument("--json", action="store_true", help="as JSON")
    for name in _NOT_BUILT:
        actions.add_parser(name, help="not built")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run one action; raises SettingsWrong, SchemaRefused."""
    if args.action in _NOT_BUILT:
        print(f"idjag: db {args.action}: not built", file=err)
        return 2
    url = Settings.load(environ, Path(args.config) if args.config else None).database_url
    return _upgrade(url, out=out) if args.action == "upgrade" else _current(url, args, out=out)


def _upgrade(url: str, *, out: TextIO) -> int:
    before, after = schema.current(url), schema.upgrade(url)
    change = "nothing to do" if before == after else f"was {before or 'none'}"
    print(f"schema {after}, {change}", file=out)
    return 0


def _current(url: str, args: argparse.Namespace, *, out: TextIO) -> int:
    current, newest = schema.current(url), schema.head()
    if args.json:
        print(json.dumps({"current": current, "newest": newest}), file=out)
    elif current == newest:
        print(f"schema {current}, the newest", file=out)
    else:
        print(f"schema {current or 'none'}, the newest is {newest}: run idjag db upgrade", file=out)
    return 0 if current == newest else 1
