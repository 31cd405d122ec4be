"""Reading an audit log on the command line: the same actions for the IdP's and for the RAS's."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO, TypeAlias

from idjag.cli import Failed, audit_export, audit_offline
from idjag.ledger import checkpoint, trail
from idjag.ledger.verification import Verified, verify
from idjag.protocol.jose.json import JsonValue

__all__ = ["AuditEvents", "Log", "add_actions", "lines", "read", "when"]

AuditEvents: TypeAlias = Sequence[Mapping[str, JsonValue]]

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Log:
    """One chain; ``about`` says which fields a line shows, each with its word.

    ``export``: the log as something that may leave.  ``names``: what people call the ids in some events;
    what has no name keeps its id.  ``kept``: who is told what verifying has found.
    """

    ledger: trail.Trail
    tenant: str
    chain_key: bytes = field(repr=False)
    about: Mapping[str, str]
    export: Callable[[], audit_export.Source]
    names: Callable[[AuditEvents], Mapping[str, str]] = lambda _: {}
    kept: Callable[[Verified], None] = lambda _: None


def add_actions(
    parser: argparse.ArgumentParser,
    *,
    dest: str = "action",
    also: Callable[[argparse._SubParsersAction[argparse.ArgumentParser]], None] = lambda _: None,
) -> tuple[argparse.ArgumentParser, ...]:
    """Add the three actions, and what ``also`` adds; their parsers, for further options."""
    actions = parser.add_subparsers(dest=dest, required=True)
    export = actions.add_parser("export", help="every event as NDJSON, oldest first")
    audit_export.add_options(export)
    listing = actions.add_parser("list", help="the latest events, a line each; ref is what people are shown")
    listing.add_argument("--last", type=_number, default=20, metavar="N", help="how many; 20 if absent")
    verifying = actions.add_parser("verify", help="recompute the chain; exit 1 and say where it breaks")
    verifying.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="compare with what was written there meanwhile"
    )
    audit_offline.add_options(verifying)
    also(actions)
    return export, listing, verifying


def read(action: str, args: argparse.Namespace, log: Log, *, out: TextIO) -> int:
    """Carry out one action; exit 1 for a chain that is broken."""
    if action == "export":
        return audit_export.export(args, log.export(), out=out)
    if action == "verify":
        return _verify(args, log, out=out)
    after = max(0, log.ledger.head(log.tenant).audit_no - args.last)
    while events := trail.events(log.ledger, log.tenant, after_no=after, limit=_PAGE):
        for line in lines(events, about=log.about, names=log.names(events)):
            print(line, file=out)
        after = int(str(events[-1]["id"]))
    return 0


def _verify(args: argparse.Namespace, log: Log, *, out: TextIO) -> int:
    checkpoints = [] if args.checkpoint is None else _checkpoints(args.checkpoint, log)
    done = verify(log.ledger, log.tenant, key=log.chain_key, checkpoints=checkpoints)
    log.kept(done)
    if done.broken:
        print(f"broken at row {done.broken.no}: {done.broken.why}", file=out)
        return 1
    for line in _remarks(done):
        print(line, file=out)
    print("verified" + (f" against {done.compared} checkpoints" if args.checkpoint else ""), file=out)
    return 0


def _checkpoints(path: Path, log: Log) -> list[checkpoint.Checkpoint]:
    try:
        found = checkpoint.of_file(path, key=log.chain_key)
    except OSError as error:
        raise Failed(f"{path}: {(error.strerror or 'cannot be read').lower()}", code=2) from None
    if not any(each.tenant == log.tenant for each in found):
        raise Failed(f"{path}: there is no checkpoint of this log in it", code=2)
    return found


def _remarks(done: Verified) -> Iterator[str]:
    """What is not there any more, and why that is right."""
    if done.start is not None:
        until = when(done.start.until)
        yield f"begins with row {done.first}: what was older than {until} was pruned"
    for each in done.lost:
        yield f"rows {each.after_no + 1} to {each.no} or more, known at {when(each.time)}, lost by a restore"


def _number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return int(text)


def when(time: int) -> str:
    """NumericDate for people."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"


def lines(events: AuditEvents, *, about: Mapping[str, str], names: Mapping[str, str]) -> Iterator[str]:
    """When, what and why; who and where, each with its word; and the reference that people are shown.

    ``about`` and ``names`` as a Log has them.
    """
    for event in events:
        parts = [when(int(str(event["time"]))), str(event["event"])]
        parts += [str(event["reason"])] if event["reason"] else []
        parts += [f"{word}={_said(event[name], names)}" for name, word in about.items() if event[name]]
        yield "  ".join([*parts, f"ref={event['decision_id']}"])


def _said(value: JsonValue, names: Mapping[str, str]) -> str:
    if isinstance(value, dict):  # an actor
        return f"{value['kind']}:{_said(value['id'], names)}"
    text = names.get(str(value), str(value))
    # Nothing that a stranger sent begins a line or moves a terminal's cursor.
    return text if text.isprintable() else ascii(text)
