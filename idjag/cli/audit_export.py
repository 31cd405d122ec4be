"""`audit export`: every event as NDJSON or CSV, read page by page, with a signed receipt of what left.

The event of the export is durable before the first line leaves.  The receipt is a JWS by an active signing
key over the digest of all lines: whoever has the file and our JWK Set needs nothing else to check it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO, TypeVar

from idjag.cli import Failed
from idjag.cli.operator import operator
from idjag.ledger import trail
from idjag.ledger.copies import as_csv_lines, as_ndjson_lines
from idjag.ledger.entry import Entry, Event, Ledger, Verdict
from idjag.ledger.verification import Trail
from idjag.protocol.jose import PrivateKey, jws
from idjag.protocol.jose.json import JsonValue

__all__ = ["RECEIPT_TYP", "Source", "add_options", "export", "recorder"]

S = TypeVar("S")
RECEIPT_TYP: Final = "idjag-audit-export+jwt"
_EVENT: Final = "audit.exported"
_PAGE: Final = 1000


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


def export(args: argparse.Namespace, source: Source, *, out: TextIO) -> int:
    """Write the log as it is now; raises Failed, before anything leaves, if the receipt cannot be written."""
    last = source.ledger.head(source.tenant).audit_no
    decision_id = source.new_id()
    if args.receipt is not None:
        _reserve(args.receipt)
    after = {"after": args.after, "last": last, "format": "csv" if args.csv else "ndjson"}
    event = Event(_EVENT, {"decision_id": decision_id, "actor": operator(), "after": after})
    source.record(event, source.now)
    digest = hashlib.sha256()
    rows = 0
    for text in _texts(source, after_no=args.after, last=last, as_csv=args.csv):
        digest.update(text.encode())
        out.write(text)
        rows += 1
    claims: dict[str, JsonValue] = {
        "iss": source.issuer,
        "iat": source.now,
        "jti": decision_id,
        "tenant": source.tenant,
        "after": args.after,
        "last": last,
        "lines": rows,
        "sha256": digest.hexdigest(),
    }
    _give(args, claims, source, out=out)
    return 0


def _give(args: argparse.Namespace, claims: Mapping[str, JsonValue], source: Source, *, out: TextIO) -> None:
    if source.key is None:
        return
    receipt = jws.sign(claims, key=source.key, typ=RECEIPT_TYP)
    if args.receipt is not None:
        args.receipt.write_text(f"{receipt}\n", encoding="ascii")
    elif not args.csv:
        line = {"event": _EVENT, "time": source.now, "tenant": source.tenant, "decision_id": claims["jti"]}
        out.write(f"{json.dumps({**line, 'receipt': receipt})}\n")


def _reserve(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Failed(f"{path}: {(error.strerror or 'cannot be written').lower()}", code=3) from None


def _texts(source: Source, *, after_no: int, last: int, as_csv: bool) -> Iterator[str]:
    events = _events(source, after_no=after_no, last=last)
    return as_csv_lines(events) if as_csv else as_ndjson_lines(events)


def _events(source: Source, *, after_no: int, last: int) -> Iterator[dict[str, JsonValue]]:
    while after_no < last:
        page = trail.events(
            source.ledger, source.tenant, after_no=after_no, limit=min(_PAGE, last - after_no)
        )
        for event in page:
            after_no = int(str(event["id"]))
            if after_no > last:
                return
            yield event
        if not page:
            return
