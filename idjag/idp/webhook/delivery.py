"""Sending notices: claimed, signed, posted as NDJSON, and tried again until somebody takes them.

Each try of a notice is claimed first, by a one-time id: of several nodes one makes it, and whoever dies in it
leaves the notice to be tried again.  A notice may so come twice (its ``id`` says so), and none is forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from idjag.idp.facts import integer, string
from idjag.idp.tenancy import Store
from idjag.idp.webhook.queue import TABLE
from idjag.idp.webhook.signature import HEADER, signature
from idjag.ledger.entry import Delete, Entry, Event, Facts, Key, OneTime, Row, Update, Verdict, Write
from idjag.trust.fetch import Fetched, FetchFailed
from idjag.trust.outbound import parse_url

__all__ = ["MEDIA_TYPE", "Delivery", "Sender", "wait_after"]

MEDIA_TYPE: Final = "application/x-ndjson"
_GOOD: Final = (200, 201, 202, 204)
_AT_ONCE: Final = 100  # lines of one POST: 100 KB at most
_ALL: Final = 1000
_CLAIMED_AT_ONCE: Final = 16  # entries of one client that wait are 64 at most, and others watch
_LEASE: Final = 60  # seconds within which a try is over, or its node is
_MAX_ANSWER: Final = 4096
_PATIENCE: Final = 10.0
_WAITS: Final = (10, 30, 120, 300, 900, 3600)

log = logging.getLogger("idjag.idp.webhook")

Due: TypeAlias = Callable[..., Sequence[str]]
"""``due(table, column, before=, limit=)``: ids of rows whose time has come."""


class Sender(Protocol):
    """The one way out; ``idjag.trust.fetch.PinnedFetcher`` is it."""

    def post(
        self,
        url: str,
        form: bytes,
        *,
        max_bytes: int,
        good: tuple[int, ...],
        media_type: str,
        headers: Mapping[str, str],
    ) -> Fetched:
        """Send this; raises FetchFailed."""
        ...


def wait_after(attempts: int) -> int:
    """Seconds from a failed try to the next; ``attempts`` counts those that were made."""
    return _WAITS[min(attempts, len(_WAITS)) - 1]


@dataclass(frozen=True, slots=True)
class Delivery:
    """The deliveries of one node to ``url``, which is never told to anybody: it may hold a secret."""

    store: Store = field(repr=False)
    sender: Sender = field(repr=False)
    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    due: Due

    def run(self, stopping: Callable[[float], bool]) -> None:
        """Send until nothing is due, nobody takes it or the process stops; raises Unavailable."""
        while not stopping(0) and self._round():
            pass

    def _round(self) -> bool:
        """One POST; whether there may be more to send at once."""
        rows = self._due(_AT_ONCE)
        claimed = self._claimed(rows, now=self.store.clock())
        if not claimed:
            return False
        now = self.store.clock()
        if over := [row for row in claimed if integer(row, "expires") <= now]:
            self._settle(over, "notice.abandoned", problem="nobody took it in three days")
            log.error("the webhook has taken %d notices in no try: they are given up", len(over))
        if not (told := [row for row in claimed if row not in over]):
            return True
        problem = self._sent(told, now=now)
        if problem is None:
            self._settle(told, "notice.delivered")
            return True
        self._postpone(told, problem)
        return False

    def _due(self, limit: int) -> list[Row]:
        now = self.store.clock()
        keys = [Key(TABLE, "id", one) for one in self.due(TABLE, "due", before=now, limit=limit)]
        found = self.store.ledger.read(keys) if keys else None
        rows = [row for key in keys if found for row in found(key)]
        # another node may have taken it between the two looks: then it is not due any more
        return [row for row in rows if row["tenant_id"] == self.store.tenant and integer(row, "due") <= now]

    def _claimed(self, rows: Sequence[Row], *, now: int) -> list[Row]:
        """Those of which this try is ours, the oldest first; raises Unavailable."""
        futures: list[Future[bool]] = []
        for start in range(0, len(rows), _CLAIMED_AT_ONCE):
            some = [
                self.store.ledger.submit(self._claim(row, now=now))
                for row in rows[start : start + _CLAIMED_AT_ONCE]
            ]
            for future in some:
                future.result(_PATIENCE)
            futures += some
        ours = [row for row, future in zip(rows, futures, strict=True) if future.result(0)]
        return sorted(ours, key=lambda row: (integer(row, "created"), string(row, "id")))

    def _claim(self, row: Row, *, now: int) -> Entry[Any, bool]:
        key, found_as = Key(TABLE, "id", string(row, "id")), _as_found(row)

        def decide(_snapshot: object, found: Facts) -> Verdict[bool]:
            if not any(_as_found(each) == found_as for each in found(key)):
                return Verdict(False, (), succeeded=False)
            values = {"attempts": integer(row, "attempts") + 1, "due": now + _LEASE}
            return Verdict(True, (), (Update(TABLE, found_as, values),))

        def lost(_one_time: OneTime) -> Verdict[bool]:
            return Verdict(False, (), succeeded=False)

        value = f"{string(row, 'id')} {integer(row, 'attempts')} {integer(row, 'due')}"
        once = OneTime("notice_try", self.store.tenant, value, integer(row, "expires") + _LEASE)
        return Entry(
            self.store.tenant,
            self.store.new_id(),
            now,
            decide,
            lost,
            reads=(key,),
            consume_on_success=(once,),
            client="webhook",
        )

    def _sent(self, rows: Sequence[Row], *, now: int) -> str | None:
        """One try; how it failed, if it did.

        Why stands in the log alone: that may tell of our network, and more people read the console.
        """
        body = "".join(f"{string(row, 'line')}\n" for row in rows).encode()
        try:
            self.sender.post(
                self.url,
                body,
                max_bytes=_MAX_ANSWER,
                good=_GOOD,
                media_type=MEDIA_TYPE,
                headers={HEADER: signature(self.secret, body, now=now)},
            )
        except FetchFailed as failed:
            log.warning(
                "the webhook did not take %d notices: %s", len(rows), self._without_path(failed.problem)
            )
            return failed.outcome
        return None

    def _without_path(self, problem: str) -> str:
        """The sentence without the path of the address, in which many services keep their secret."""
        target = parse_url(self.url)
        return problem.replace(target.shown, f"{target.scheme}://{target.authority}")

    def _settle(self, rows: Sequence[Row], event: str, *, problem: str = "") -> None:
        self._note(rows, event, [Delete(TABLE, {"id": row["id"]}) for row in rows], problem=problem)

    def _postpone(self, rows: Sequence[Row], problem: str) -> None:
        """What waits beside them waits as long: it would not be taken either."""
        now, tries = self.store.clock(), max(integer(row, "attempts") for row in rows) + 1
        due = now + wait_after(tries)
        writes: list[Write] = [
            Update(TABLE, {"id": row["id"]}, {"due": due, "problem": problem}) for row in rows
        ]
        writes += [Update(TABLE, _as_found(row), {"due": due}) for row in self._due(_ALL)]
        self._note(rows, "notice.failed", writes, problem=problem)

    def _note(self, rows: Sequence[Row], event: str, writes: Sequence[Write], *, problem: str) -> None:
        """One event for one POST; raises Unavailable, and then it is sent again."""
        tried: dict[str, object] = {
            "lines": len(rows),
            "attempts": max(integer(row, "attempts") for row in rows) + 1,
        }
        inputs = {**tried, "problem": problem} if problem else tried
        said = Event(event, {"actor": {"kind": "system", "id": "idjag"}, "inputs": inputs})

        def decide(_snapshot: object, _found: Facts) -> Verdict[None]:
            return Verdict(None, (said,), writes)

        entry: Entry[Any, None] = Entry(
            self.store.tenant, self.store.new_id(), self.store.clock(), decide, client="webhook"
        )
        self.store.ledger.commit(entry)


def _as_found(row: Row) -> Row:
    """What its row says, unless somebody was there meanwhile."""
    return {name: row[name] for name in ("id", "attempts", "due")}
