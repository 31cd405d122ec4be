"""What `idjag keys` and `idjag ras keys` share: how keys are rotated and revoked, and what is said of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TextIO

from idjag.cli import Failed
from idjag.key_rotation import AHEAD, SOONEST, Change
from idjag.signing_keys import KeyStatus

__all__ = ["add_revoking", "add_rotation", "check_ahead", "say", "table", "when"]

_TIMES = ("created", "activated", "retires")


def add_rotation(parser: argparse.ArgumentParser, *, duration: Callable[[str], int]) -> None:
    """When the next key signs for the first time."""
    at = parser.add_mutually_exclusive_group()
    at.add_argument(
        "--in", dest="ahead", type=duration, default=AHEAD, metavar="T", help="first use from now (24h)"
    )
    at.add_argument("--now", action="store_true", help="sign with them at once: who has not fetched, fails")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def add_revoking(parser: argparse.ArgumentParser, *, listing: str) -> None:
    """Which key, and why."""
    parser.add_argument("kid", metavar="KID", help=f"as `{listing}` shows it")
    parser.add_argument("--reason", required=True, metavar="R", help="why; recorded")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def check_ahead(args: argparse.Namespace) -> None:
    """Nobody is to meet a key that they cannot have; raises Failed."""
    if not args.now and args.ahead < SOONEST:
        least = f"--in: at least {SOONEST // 60}m, so that everybody has fetched the key before it signs"
        raise Failed(f"{least}; --now does not wait", code=2)


def say(changes: Sequence[Change], *, args: argparse.Namespace, out: TextIO) -> None:
    """What became of the keys, for people or as JSON."""
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
    at = when(change.at)
    said = {
        KeyStatus.NEXT: f"is published, and signs from {at} on",
        KeyStatus.ACTIVE: "signs",
        KeyStatus.RETIRING: f"signs no more, and is published until {at}",
        KeyStatus.REVOKED: "is revoked: nothing that it signed is trusted here any more",
    }[change.status]
    return f"{change.alg} key {change.kid} {said}{'' if change.made else ' (planned before)'}"


def table(columns: Sequence[str], keys: Sequence[Mapping[str, object]]) -> str:
    """Keys as lines, for people."""
    lines = [tuple(columns), *(tuple(_cell(name, key[name]) for name in columns) for key in keys)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cell(name: str, value: object) -> str:
    if name in _TIMES and isinstance(value, int):
        return when(value)
    return "-" if value is None else str(value)


def when(value: int) -> str:
    """NumericDate for people."""
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
