"""How many failures are borne, and for how long the next ones are stopped: rows that all nodes share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from idjag.idp.facts import integer
from idjag.ledger.entry import Facts, Key, Upsert, Value

__all__ = ["Count", "Limit", "account_key", "count_of", "key_of"]

_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Count:
    """Failures so far; they are forgotten at ``until`` (NumericDate)."""

    failures: int = 0
    until: int = 0

    def written(self, key: Key, *, tenant: str, account: str = "") -> Upsert:
        """The row that says so; ``account`` is what somebody can be unlocked by, if it is about one."""
        row: dict[str, Value] = {"id": key.value, "tenant_id": tenant}
        row |= {"failures": self.failures, "until": self.until}
        return Upsert("throttle", {**row, "account": account} if account else row)


@dataclass(frozen=True, slots=True)
class Limit:
    """``borne`` failures are; the last of them, and each one after it, begins a pause.

    All in seconds.  ``memory``: how long failures count, from the last one, or from the first when ``fixed``;
    then a pause lasts until they are forgotten.  Otherwise it is ``pause`` and doubles up to ``longest``.
    """

    borne: int
    memory: int
    pause: int = 0
    longest: int = 0
    fixed: bool = False

    def wait(self, count: Count, *, now: int) -> int:
        """Seconds for which the next attempt is stopped; 0 when it is not."""
        if count.failures < self.borne or not self._counts(count, now=now):
            return 0
        if self.fixed:
            return count.until - now
        doublings = min(count.failures - self.borne, _MOST_DOUBLINGS)
        ends = count.until - self.memory + min(self.pause << doublings, self.longest)
        return max(0, ends - now)

    def after(self, count: Count, more: int = 1, *, now: int) -> Count:
        """The count with further failures of now."""
        if not self._counts(count, now=now):
            return Count(more, now + self.memory)
        until = count.until if self.fixed else now + self.memory
        return Count(count.failures + more, until)

    def _counts(self, count: Count, *, now: int) -> bool:
        # an end further away than the memory was written under a clock that ran ahead: it stops nobody
        return now < count.until <= now + self.memory


def key_of(*parts: str) -> Key:
    """The row for these parts, of which nothing stands in it."""
    return Key("throttle", "id", _digest_of(*parts))


def account_key(tenant: str, account: str) -> Key:
    """Every count that is about this user name alone: what unlocking it removes."""
    return Key("throttle", "account", _digest_of(tenant, "account", account))


def _digest_of(*parts: str) -> str:
    """One name for several parts, however long they are and whatever is in them."""
    octets = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(octets).hexdigest()


def count_of(found: Facts, key: Key) -> Count:
    """What the row says; nothing when there is none."""
    rows = found(key)
    return Count(integer(rows[0], "failures"), integer(rows[0], "until")) if rows else Count()
