"""What guesses are tried against: the shared rows without a ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from idjag.idp.audit import Source
from idjag.idp.signin.guesses import Attempt, Kind
from idjag.ledger.entry import Delete, Event, Key, Row, Upsert, Write

NOW = 1_800_000_000
HERE, ELSEWHERE, BROWSER = "203.0.113.5", "198.51.100.9", "b" * 43


@dataclass
class Rows:
    """The shared rows, and what was said of them."""

    now: int = NOW
    rows: dict[str, Row] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def __call__(self, key: Key) -> tuple[Row, ...]:
        return tuple(row for row in self.rows.values() if row.get(key.column) == key.value)

    def carry_out(self, writes: Iterable[Write]) -> None:
        for write in writes:
            match write:
                case Upsert("throttle", row):
                    self.rows[str(row["id"])] = {**self.rows.get(str(row["id"]), {}), **row}
                case Delete("throttle", where):
                    ((column, value),) = where.items()
                    self.rows = {id_: row for id_, row in self.rows.items() if row.get(column) != value}
                case _:
                    raise AssertionError(write)

    def attempt(
        self, account: str = "alice", ip: str = HERE, browser: str | None = None, kind: Kind = Kind.PASSWORD
    ) -> Attempt:
        return Attempt("t1", account, Source("d", self.now, ip, "curl"), browser, kind)

    def wrong(self, attempt: Attempt, person_id: str | None = "p-alice") -> str:
        """One wrong guess, as the sign-in treats it."""
        attempt = replace(attempt, source=replace(attempt.source, now=self.now))
        if attempt.ended(self):
            return "ended"
        if attempt.stopped(self):
            return "stopped"
        locked = attempt.locked(self)
        noted = attempt.failed(self, person_id)
        self.carry_out(noted.writes)
        self.events += noted.events
        return "locked" if locked else "wrong"

    def right(self, attempt: Attempt, *, finished: bool = True) -> str:
        """The right password, likewise; ``finished``: nothing else was asked for."""
        attempt = replace(attempt, source=replace(attempt.source, now=self.now))
        if attempt.ended(self):
            return "ended"
        if attempt.stopped(self):
            return "stopped"
        if attempt.locked(self):
            self.carry_out(attempt.failed(self, "p-alice").writes)
            return "locked"
        self.carry_out(attempt.succeeded(self))
        if finished:
            self.carry_out(attempt.admitted())
        return "in"


def addresses(count: int) -> Iterator[str]:
    return (f"192.0.{number // 250}.{number % 250 + 1}" for number in range(count))
