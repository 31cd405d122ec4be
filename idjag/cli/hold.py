"""``idjag hold`` and ``idjag release``: the kill switch, from the host."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import TextIO

from idjag.cli import Failed
from idjag.cli.state_file import operator
from idjag.cli.store import opened
from idjag.cli.times import until
from idjag.idp.catalog.fields import is_clean
from idjag.idp.holds import KINDS, Target, find, place, release
from idjag.idp.questions import UnknownName
from idjag.idp.tenancy import Store
from idjag.policy.explain import Names, hold_sentence
from idjag.policy.model import Hold, HoldKind

__all__ = ["register", "run"]

_LONGEST_REASON = 500
_PEOPLE = frozenset({HoldKind.USER, HoldKind.USER_IN_APP})


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
        _print(store, target, holds, args=args, out=out)
    return 0 if holds else 1


def _until(given: tuple[int, bool] | None, *, now: int) -> int | None:
    if given is None:
        return None
    value, from_now = given
    ends = now + value if from_now else value
    if ends <= now:
        raise Failed("--until has passed already", code=2)
    return ends


def _print(
    store: Store, target: Target, holds: Sequence[Hold], *, args: argparse.Namespace, out: TextIO
) -> None:
    if args.json:
        print(json.dumps({"holds": [_members(hold, target) for hold in holds]}, indent=2), file=out)
        return
    policy = store.ledger.fresh(store.tenant).policy
    names = Names(people={target.id: target.key} if target.kind in _PEOPLE else {})
    verb = "held" if args.command == "hold" else "released"
    for hold in holds:
        print(f"{verb}: {hold_sentence(hold, policy=policy, names=names)}", file=out)
    if not holds:
        print(f"nothing to release: no hold on {args.kind} {target.key}", file=out)


def _members(hold: Hold, target: Target) -> dict[str, object]:
    return {
        "id": hold.id,
        "kind": hold.kind,
        "key": target.key,
        "app": target.app_key or None,
        "reason": hold.reason,
        "by": hold.by,
        "since": hold.since,
        "until": hold.until,
    }
