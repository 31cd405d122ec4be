"""``idjag hold`` and ``idjag release``: the kill switch, from the host."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from idjag.cli import Failed
from idjag.cli.state_file import operator
from idjag.cli.store import opened
from idjag.cli.times import until
from idjag.idp.catalog.fields import is_clean
from idjag.idp.holds import KINDS, find, place, release
from idjag.idp.holds_shown import shown
from idjag.idp.questions import UnknownName
from idjag.policy.model import Hold

__all__ = ["print_holds", "register", "run"]

_LONGEST_REASON = 500
_MEMBERS = ("id", "kind", "key", "app", "reason", "by", "since", "until")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands: whichever is called, one module answers."""
    summaries = {
        "hold": "stop a user, app, connection or resource app now, until it is released",
        "release": "release every hold on a user, app, connection or resource app",
    }
    for name, summary in summaries.items():
        if name in subparsers.choices:
            continue
        parser = subparsers.add_parser(name, help=summary, description=summary)
        parser.add_argument("kind", choices=KINDS, help="what kind of thing ID is")
        parser.add_argument("id", metavar="ID", help="user name, or id of the state file")
        parser.add_argument("--reason", required=True, metavar="R", help="why; recorded")
        parser.add_argument("--app", metavar="APP", help="with user: in this requesting app alone")
        parser.add_argument("--json", action="store_true", help="the answer as JSON")
        if name == "hold":
            parser.add_argument(
                "--until", type=until, metavar="T", help="ends by itself: 2h, or 2027-01-15T08:00:00Z"
            )


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 1 when there was nothing to release; 2 for a name that leads nowhere."""
    if args.app is not None and args.kind != "user":
        raise Failed("--app is for a user: the app in which that person is held", code=2)
    reason = args.reason.strip()
    if not 0 < len(reason) <= _LONGEST_REASON or not is_clean(reason):
        raise Failed(f"--reason: 1 to {_LONGEST_REASON} visible characters on one line", code=2)
    with opened(args, environ, err) as store:
        try:
            target = find(store, args.kind, args.id, app=args.app)
        except UnknownName as unknown:
            raise Failed(str(unknown), code=2) from None
        if args.command == "hold":
            ends = _until(args.until, now=store.clock())
            holds: Sequence[Hold] = [place(store, target, actor=operator(), reason=reason, until=ends)]
        else:
            holds = release(store, target, actor=operator(), reason=reason)
        return print_holds(shown(store, holds), args, out=out)


def _until(given: tuple[int, bool] | None, *, now: int) -> int | None:
    if given is None:
        return None
    value, from_now = given
    ends = now + value if from_now else value
    if ends <= now:
        raise Failed("--until has passed already", code=2)
    return ends


def print_holds(holds: Sequence[Mapping[str, Any]], args: argparse.Namespace, *, out: TextIO) -> int:
    """Holds as ``holds_shown`` says them, from here or from a server; the exit code."""
    if args.json:
        print(
            json.dumps({"holds": [{name: hold[name] for name in _MEMBERS} for hold in holds]}, indent=2),
            file=out,
        )
    for hold in () if args.json else holds:
        print(f"{'held' if args.command == 'hold' else 'released'}: {hold['text']}", file=out)
    if not holds and not args.json:
        print(f"nothing to release: no hold on {args.kind} {args.id}", file=out)
    return 0 if holds else 1
