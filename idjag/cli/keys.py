"""`idjag keys`: the signing keys, as they are stored.  Needs the database, not the key-encryption key."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from sqlalchemy import select
from sqlmodel import SQLModel

import idjag.idp.store.tables  # noqa: F401 - the tables are in the metadata once they are imported
from idjag.idp.settings import Settings
from idjag.idp.store import schema

__all__ = ["register", "run"]

_NOT_BUILT = ("rotate", "revoke")
_COLUMNS = ("tenant", "kid", "alg", "status", "created", "activated", "retires")
_TIMES = ("created", "activated", "retires")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("keys", help="signing keys")
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="every key with its state")
    listing.add_argument("--json", action="store_true", help="as JSON, times in seconds since 1970")
    actions.add_parser("rotate", help="not built")
    actions.add_parser("revoke", help="not built").add_argument("kid", metavar="KID")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run one action; raises SettingsWrong, SchemaRefused."""
    if args.action in _NOT_BUILT:
        print(f"idjag: keys {args.action}: not built", file=err)
        return 2
    keys = _keys(Settings.load(environ, Path(args.config) if args.config else None).database_url)
    print(json.dumps(keys, indent=2) if args.json else _table(keys), file=out)
    return 0


def _keys(url: str) -> list[dict[str, object]]:
    schema.check(url)
    key, tenant = (SQLModel.metadata.tables[name] for name in ("signing_key", "tenant"))
    named = (tenant.c.name.label("tenant"), key.c.id.label("kid"))
    columns = (*named, *(key.c[name] for name in _COLUMNS[2:]))
    joined = key.join(tenant, key.c.tenant_id == tenant.c.id, isouter=True)
    with schema.reading(url) as connection:
        rows = connection.execute(
            select(*columns).select_from(joined).order_by("tenant", key.c.created, "kid")
        )
        return [dict(row) for row in rows.mappings()]


def _table(keys: list[dict[str, object]]) -> str:
    lines = [_COLUMNS, *(tuple(_cell(name, key[name]) for name in _COLUMNS) for key in keys)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cell(name: str, value: object) -> str:
    if name in _TIMES and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return "-" if value is None else str(value)
