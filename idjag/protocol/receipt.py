"""The receipt: what a resource authorization server tells an issuer of one of its ID-JAGs (contract 6).

No part of any draft: ours alone, both ways.  It names the grant by its jti and nobody by anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from idjag.protocol.claims import ClaimError, numeric_date, text
from idjag.protocol.errors import ANSWERS, Reason
from idjag.protocol.jose.json import JsonValue
from idjag.protocol.names import SKEW

__all__ = [
    "LIFETIME",
    "MOST",
    "MOST_REFUSED",
    "REDEEMED",
    "TYP",
    "VOCABULARY",
    "Receipt",
    "accept",
    "claims",
    "word",
]

TYP: Final = "idjag-receipt+jwt"
LIFETIME: Final = 300  # seconds from one try to send it until nobody takes it any more
MAX_BYTES: Final = 4 * 1024
MOST: Final = 5
"""Receipts that an issuer takes about one grant."""
MOST_REFUSED: Final = MOST - 1
"""Of them about refusals: whoever brings a stolen grant again and again leaves room for its redemption."""

REDEEMED: Final = "redeemed"
_NAMED: Final = {
    Reason.REPLAY: "replay",
    Reason.EXPIRED: "expired",
    Reason.CLIENT_MISMATCH: "wrong_client",
}
_ERRORS: Final = frozenset(
    {
        "access_denied",
        "insufficient_user_authentication",
        "invalid_grant",
        "invalid_scope",
        "invalid_target",
        "unauthorized_client",
    }
)
VOCABULARY: Final = frozenset({REDEEMED, *_NAMED.values(), *_ERRORS})
"""What may have become of a grant: it was redeemed, or why it was not."""

_MEMBERS: Final = frozenset({"iss", "aud", "iat", "exp", "jti", "id_jag", "outcome", "at"})


@dataclass(frozen=True, slots=True)
class Receipt:
    """The server ``iss`` tells ``aud`` what became ``at`` a time of the ID-JAG whose jti is ``id_jag``.

    ``jti`` is the receipt's own, the same however often it is sent.
    """

    iss: str
    aud: str
    jti: str
    id_jag: str
    outcome: str
    at: int

    @property
    def redeemed(self) -> bool:
        """Whether the grant became an access token."""
        return self.outcome == REDEEMED


def word(reason: Reason) -> str | None:
    """What a receipt says of a refusal: no more than its client reads, but for a replay or a wrong client.

    None for what says nothing about the grant: a server that was down, a proof to be made again.
    """
    error = ANSWERS[reason].error
    return _NAMED.get(reason, error if error in _ERRORS else None)


def claims(receipt: Receipt, *, iat: int) -> dict[str, JsonValue]:
    """The claims set to sign for one try to send it."""
    return {
        "iss": receipt.iss,
        "aud": receipt.aud,
        "iat": iat,
        "exp": iat + LIFETIME,
        "jti": receipt.jti,
        "id_jag": receipt.id_jag,
        "outcome": receipt.outcome,
        "at": receipt.at,
    }


def accept(members: Mapping[str, JsonValue], *, issuer: str, now: int) -> Receipt:
    """Check a verified JWT's claims as the issuer that it must be for; raises ClaimError.

    Whether ``iss`` may speak about that grant is for the caller: its keys say who it is.
    """
    if unknown := members.keys() - _MEMBERS:
        raise ClaimError(min(unknown)[:64], "unknown")
    if members.get("aud") != issuer:
        raise ClaimError("aud", "not_ours")
    iat, exp, at = (numeric_date(members, name) for name in ("iat", "exp", "at"))
    if not iat < exp <= iat + LIFETIME:
        raise ClaimError("exp", "lifetime")
    if now >= exp + SKEW:
        raise ClaimError("exp", "expired")
    if max(iat, at) > now + SKEW:
        raise ClaimError("iat", "in_the_future")
    outcome = text(members, "outcome", max_length=64)
    if outcome not in VOCABULARY:
        raise ClaimError("outcome", "unknown")
    names = ("iss", "jti", "id_jag")
    iss, jti, id_jag = (text(members, name, max_length=2048 if name == "iss" else 255) for name in names)
    return Receipt(iss=iss, aud=issuer, jti=jti, id_jag=id_jag, outcome=outcome, at=at)
