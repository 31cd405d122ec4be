"""What a MemoryStore remembers of tokens, pauses and instants; its owner holds the lock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from idjag.protocol import names
from idjag.ras.standing import (
    Change,
    Grounds,
    IssuedToken,
    Kept,
    NotBefore,
    Pause,
    Resume,
    Revoke,
    Standing,
    Thing,
    things_of,
)

__all__ = ["MemoryTokens"]

_FIRST_SWEEP = 1024


@dataclass(frozen=True, slots=True)
class _Said:
    """What has been said of one thing."""

    paused: bool = False
    not_before: int = 0


class MemoryTokens:
    """Tokens until they have expired, and what has been said for as long as the process lives."""

    def __init__(self) -> None:
        self._issued: dict[str, IssuedToken] = {}
        self._revoked: set[str] = set()
        self._said: dict[Thing, _Said] = {}
        self._sweep_at = _FIRST_SWEEP

    def token(self, jti: str) -> Kept | None:
        """The token as it stands."""
        token = self._issued.get(jti)
        return None if token is None else Kept(token, jti in self._revoked, self.standing(token.grounds))

    def standing(self, grounds: Grounds) -> Standing:
        """How what a token rests on stands."""
        account, issuer, person = (self._said.get(thing, _Said()) for thing in things_of(grounds))
        return Standing(
            account_paused=account.paused,
            issuer_paused=issuer.paused,
            not_before=max(account.not_before, issuer.not_before, person.not_before),
        )

    def remember(self, token: IssuedToken, *, now: int) -> None:
        """Add a token; what has expired is forgotten whenever twice as much is kept as was alive before."""
        if len(self._issued) >= self._sweep_at:
            self._issued = {each.jti: each for each in self._issued.values() if each.exp + names.SKEW > now}
            self._revoked &= self._issued.keys()
            self._sweep_at = max(_FIRST_SWEEP, 2 * len(self._issued))
        self._issued[token.jti] = token

    def apply(self, change: Change) -> None:
        """Carry out one change."""
        match change:
            case Pause(thing):
                self._said[thing] = replace(self._said.get(thing, _Said()), paused=True)
            case Resume(thing):
                self._said[thing] = replace(self._said.get(thing, _Said()), paused=False)
            case NotBefore(thing, at):
                before = self._said.get(thing, _Said())
                self._said[thing] = replace(before, not_before=max(at, before.not_before))
            case Revoke(by, value):
                meant = (jti for jti, token in self._issued.items() if getattr(token, by) == value)
                self._revoked.update(meant)
