"""Signing keys through the admin API."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, Final

from idjag.cli import Failed, key_changes, keys
from idjag.cli.server import Around, Server, segment
from idjag.key_rotation import Change
from idjag.signing_keys import KeyStatus

__all__ = ["COMMANDS"]


def _list(args: argparse.Namespace, server: Server, around: Around) -> int:
    items = server.call("GET", "/keys")["items"]
    ordered = sorted(items, key=lambda row: (str(row["tenant"]), row["created"], str(row["kid"])))
    keys.print_keys([{name: row[name] for name in keys.COLUMNS} for row in ordered], args, out=around.out)
    return 0


def _rotate(args: argparse.Namespace, server: Server, around: Around) -> int:
    if args.now:
        raise Failed("--now: on the host alone", code=2)
    key_changes.check_ahead(args)
    body: dict[str, Any] = {"ahead": f"{args.ahead}s"} | ({"algs": args.alg} if args.alg else {})
    return _say(server.call("POST", "/keys/rotate", body)["items"], args, around)


def _revoke(args: argparse.Namespace, server: Server, around: Around) -> int:
    body = {"reason": args.reason.strip()}
    return _say(server.call("POST", f"/keys/{segment(args.kid)}/revoke", body)["items"], args, around)


def _say(items: list[dict[str, Any]], args: argparse.Namespace, around: Around) -> int:
    changes = [_change(item) for item in items]
    key_changes.say(changes, args=args, out=around.out)
    return 0 if any(change.made for change in changes) else 1


def _change(item: Mapping[str, Any]) -> Change:
    """A newer server may say more of it."""
    return Change(item["kid"], item["alg"], KeyStatus(item["status"]), item["at"], made=item["made"])


COMMANDS: Final = {"keys list": _list, "keys rotate": _rotate, "keys revoke": _revoke}
