"""`idjag keys`: the signing keys: listed as they are stored, rotated, revoked."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from sqlalchemy import select
from sqlmodel import SQLModel

import idjag.idp.store.tables  # noqa: F401 - the tables are in the metadata once they are imported
from idjag.cli import Failed
from idjag.cli.state_file import operator
from idjag.cli.store import opened
from idjag.cli.times import duration
from idjag.idp.catalog.fields import is_clean
from idjag.idp.key_rotation import AHEAD, SOONEST, Change, Keys, KeyUnknown
from idjag.idp.keys import KeyStatus
from idjag.idp.settings import Settings
from idjag.idp.store import schema
from idjag.protocol.names import ASYMMETRIC

__all__ = ["register", "run"]

_COLUMNS = ("tenant", "kid", "alg", "status", "created", "activated", "retires")
_TIMES = ("created", "activated", "retires")
_LONGEST_REASON = 500


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("keys", help="signing keys")
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="every key with its state; needs no key-encryption key")
    listing.add_argument("--json", action="store_true", help="as JSON, times in seconds since 1970")
    rotation = actions.add_parser("rotate", help="publish the next keys, and sign with them later")
    rotation.add_argument("--alg", choices=ASYMMETRIC, action="append", help="of this algorithm alone")
    when = rotation.add_mutually_exclusive_group()
    when.add_argument(
        "--in", dest="ahead", type=duration, default=AHEAD, metavar="T", help="first use from now (24h)"
    )
    when.add_argument("--now", action="store_true", help="sign with them at once: who has not fetched, fails")
    rotation.add_argument("--json", action="store_true", help="the answer as JSON")
    revoking = actions.add_parser("revoke", help="trust a key no more, from the next request on")
    revoking.add_argument("kid", metavar="KID", help="as `idjag keys list` shows it")
    revoking.add_argument("--reason", required=True, metavar="R", help="why; recorded")
    revoking.add_argument("--json", action="store_true", help="the answer as JSON")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 1 when everything was planned already, 2 for a kid that no living key has."""
    if args.action == "list":
        keys = _keys(Settings.load(environ, Path(args.config) if args.config else None).database_url)
        print(json.dumps(keys, indent=2) if args.json else _table(keys), file=out)
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
    _print(changes, args=args, out=out)
    return 0 if any(change.made for change in changes) else 1


def _check(args: argparse.Namespace) -> None:
    if args.action == "rotate" and not args.now and args.ahead < SOONEST:
        least = f"--in: at least {SOONEST // 60}m, so that everybody has fetched the key before it signs"
        raise Failed(f"{least}; --now does not wait", code=2)
    if args.action == "revoke":
        reason = args.reason.strip()
        if not 0 < len(reason) <= _LONGEST_REASON or not is_clean(reason):
            raise Failed(f"--reason: 1 to {_LONGEST_REASON} visible characters on one line", code=2)


def _print(changes: Sequence[Change], *, args: argparse.Namespace, out: TextIO) -> None:
    if args.json:
        rows = [
            {"kid": each.kid, "alg": each.alg, "status": each.status, "at": each.at, "made": each.made}
            for each in changes
        ]
        print(json.dumps({"changes": rows}, indent=2), file=out)
        return
    for change in changes:
        print(_sentence(change), file=out)


def _sentence(change: Change) -> str:
    at = _time(change.at)
    said = {
        KeyStatus.NEXT: f"is published, and signs from {at} on",
        KeyStatus.ACTIVE: "signs",
        KeyStatus.RETIRING: f"signs no more, and is published until {at}",
        KeyStatus.REVOKED: "is revoked: nothing that it signed is trusted here any more",
    }[change.status]
    return f"{change.alg} key {change.kid} {said}{'' if change.made else ' (planned before)'}"


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
        return _time(value)
    return "-" if value is None else str(value)


def _time(value: int) -> str:
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
