"""Slows down whoever guesses client credentials: failures counted in rows that all nodes share.

XCH-63, attack case 38.  A stranger who fails in a client's name stops nobody but the address that he uses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

from idjag.idp.audit import Source
from idjag.idp.limits import Count, Limit, count_of, key_of
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Entry, Facts, Key, Verdict
from idjag.protocol.addresses import network_of
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.http import Reply

__all__ = ["Guesser", "Throttle"]

T = TypeVar("T")

# Failures are written down a few at a time: a guess must not cost the database a commit each.
_STEP = 5
_MOST = 10_000
_NAMES = 64  # that are told apart at one source: strangers can invent any number of them
# What the client publishes cannot be had: nobody has guessed anything yet.
_NO_GUESS = frozenset({Reason.CLIENT_KEYS_UNAVAILABLE, Reason.CLIENT_METADATA_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Guesser:
    """Who may be guessing: a source, in the name of a client.

    Names are counted by a few bits of their digest, those that no client has like all others: being stopped
    must tell nobody which names exist.
    """

    tenant: str
    client: str
    ip: str

    @property
    def key(self) -> Key:
        """The row of the shared counter; names and addresses do not stand in it."""
        return _key(self.tenant, self.client, self.ip)


class Throttle:
    """After ``limit`` failures a client is refused from that source for ``pause`` seconds.

    One process counts up to a handful by itself before it adds them to the shared row, so that a cluster
    may allow a handful more for each of its workers.
    """

    def __init__(self, *, limit: int = 20, pause: int = 60) -> None:
        self._limit = Limit(limit, memory=pause, pause=pause, longest=pause)
        self._pause = pause
        self._unwritten: dict[str, Count] = {}
        self._stopped: dict[str, int] = {}

    def check(self, guesser: Guesser, *, now: int) -> None:
        """Refuse without a look at the database whom this process knows to be stopped; raises Refused."""
        until = self._stopped.get(guesser.key.value, 0)
        if now < until <= now + self._pause:
            raise _stopped(until - now)

    def guarded(
        self, entry: Entry[Snapshot, Reply], guesser: Guesser, *, refused: Callable[[Refused], Verdict[Reply]]
    ) -> Entry[Snapshot, Reply]:
        """The entry, decided only if no node has stopped the client at that source."""
        key, decide = guesser.key, entry.decide

        def decide_unless_stopped(snapshot: Snapshot, found: Facts) -> Verdict[Reply]:
            count = count_of(found, key)
            if self._limit.wait(count, now=entry.now):
                return refused(self._stop(key, count.until, now=entry.now))
            return decide(snapshot, found)

        return replace(entry, reads=(*entry.reads, key), decide=decide_unless_stopped)

    def failed(
        self, guesser: Guesser, refused: Refused, *, tenant: str, source: Source
    ) -> Entry[Snapshot, None] | None:
        """Count a failure of client authentication; the entry that shares the count, when it is due."""
        if ANSWERS[refused.reason].error != "invalid_client" or refused.reason in _NO_GUESS:
            return None
        key, now = guesser.key, source.now
        count = self._limit.after(self._unwritten.pop(key.value, Count()), now=now)
        if count.failures < _STEP:
            _remember(self._unwritten, key.value, count)
            return None
        return self._shared(key, count.failures, tenant=tenant, source=source)

    def _shared(self, key: Key, more: int, *, tenant: str, source: Source) -> Entry[Snapshot, None]:
        now = source.now

        def decide(_snapshot: Snapshot, found: Facts) -> Verdict[None]:
            count = self._limit.after(count_of(found, key), more, now=now)
            if self._limit.wait(count, now=now):
                self._stop(key, count.until, now=now)
            return Verdict(None, (), (count.written(key, tenant=tenant),))

        # strangers take turns among themselves: however many guess, clients are served
        return Entry(tenant, source.decision_id, now, decide, reads=(key,), client="strangers")

    def _stop(self, key: Key, until: int, *, now: int) -> Refused:
        _remember(self._stopped, key.value, until)
        return _stopped(until - now)


@lru_cache(maxsize=1024)
def _key(tenant: str, client: str, ip: str) -> Key:
    name = hashlib.sha256(client.encode("utf-8", "surrogatepass")).digest()[0] % _NAMES
    return key_of(tenant, str(name), network_of(ip))


def _stopped(wait: int) -> Refused:
    return Refused(Reason.TOO_MANY_FAILURES, wait=wait)


def _remember(memory: dict[str, T], key: str, value: T) -> None:
    """Bounded: the one that was written longest ago makes room."""
    memory.pop(key, None)
    if len(memory) >= _MOST:
        del memory[next(iter(memory))]
    memory[key] = value
