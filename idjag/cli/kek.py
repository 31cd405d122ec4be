"""`idjag kek`: the key-encryption key rotated while everything serves, and what is under which key."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from idjag.cli import Failed, kek_steps
from idjag.cli.audit_export import recorder
from idjag.cli.store import opened
from idjag.idp.settings import Settings
from idjag.idp.store.kek_rewrap import TABLES, Rewrapping

__all__ = ["register", "run"]

_POSTGRESQL = "postgresql"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    kek_steps.add_actions(subparsers.add_parser("kek", help="the key-encryption key"), dest="action")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run one action; raises KekRefused, SealBroken, SchemaRefused, Unavailable."""
    settings = Settings.load(environ, Path(args.config) if args.config else None)
    file = settings.kek_file
    if file is None:
        raise Failed(
            "the key stands in IDJAG_KEK: write it into a file, and name that by IDJAG_KEK_FILE", code=2
        )
    rewrap = Rewrapping(settings.database_url)
    if args.action == "status":
        sealed = (row.sealed for name in TABLES for row in rewrap.rows(name))
        return kek_steps.status(file, sealed, as_json=args.json, out=out)
    with opened(args, environ, err) as store:
        keks = kek_steps.Keks(
            file,
            rewrap,
            recorder(store.ledger, store.tenant),
            store.new_id,
            store.clock(),
            shared=settings.database_url.startswith(_POSTGRESQL),
            command="idjag kek",
        )
        kek_steps.change(args.action, keks, out=out)
    return 0
