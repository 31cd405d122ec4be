"""`idjag keys`: the signing keys: listed as they are stored, rotated, revoked."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from sqlalchemy import select
from sqlmodel import SQLModel

import idjag.idp.store.tables  # noqa: F401 - the tables are in the metadata once they are imported
from idjag.cli import Failed, key_changes
from idjag.cli.state_file import operator
from idjag.cli.store import opened
from idjag.cli.times import duration
from idjag.idp.catalog.fields import is_clean
from idjag.idp.key_rotation import Keys, KeyUnknown
from idjag.idp.settings import Settings
from idjag.idp.store import schema
from idjag.protocol.names import ASYMMETRIC

__all__ = ["COLUMNS", "print_keys", "register", "run"]

COLUMNS = ("tenant", "kid", "alg", "status", "created", "activated", "retires")
_LONGEST_REASON = 500


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("keys", help="signing keys")
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="every key with its state; needs no key-encryption key")
    listing.add_argument("--json", action="store_true", help="as JSON, times in seconds since 1970")
    rotation = actions.add_parser("rotate", help="publish the next keys, and sign with them later")
    rotation.add_argument("--alg", choices=ASYMMETRIC, action="append", help="of this algorithm alone")
    key_changes.add_rotation(rotation, duration=duration)
    revoking = actions.add_parser("revoke", help="trust a key no more, from the next request on")
    key_changes.add_revoking(revoking, listing="idjag keys list")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 1 when everything was planned already, 2 for a kid that no living key has."""
    if args.action == "list":
        keys = _keys(Settings.load(environ, Path(args.config) if args.config else None).database_url)
        print_keys(keys, args, out=out)
        return 0
    _check(args)
    with opened(args, environ, err) as store:
        keys_of = Keys(store.ledger, store.sealer, store.tenant, store.new_id)
        now, actor = store.clock(), operator()
        if args.action == "rotate":
            ahead = 0 if args.now else args.ahead
            changes = keys_of.rotate(args.alg or ASYMMETRIC, ahead=ahead, now=now, actor=actor)
        else:
            try:
                changes = keys_of.revoke(args.kid, reason=args.reason.strip(), now=now, actor=actor)
            except KeyUnknown:
                raise Failed(f"no living key has the kid {args.kid}: see idjag keys list", code=2) from None
    key_changes.say(changes, args=args, out=out)
    return 0 if any(change.made for change in changes) else 1


def print_keys(keys: Sequence[Mapping[str, object]], args: argparse.Namespace, *, out: TextIO) -> None:
    """Keys, from here or from a server."""
    print(json.dumps(keys, indent=2) if args.json else key_changes.table(COLUMNS, keys), file=out)


def _check(args: argparse.Namespace) -> None:
    if args.action == "rotate":
        key_changes.check_ahead(args)
    else:
        reason = args.reason.strip()
        if not 0 < len(reason) <= _LONGEST_REASON or not is_clean(reason):
            raise Failed(f"--reason: 1 to {_LONGEST_REASON} visible characters on one line", code=2)


def _keys(url: str) -> list[dict[str, object]]:
    schema.check(url)
    key, tenant = (SQLModel.metadata.tables[name] for name in ("signing_key", "tenant"))
    named = (tenant.c.name.label("tenant"), key.c.id.label("kid"))
    columns = (*named, *(key.c[name] for name in COLUMNS[2:]))
    joined = key.join(tenant, key.c.tenant_id == tenant.c.id, isouter=True)
    with schema.reading(url) as connection:
        rows = connection.execute(
            select(*columns).select_from(joined).order_by("tenant", key.c.created, "kid")
        )
        return [dict(row) for row in rows.mappings()]
