"""Which signing key signs at a second, and which are published then; both servers have such keys.

A key is ``next`` (published before its first use), ``active`` (signs), ``retiring`` (published until its last
token has expired) or ``revoked`` (verifies nothing any more).  A next key that has a time to begin takes over
at that second, on every node at once and without a write; key_rotation.py writes it down later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import JwkError, KeySet, PrivateKey, PublicKey
from idjag.protocol.jose.json import JsonValue

__all__ = ["KEPT", "KeyStatus", "KeysBroken", "SigningKeys", "StoredKey"]

KEPT = 24 * 3600
"""Seconds that a key is published after it signed for the last time: longer than any token of ours lives."""


class KeyStatus(StrEnum):
    """The life of a key; it only ever moves down this list."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    REVOKED = "revoked"


class KeysBroken(Exception):
    """The rows of signing keys contradict themselves; the message names the kid."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key that is not revoked.

    ``begins``: when it signs for the first time; None for a next key without a plan.
    ``retires`` is set for a retiring key: nobody needs it from then on.
    """

    private: PrivateKey = field(repr=False)
    status: KeyStatus
    begins: int | None
    retires: int | None

    @property
    def public(self) -> PublicKey:
        """What others may know of it."""
        return self.private.public


class SigningKeys:
    """A tenant's keys at one moment of its policy; revoked ones are not in here at all."""

    __slots__ = ("_active", "_ends", "_in_turn", "_keys", "_verifying")

    def __init__(self, keys: Iterable[StoredKey]) -> None:
        self._keys = tuple(keys)
        self._in_turn = {alg: _in_turn(self._keys, alg) for alg in {key.private.alg for key in self._keys}}
        self._active = {key.private.alg: key.private for key in self._keys if key.status is KeyStatus.ACTIVE}
        self._ends = tuple((self._end(key), key.public) for key in self._keys)
        try:
            self._verifying = KeySet(key.public for key in self._keys)
        except JwkError:
            raise KeysBroken("two signing keys of one kid") from None

    def __repr__(self) -> str:
        return f"SigningKeys({', '.join(f'{key.public.kid}: {key.status}' for key in self._keys)})"

    def signing(self, alg: str, *, now: int) -> PrivateKey:
        """The key of an algorithm that signs at that second; raises Refused UNAVAILABLE."""
        for begins, key in self._in_turn.get(alg, ()):
            if begins <= now:
                return key
        # Whoever made it active had a clock ahead of ours: in force it is, and nothing else would sign.
        if alg in self._active:
            return self._active[alg]
        raise Refused(Reason.UNAVAILABLE, no_signing_key=alg)

    def verifying(self, *, now: int) -> KeySet:
        """What our own tokens may be signed by: what is published, and nothing else; never revoked.

        Whoever finds an old key somewhere must not make tokens of ours with it.
        """
        living = self._living(now)
        return self._verifying if len(living) == len(self._keys) else KeySet(living)

    def published(self, now: int) -> list[dict[str, JsonValue]]:
        """The members of our JWK Set (MET-09): public, only kid, kty, alg, use and the key itself.

        No ``key_ops``: beside ``use`` it breaks some clients (interop fact 9).
        """
        return [key.to_dict() for key in self._living(now)]

    def _living(self, now: int) -> list[PublicKey]:
        return [key for end, key in self._ends if end is None or now < end]

    def _end(self, key: StoredKey) -> int | None:
        """When its last token has expired; an active key whose successor has begun retires by itself."""
        if key.retires is not None or key.status is not KeyStatus.ACTIVE:
            return key.retires
        later = [begins for begins, _ in self._in_turn[key.private.alg] if begins > (key.begins or 0)]
        return min(later) + KEPT if later else None


def _in_turn(keys: Sequence[StoredKey], alg: str) -> tuple[tuple[int, PrivateKey], ...]:
    """The keys of an algorithm that sign at some time, each from its first second on, the latest first."""
    mine = [key for key in keys if key.private.alg == alg]
    for status in (KeyStatus.ACTIVE, KeyStatus.NEXT):
        if sum(key.status is status for key in mine) > 1:
            raise KeysBroken(f"two {status} signing keys of one algorithm")
    signing = [key for key in mine if key.status is not KeyStatus.RETIRING and key.begins is not None]
    turns = [(key.begins or 0, key.private) for key in signing]
    return tuple(sorted(turns, key=lambda turn: turn[0], reverse=True))
