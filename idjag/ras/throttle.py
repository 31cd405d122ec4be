"""Slows down whoever guesses client secrets; counts per process, client and source (attack case 38)."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from idjag.protocol.errors import Reason, Refused

__all__ = ["Throttle"]

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    until: int


class Throttle:
    """After ``limit`` failures a client is refused from that source for ``pause`` seconds.

    The same client from another address is not: a stranger must not lock anybody out.
    """

    def __init__(self, *, limit: int = 20, pause: int = 60) -> None:
        self._limit = limit
        self._pause = pause
        self._failures: dict[tuple[str, str], _Failures] = {}
        self._lock = threading.Lock()

    def check(self, client_id: str, source: str, *, now: int) -> None:
        """Raises Refused TOO_MANY_FAILURES."""
        with self._lock:
            failures = self._failures.get((client_id, source))
        if failures is not None and failures.count >= self._limit and now < failures.until:
            raise Refused(Reason.TOO_MANY_FAILURES, client=client_id[:80])

    def failed(self, client_id: str, source: str, *, now: int) -> None:
        """Count one; the pause begins anew with each."""
        with self._lock:
            before = self._failures.pop((client_id, source), None)
            count = before.count + 1 if before is not None and now < before.until else 1
            if len(self._failures) >= _MOST:  # the one that failed longest ago makes room for this one
                del self._failures[next(iter(self._failures))]
            self._failures[client_id, source] = _Failures(count, now + self._pause)

    def succeeded(self, client_id: str, source: str) -> None:
        """Forget the failures of whoever knows the secret after all."""
        if (client_id, source) in self._failures:
            with self._lock:
                self._failures.pop((client_id, source), None)
