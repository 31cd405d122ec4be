"""`idjag ras keys`: what a RAS signs its access tokens with: listed, rotated, revoked."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TextIO

from idjag.cli import Failed, key_changes
from idjag.cli.operator import operator
from idjag.cli.ras_store import Opened, add_file, opened
from idjag.cli.ras_things import reason_of
from idjag.durations import LONGEST, format_duration, parse_duration
from idjag.key_rotation import KeyUnknown
from idjag.ras.control import tell

__all__ = ["register", "run"]

_COLUMNS = ("kid", "alg", "status", "created", "activated", "retires")


def register(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun with its verbs."""
    parser = actions.add_parser("keys", help="what access tokens are signed with")
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="every key with its state")
    listing.add_argument("--json", action="store_true", help="as JSON, times in seconds since 1970")
    rotation = verbs.add_parser("rotate", help="publish the next key, and sign with it later")
    key_changes.add_rotation(rotation, duration=_duration)
    revoking = verbs.add_parser("revoke", help="trust a key no more; its tokens are inactive from then on")
    key_changes.add_revoking(revoking, listing="idjag ras keys list")
    for each in (listing, rotation, revoking):
        add_file(each)


def run(args: argparse.Namespace, *, out: TextIO, err: TextIO) -> int:
    """Exit 1 when everything was planned already, 2 for a kid that no living key has."""
    if args.verb == "rotate":
        key_changes.check_ahead(args)
    with opened(args) as store:
        keys, now = store.database.keys, store.now
        if args.verb == "list":
            rows = [asdict(row) for row in keys.listed()]
            print(json.dumps(rows, indent=2) if args.json else key_changes.table(_COLUMNS, rows), file=out)
            return 0
        if args.verb == "rotate":
            ahead = 0 if args.now else args.ahead
            changes = keys.rotate(ahead=ahead, now=now, actor=operator())
        else:
            reason = reason_of(args.reason)
            try:
                changes = keys.revoke(args.kid, reason=reason, now=now, actor=operator())
            except KeyUnknown:
                text = f"no living key has the kid {args.kid}: see idjag ras keys list"
                raise Failed(text, code=2) from None
        _tell(store, err)
    key_changes.say(changes, args=args, out=out)
    return 0 if any(change.made for change in changes) else 1


def _tell(store: Opened, err: TextIO) -> None:
    """Servers on this host know at once; the others look again every few seconds."""
    try:
        problems = [each.problem for each in tell(store.places.control, {"do": "keys"}) if each.problem]
    except OSError as error:
        problems = [str(error)]
    for problem in problems:
        print(f"idjag: a running server knows it some seconds later: {problem}", file=err)


def _duration(text: str) -> int:
    try:
        seconds = parse_duration(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None
    if seconds > LONGEST:
        raise argparse.ArgumentTypeError(f"at most {format_duration(LONGEST)}")
    return seconds
