"""The ``act`` claim: who acts for the person, and for whom those act in turn (RFC 8693 section 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from idjag.protocol.claims import ClaimError, optional_text, text
from idjag.protocol.jose.json import JsonValue

__all__ = ["Actor", "chain_of", "claim_of"]

_DEEPEST = 5  # RAS-41: longer ones are nobody's honest history
_MAX_TEXT = 255
_MAX_URI = 2048


@dataclass(frozen=True, slots=True)
class Actor:
    """One actor; ``iss`` is in whose namespace ``sub`` is, ``sub_profile`` what kind of thing acts."""

    iss: str
    sub: str
    sub_profile: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Who it is."""
        return self.iss, self.sub


def claim_of(chain: tuple[Actor, ...]) -> dict[str, JsonValue]:
    """The claim of a chain that is not empty; the first one acts, each further one did before."""
    actor, *before = chain
    claim: dict[str, JsonValue] = {"iss": actor.iss, "sub": actor.sub}
    if actor.sub_profile is not None:
        claim["sub_profile"] = actor.sub_profile
    if before:
        claim["act"] = claim_of(tuple(before))
    return claim


def chain_of(claims: Mapping[str, JsonValue]) -> tuple[Actor, ...]:
    """The actors of a verified grant, the present one first; empty without the claim.

    An actor without ``iss`` is of the grant's own issuer, which a token of another issuer must say.
    Members that do not say who acts are left behind (RFC 8693 section 4.1).
    Raises ClaimError: what is malformed, deeper than five, or comes back to somebody in the chain or to
    the person (RAS-41, attack case 172).
    """
    if "act" not in claims:
        return ()
    issuer, person = text(claims, "iss", max_length=_MAX_URI), text(claims, "sub", max_length=_MAX_TEXT)
    chain: list[Actor] = []
    level: Mapping[str, JsonValue] = claims
    while "act" in level:
        act = level["act"]
        if not isinstance(act, dict):
            raise ClaimError("act", "not_an_object")
        if len(chain) == _DEEPEST:
            raise ClaimError("act", "too_deep")
        chain.append(_actor(act, issuer))
        level = act
    if len({(issuer, person), *(actor.key for actor in chain)}) <= len(chain):
        raise ClaimError("act", "cyclic")
    return tuple(chain)


def _actor(act: Mapping[str, JsonValue], issuer: str) -> Actor:
    return Actor(
        iss=optional_text(act, "iss", max_length=_MAX_URI) or issuer,
        sub=text(act, "sub", max_length=_MAX_TEXT),
        sub_profile=optional_text(act, "sub_profile", max_length=_MAX_TEXT),
    )
