"""A log as a file that leaves: oldest row first, read page by page, ended by a signed receipt.

The event of the export is durable before the first line leaves.  The receipt is a JWS by an active signing
key over the digest of all lines: whoever has the file and our JWK Set needs nothing else to check it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from idjag.ledger.copies import as_csv_lines, as_ndjson_lines
from idjag.ledger.entry import Event
from idjag.protocol.jose import PrivateKey, jws
from idjag.protocol.jose.json import JsonValue

__all__ = ["EVENT", "RECEIPT_TYP", "Export", "Kind", "Log", "begun"]

Kind: TypeAlias = Literal["csv", "ndjson"]
Page: TypeAlias = Callable[[int, int], Sequence[Mapping[str, JsonValue]]]
"""Events after a number, so many at most (``trail.event_of``)."""

EVENT: Final = "audit.exported"
RECEIPT_TYP: Final = "idjag-audit-export+jwt"
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Log:
    """One log up to the row ``last``, and who vouches for what leaves it.

    ``key`` None: nothing was ever signed here.  ``now`` is NumericDate.
    """

    page: Page = field(repr=False)
    last: int
    tenant: str
    issuer: str
    now: int
    key: PrivateKey | None = field(repr=False)
    record: Callable[[Event, int], None] = field(repr=False)


@dataclass(slots=True)
class Export:
    """One that is in the log; its receipt is of the lines that were taken, once that is all of them."""

    log: Log
    after: int
    kind: Kind
    decision_id: str
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256, repr=False)
    _rows: int = 0
    _whole: bool = False

    def lines(self) -> Iterator[str]:
        """Every line of the file, each with its end."""
        events = self._events()
        for text in as_csv_lines(events) if self.kind == "csv" else as_ndjson_lines(events):
            self._digest.update(text.encode())
            self._rows += 1
            yield text
        self._whole = True

    def receipt(self) -> str | None:
        """The JWS over all lines; None when nothing signs here."""
        if not self._whole:
            raise RuntimeError("a receipt is of a whole file")
        if self.log.key is None:
            return None
        claims: dict[str, JsonValue] = {
            "iss": self.log.issuer,
            "iat": self.log.now,
            "jti": self.decision_id,
            "tenant": self.log.tenant,
            "after": self.after,
            "last": self.log.last,
            "lines": self._rows,
            "sha256": self._digest.hexdigest(),
        }
        return jws.sign(claims, key=self.log.key, typ=RECEIPT_TYP)

    def last_line(self, receipt: str | None) -> str:
        """The line that says that nothing is missing before it."""
        said = {"event": EVENT, "time": self.log.now, "tenant": self.log.tenant}
        return f"{json.dumps({**said, 'decision_id': self.decision_id, 'receipt': receipt})}\n"

    def _events(self) -> Iterator[Mapping[str, JsonValue]]:
        after, last = self.after, self.log.last
        while after < last:
            page = self.log.page(after, min(_PAGE, last - after))
            for event in page:
                after = int(str(event["id"]))
                if after > last:
                    return
                yield event
            if not page:
                return


def begun(log: Log, *, after: int, kind: Kind, decision_id: str, said: Mapping[str, object]) -> Export:
    """An export of the rows after a number; ``said``: who asked, as the event tells it.

    The log tells of it from now on.
    """
    what = {"after": after, "last": log.last, "format": kind}
    log.record(Event(EVENT, {"decision_id": decision_id, **said, "after": what}), log.now)
    return Export(log, after, kind, decision_id)
