"""Passwords: Argon2id, a bounded number at a time, and the same work for people who do not exist.

Nothing here logs, and no exception carries a password.
"""

from __future__ import annotations

import re
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

__all__ = ["Busy", "Hasher", "PasswordRefused", "Passwords", "check_importable"]

# OWASP's second set of parameters. argon2-cffi's own defaults take 64 MiB and four threads a time.
MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1

SHORTEST = 8  # characters of a new password
LONGEST = 1024  # bytes of UTF-8

# A hash from elsewhere brings its own cost: none weaker than OWASP's smallest set, none that is a lever
# against our memory or time at every sign-in.
_ENCODED = re.compile(
    r"\$argon2id\$v=19\$m=(?P<memory>[1-9][0-9]{0,6}),t=(?P<passes>[1-9][0-9]?),p=(?P<lanes>[1-9][0-9]?)"
    r"\$(?P<salt>[A-Za-z0-9+/]{11,86})\$(?P<tag>[A-Za-z0-9+/]{22,86})"
)
_IMPORTED_MEMORY_KIB = range(7 * 1024, 256 * 1024 + 1)
_IMPORTED_PASSES = range(1, 11)
_IMPORTED_LANES = range(1, 9)
_IMPORTED_WORK = 35 * 1024  # KiB times passes: 7 MiB five times, 19 MiB twice


class Busy(Exception):
    """Too many passwords wait for their turn: 429; nothing was looked at."""


class PasswordRefused(ValueError):
    """A new password, or a hash from elsewhere, cannot be taken; the message says why, not what it was."""


class Hasher(Protocol):
    """What is used of argon2.PasswordHasher."""

    def hash(self, password: bytes, /) -> str:
        """The encoded hash, with a new salt."""
        ...

    def verify(self, encoded: str, password: bytes, /) -> bool:
        """True, and nothing else; raises VerificationError, InvalidHashError."""
        ...


class Passwords:
    """Hashes and verifies from any thread: ``parallel`` at a time, ``queue`` waiting, the rest Busy.

    ``parallel`` is the number of cores; each hash takes 19 MiB while it is made.
    """

    def __init__(self, parallel: int, queue: int = 32, *, hasher: Hasher | None = None) -> None:
        if parallel < 1 or queue < 0:
            raise ValueError(f"parallel must be 1 or more and queue 0 or more, got {parallel}, {queue}")
        self._hasher: Hasher = hasher or PasswordHasher(
            time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES
        )
        self._turns = threading.Semaphore(parallel)
        self._places = threading.BoundedSemaphore(parallel + queue)
        # Nobody knows the password of this one; people who do not exist are verified against it.
        self._nobody = self._hasher.hash(secrets.token_bytes(32))

    def hash(self, password: str) -> str:
        """The Argon2id hash to store for a new password; raises PasswordRefused, Busy."""
        octets = _octets(password)
        if octets is None or len(unicodedata.normalize("NFKC", password)) < SHORTEST:
            raise PasswordRefused(f"a password has {SHORTEST} characters or more and at most {LONGEST} bytes")
        with self._turn():
            return self._hasher.hash(octets)

    def verify(self, stored_hash: str | None, password: str) -> bool:
        """Whether the password is the one that was hashed; raises Busy.

        None, for a person or a password that does not exist, takes the same work and is never right.
        A text that can be nobody's password is refused without work, whoever it is for.
        """
        octets = _octets(password)
        if octets is None:
            return False
        with self._turn():
            usable = stored_hash is not None and _usable(stored_hash)
            right = self._matches(stored_hash if usable and stored_hash else self._nobody, octets)
        return usable and right

    def _matches(self, encoded: str, octets: bytes) -> bool:
        try:
            return self._hasher.verify(encoded, octets)
        except (VerificationError, InvalidHashError):
            return False

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            with self._turns:
                yield
        finally:
            self._places.release()


def check_importable(encoded: str) -> str:
    """An Argon2id hash from elsewhere, unchanged; raises PasswordRefused unless its cost is bearable."""
    if not _usable(encoded):
        raise PasswordRefused(
            "a hash must be Argon2id, v=19, of 7 to 256 MiB, 1 to 10 passes and 1 to 8 lanes, "
            "and cost no less than m=7168,t=5 or m=19456,t=2"
        )
    return encoded


def _usable(encoded: str) -> bool:
    """Checked again when verifying: the text comes from a table, and its cost is ours to pay."""
    parts = _ENCODED.fullmatch(encoded)
    if not parts:
        return False
    memory, passes, lanes = (int(parts[name]) for name in ("memory", "passes", "lanes"))
    return (
        memory in _IMPORTED_MEMORY_KIB
        and passes in _IMPORTED_PASSES
        and lanes in _IMPORTED_LANES
        and memory * passes >= _IMPORTED_WORK
    )


def _octets(password: str) -> bytes | None:
    """The bytes that are hashed: one spelling per text (NFKC, NIST SP 800-63B), 1 to 1024 of them."""
    # Measured before normalising, too: NFKC makes up to 18 characters of one.
    if not 0 < len(password) <= LONGEST:
        return None
    try:
        octets = unicodedata.normalize("NFKC", password).encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return octets if 0 < len(octets) <= LONGEST else None
