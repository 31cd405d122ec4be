"""``idjag audit``: list and export the audit log, and verify its chain."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TextIO

from idjag.cli import NotBuilt
from idjag.cli.store import opened
from idjag.idp import facts
from idjag.idp.app import Store
from idjag.ledger import trail
from idjag.ledger.entry import Key
from idjag.protocol.jose.json import JsonValue

__all__ = ["register", "run"]

_PAGE = 1000
_ABOUT = {"subject": "user", "requesting_app": "app", "resource_app": "to", "actor": "by"}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("audit", help="list, export and verify the audit log")
    actions = parser.add_subparsers(dest="action", required=True)
    export = actions.add_parser("export", help="every event as NDJSON, oldest first")
    export.add_argument("--csv", action=NotBuilt, nargs=0, help="not built")
    listing = actions.add_parser("list", help="the latest events, a line each; ref is what people are shown")
    listing.add_argument("--last", type=_number, default=20, metavar="N", help="how many; 20 if absent")
    actions.add_parser("verify", help="recompute the chain; exit 1 and say where it breaks")


def _number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return int(text)


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run one action."""
    with opened(args, environ, err) as store:
        if args.action == "verify":
            broken = trail.check(store.ledger, store.tenant, key=store.chain_key)
            print(f"broken at row {broken.no}: {broken.why}" if broken else "verified", file=out)
            return 1 if broken else 0
        after = 0
        if args.action == "list":
            after = max(0, store.ledger.head(store.tenant).audit_no - args.last)
        while events := trail.events(store.ledger, store.tenant, after_no=after, limit=_PAGE):
            for line in _lines(store, events) if args.action == "list" else map(_json, events):
                print(line, file=out)
            after = int(str(events[-1]["id"]))
    return 0


def _json(event: Mapping[str, JsonValue]) -> str:
    return json.dumps(event, ensure_ascii=False)


def _lines(store: Store, events: Sequence[Mapping[str, JsonValue]]) -> Iterator[str]:
    """When, what and why; who and where, each with its word; and the reference that people are shown."""
    names = _names(store, events)
    for event in events:
        when = datetime.fromtimestamp(int(str(event["time"])), UTC)
        parts = [f"{when:%Y-%m-%dT%H:%M:%SZ}", str(event["event"])]
        parts += [str(event["reason"])] if event["reason"] else []
        parts += [f"{word}={_said(event[field], names)}" for field, word in _ABOUT.items() if event[field]]
        yield "  ".join([*parts, f"ref={event['decision_id']}"])


def _said(value: JsonValue, names: Mapping[str, str]) -> str:
    if isinstance(value, dict):  # an actor
        return f"{value['kind']}:{_said(value['id'], names)}"
    text = names.get(str(value), str(value))
    # Nothing that a stranger sent begins a line or moves a terminal's cursor.
    return text if text.isprintable() else ascii(text)


def _names(store: Store, events: Sequence[Mapping[str, JsonValue]]) -> dict[str, str]:
    """What people call the apps and people that are there; what is gone keeps its id."""
    policy = store.ledger.fresh(store.tenant).policy
    apps = {app.id: app.key for app in policy.apps.values()}
    targets = {target.id: target.key for target in policy.resource_apps.values()}
    ids = dict.fromkeys(str(event["subject"]) for event in events if event["subject"])
    keys = tuple(Key("person", "id", one) for one in ids)
    found = store.ledger.read(keys)
    people = {key.value: facts.string(row, "username") for key in keys for row in found(key)}
    return apps | targets | people
