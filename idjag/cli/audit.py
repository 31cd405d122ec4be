"""``idjag audit``: export the audit log as NDJSON, and verify its chain."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TextIO

from idjag.cli.store import opened
from idjag.ledger import trail

__all__ = ["register", "run"]

_PAGE = 1000


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("audit", help="list, export and verify the audit log")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("export", help="every event as NDJSON, oldest first")
    actions.add_parser("list", help="the latest events, a line each").add_argument(
        "--last", type=int, default=20, metavar="N"
    )
    actions.add_parser("verify", help="recompute the chain; exit 1 and say where it breaks")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run one action."""
    with opened(args, environ, err) as store:
        if args.action == "verify":
            broken = trail.check(store.ledger, store.tenant, key=store.chain_key)
            print(f"broken at row {broken.no}: {broken.why}" if broken else "verified", file=out)
            return 1 if broken else 0
        after = 0
        if args.action == "list":
            after = max(0, store.ledger.head(store.tenant).audit_no - max(0, args.last))
        while events := trail.events(store.ledger, store.tenant, after_no=after, limit=_PAGE):
            for event in events:
                print(
                    json.dumps(event, ensure_ascii=False) if args.action == "export" else _line(event),
                    file=out,
                )
            after = int(str(events[-1]["id"]))
    return 0


def _line(event: Mapping[str, object]) -> str:
    known = ("time", "event", "reason", "subject", "requesting_app", "resource_app", "decision_id")
    return "  ".join(str(event[name]) for name in known if event.get(name) is not None)
