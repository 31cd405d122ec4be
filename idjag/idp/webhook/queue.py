"""Notices as rows: each is written once, whichever nodes find it and however often; a thousand at most wait.

What makes it once is a one-time id of the ledger: it is used up by the transaction that writes the row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

from idjag.idp.facts import integer, string
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, OneTime, Row, Verdict

__all__ = ["GIVEN_UP", "MOST", "TABLE", "Notice", "Waiting", "order", "test", "waiting"]

TABLE: Final = "notice"
GIVEN_UP: Final = 3 * 24 * 3600
"""Seconds after which nobody tries any more."""

MOST: Final = 1000
"""Notices that wait: what is found beyond is found again when there is room."""

_PATIENCE: Final = 10.0
_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told: ``id`` is the same for whoever finds it, ``until`` when it can be found no more."""

    id: str
    event: str
    until: int
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is not delivered yet: how many lines, since when, and why the last try failed, if it did."""

    lines: int = 0
    since: int | None = None
    problem: str = ""


def order(store: Store, notices: Sequence[Notice]) -> list[str]:
    """Write those that nobody has written yet, as far as there is room; the ids that are settled.

    Raises Unavailable.
    """
    room = MOST - waiting(store).lines
    settled: list[str] = []
    for start in range(0, min(room, len(notices)), _AT_ONCE):
        some = notices[start : min(start + _AT_ONCE, room)]
        futures: list[Future[None]] = [store.ledger.submit(_entry(store, one)) for one in some]
        for one, future in zip(some, futures, strict=True):
            future.result(_PATIENCE)
            settled.append(one.id)
    return settled


def waiting(store: Store) -> Waiting:
    """How it stands now; raises Unavailable."""
    key = Key(TABLE, "tenant_id", store.tenant)
    rows = store.ledger.read((key,))(key)
    # of those that were tried, the one that was tried last says most
    tried = max(rows, key=lambda row: (integer(row, "attempts") > 0, integer(row, "due")), default=None)
    return Waiting(
        lines=len(rows),
        since=min((integer(row, "created") for row in rows), default=None),
        problem=string(tried, "problem") if tried is not None else "",
    )


def test(store: Store, actor: Mapping[str, str]) -> None:
    """One line that says nothing but that it was asked for; raises Unavailable."""
    now, notice_id = store.clock(), f"test.{store.new_id()}"
    notice = Notice(notice_id, "webhook.test", now + GIVEN_UP)
    store.ledger.commit(_entry(store, notice, Event("webhook.tested", {"actor": dict(actor)})))


def _entry(store: Store, notice: Notice, *events: Event) -> Entry[Any, None]:
    now, tenant = store.clock(), store.tenant
    line = {"id": notice.id, "time": now, "event": notice.event, "issuer": store.issuer, **notice.said}
    row: Row = {
        "id": notice.id,
        "tenant_id": tenant,
        "line": json.dumps(line, ensure_ascii=False, separators=(",", ":")),
        "attempts": 0,
        "problem": "",
        "due": now,
        "created": now,
        "expires": now + GIVEN_UP,
    }

    def decide(_snapshot: object, _facts: Facts) -> Verdict[None]:
        return Verdict(None, events, (Insert(TABLE, row),))

    def lost(_one_time: OneTime) -> Verdict[None]:
        return Verdict(None, (), succeeded=False)

    once = OneTime(TABLE, tenant, notice.id, notice.until)
    holder = store.new_id()
    return Entry(tenant, holder, now, decide, lost, consume_on_success=(once,), client="webhook")
