"""Which DPoP proofs an API has seen: each opens it once (RFC 9449 section 11.1)."""

from __future__ import annotations

import hashlib
import threading
from typing import Protocol

__all__ = ["MemoryProofs", "Proofs"]

_FIRST_SWEEP = 1024


class Proofs(Protocol):
    """What a Guard remembers proofs in; blocking and thread-safe.

    One API in several processes or on several machines needs one that they share, or a proof is good
    once for each of them: ``SET NX EXAT`` of a key-value store, or an insert into a table with a
    primary key.
    """

    def first_time(self, scope: str, jti: str, *, until: int, now: int) -> bool:
        """Remember the pair until that second (NumericDate); False when it was there already.

        Must be atomic: two calls with the same pair never both return True.
        Raises any exception when it cannot know: 503, the request does not reach the API.
        """
        ...


class MemoryProofs:
    """Proofs of one process, forgotten when it ends.

    ``most``: how many are kept at a time, some 200 bytes each; each for three to five minutes.  When
    there is no room for another it raises RuntimeError: to forget one would let it in again.
    """

    def __init__(self, *, most: int = 250_000) -> None:
        self._lock = threading.Lock()
        self._most = most
        self._until: dict[bytes, int] = {}
        self._sweep_at = min(_FIRST_SWEEP, most)
        self._swept = 0

    def first_time(self, scope: str, jti: str, *, until: int, now: int) -> bool:
        """Remember the pair until that second; False when it was there already."""
        # a digest: the sender chose the text, and may have chosen a long one
        key = hashlib.sha256(f"{scope} {jti}".encode()).digest()[:16]
        with self._lock:
            self._sweep(now)
            if self._until.get(key, 0) > now:
                return False
            if len(self._until) >= self._most:
                raise RuntimeError("no room for another DPoP proof")
            self._until[key] = until
            return True

    def __len__(self) -> int:
        return len(self._until)

    def _sweep(self, now: int) -> None:
        """Forget what has expired when twice as much is kept as was alive before; when full, each second."""
        if len(self._until) < self._sweep_at or now == self._swept:
            return
        self._swept = now
        self._until = {key: until for key, until in self._until.items() if until > now}
        self._sweep_at = min(max(_FIRST_SWEEP, 2 * len(self._until)), self._most)
