"""Slows down whoever guesses client secrets; counts per process (attack case 38)."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field

from idjag.protocol.addresses import network_of
from idjag.protocol.errors import Reason, Refused

__all__ = ["Throttle"]

_MOST = 10_000
_KNOWN_FOR = 3600


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    until: int


@dataclass(slots=True)
class _Counts:
    """Failures by key, each forgotten a pause after its last one; the oldest makes room for a new one."""

    pause: int
    _kept: dict[bytes, _Failures] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._kept)

    def left(self, key: bytes, *, limit: int, now: int) -> int:
        """Seconds for which the key is refused; 0 when it is not."""
        failures = self._kept.get(key)
        return failures.until - now if failures and failures.count >= limit and now < failures.until else 0

    def add(self, key: bytes, *, now: int) -> None:
        """Count one; the pause begins anew with each."""
        before = self._kept.pop(key, None)
        count = before.count + 1 if before is not None and now < before.until else 1
        if len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = _Failures(count, now + self.pause)

    def forget(self, key: bytes) -> None:
        self._kept.pop(key, None)


class Throttle:
    """After ``limit`` failures a client is refused from that source for ``pause`` seconds.

    The same client from another address is not: a stranger must not lock anybody out.  A source with
    ``burst`` failures, under whatever names, is refused too, but for the clients that have authenticated
    from there within the hour: guessing many names at once must not hurt those who share the address.
    A source is an IPv4 address, or a network of IPv6 as one subscriber has it.
    """

    def __init__(self, *, limit: int = 20, burst: int = 200, pause: int = 60) -> None:
        self._limit = limit
        self._burst = burst
        self._clients = _Counts(pause)
        self._sources = _Counts(pause)
        self._known: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def check(self, client_id: str, source: str, *, now: int) -> None:
        """Raises Refused TOO_MANY_FAILURES, with the seconds to wait."""
        source = network_of(source)
        key = _key(client_id, source)
        with self._lock:
            wait = self._clients.left(key, limit=self._limit, now=now)
            if self._known.get(key, 0) <= now:
                wait = max(wait, self._sources.left(_key(source), limit=self._burst, now=now))
        if wait:
            raise Refused(Reason.TOO_MANY_FAILURES, wait=wait, client=client_id[:80])

    def failed(self, client_id: str, source: str, *, now: int) -> None:
        """Count one."""
        source = network_of(source)
        with self._lock:
            self._clients.add(_key(client_id, source), now=now)
            self._sources.add(_key(source), now=now)

    def succeeded(self, client_id: str, source: str, *, now: int) -> None:
        """Forget the failures of whoever knows the secret after all, and remember who that is."""
        key = _key(client_id, network_of(source))
        until = self._known.get(key, 0)
        if until > now + _KNOWN_FOR // 2 and not self._clients.left(key, limit=1, now=now):
            return  # nearly every request: nothing to write, so nobody waits for the lock
        with self._lock:
            self._clients.forget(key)
            self._known.pop(key, None)
            if len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[key] = now + _KNOWN_FOR


def _key(*parts: str) -> bytes:
    """A digest: what strangers call themselves may be long, and must not be kept."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        octets = part.encode("utf-8", "surrogatepass")
        digest.update(len(octets).to_bytes(8, "big") + octets)
    return digest.digest()
