"""`audit export`: every event as NDJSON or CSV, with a signed receipt of what left (idjag.ledger.exports)."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TextIO, TypeVar

from idjag.cli import Failed
from idjag.cli.operator import operator
from idjag.ledger import exports, trail
from idjag.ledger.entry import Entry, Event, Ledger, Verdict
from idjag.ledger.verification import Trail
from idjag.protocol.jose import PrivateKey
from idjag.protocol.jose.json import JsonValue

__all__ = ["Source", "add_options", "export", "kind_of", "recorder", "reserve"]

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Source:
    """One log, and who vouches for what leaves it; ``key`` None when nothing was ever signed here."""

    ledger: Trail
    tenant: str
    issuer: str
    now: int
    key: PrivateKey | None = field(repr=False)
    record: Callable[[Event, int], None]
    new_id: Callable[[], str]

    @property
    def log(self) -> exports.Log:
        """As it is now."""
        last = self.ledger.head(self.tenant).audit_no
        page = partial(_page, self.ledger, self.tenant)
        return exports.Log(page, last, self.tenant, self.issuer, self.now, self.key, self.record)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What, as what, and where the receipt goes."""
    parser.add_argument("--csv", action="store_true", help="as CSV; its receipt goes to --receipt alone")
    parser.add_argument(
        "--after", type=int, default=0, metavar="ID", help="only what came after this id; 0 if absent"
    )
    parser.add_argument(
        "--receipt", type=Path, metavar="FILE", help="the signed receipt, else the last line (NDJSON)"
    )


def recorder(ledger: Ledger[S], tenant: str) -> Callable[[Event, int], None]:
    """How the event of an export gets into a log."""

    def record(event: Event, now: int) -> None:
        verdict: Verdict[None] = Verdict(None, (event,))
        entry: Entry[S, None] = Entry(
            tenant, str(event.fields["decision_id"]), now, lambda _snapshot, _facts: verdict
        )
        ledger.commit(entry)

    return record


def kind_of(args: argparse.Namespace) -> exports.Kind:
    """As what it leaves."""
    return "csv" if args.csv else "ndjson"


def export(args: argparse.Namespace, source: Source, *, out: TextIO) -> int:
    """Write the log as it is now; raises Failed, before anything leaves, if the receipt cannot be written."""
    log = source.log
    if args.receipt is not None:
        reserve(args.receipt)
    export = exports.begun(
        log,
        after=args.after,
        kind=kind_of(args),
        decision_id=source.new_id(),
        said={"actor": operator()},
    )
    out.writelines(export.lines())
    receipt = export.receipt()
    if receipt is not None and args.receipt is not None:
        args.receipt.write_text(f"{receipt}\n", encoding="ascii")
    elif receipt is not None and not args.csv:
        out.write(export.last_line(receipt))
    return 0


def reserve(path: Path) -> None:
    """An empty file for the receipt; raises Failed."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Failed(f"{path}: {(error.strerror or 'cannot be written').lower()}", code=3) from None


def _page(ledger: Trail, tenant: str, after: int, limit: int) -> list[dict[str, JsonValue]]:
    return trail.events(ledger, tenant, after_no=after, limit=limit)
