"""Assertion grants that are no ID-JAGs: RFC 7523 section 3, as narrowly as an ID-JAG is read.

A profile of its own (RAS-46): nothing that is typed as an ID-JAG, or as any other token, is one of these.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from idjag.protocol import id_jag
from idjag.protocol.claims import ClaimError, numeric_date, optional_numeric_date, optional_text, text
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.id_jag import IdJag
from idjag.protocol.jose.json import JsonValue
from idjag.protocol.names import ID_TOKEN_MARKER

__all__ = ["TYPES", "accept"]

TYPES = (None, "jwt")
"""What ``typ`` may be: RFC 7523 names none, so that any explicit type is another token's."""

# Claims of ID tokens, security events and proofs, which no assertion grant needs.  Their issuers sign
# with the same keys, and one of them may well be addressed to us: as to a relying party, for instance.
_FOREIGN = ("at_hash", "azp", "c_hash", "events", "htm", "nonce", "s_hash", ID_TOKEN_MARKER)
_MAX_URI = 2048


def accept(
    claims: Mapping[str, JsonValue],
    *,
    audiences: Collection[str],
    client_id: str,
    now: int,
    skew: int,
    max_lifetime: int,
    use: Collection[str] = (),
) -> IdJag:
    """Check a verified JWT's claims as RFC 7523 section 3 says; parameters as those of ``id_jag.accept``.

    ``audiences``: here the token endpoint's URL too.  What comes back is read like an ID-JAG from here
    on: ``client_id`` is the authenticated client, ``iat`` 0 when the grant does not say it.
    Raises Refused: ASSERTION_TYPE, and those of ``id_jag.accept``.
    """
    foreign = next((name for name in _FOREIGN if name in claims), None)
    if foreign is not None:
        raise Refused(Reason.ASSERTION_TYPE, claim=foreign)
    try:
        aud = id_jag.audience_of(claims, audiences)
        claimed_client = optional_text(claims, "client_id", max_length=_MAX_URI)
        if claimed_client not in (None, client_id):
            raise Refused(Reason.CLIENT_MISMATCH, expected=client_id, got=claimed_client)
        iat, exp = _times(claims, now=now, skew=skew, max_lifetime=max_lifetime)
        if text(claims, "iss", max_length=_MAX_URI) == claims.get("sub"):
            # a client's assertion about itself: section 2.2, never about a person
            raise Refused(Reason.ASSERTION_TYPE, problem="iss is sub")
        return id_jag.read(claims, aud=aud, client_id=client_id, iat=iat, exp=exp, use=use)
    except ClaimError as wrong:
        raise Refused(Reason.CLAIM_WRONG, claim=wrong.claim, problem=wrong.problem) from None


def _times(claims: Mapping[str, JsonValue], *, now: int, skew: int, max_lifetime: int) -> tuple[int, int]:
    """``iat`` may be missing (section 3); how long the grant is good is then counted from now."""
    exp, iat = numeric_date(claims, "exp"), optional_numeric_date(claims, "iat")
    not_before = optional_numeric_date(claims, "nbf")
    if now >= exp + skew:
        raise Refused(Reason.EXPIRED, exp=exp, now=now)
    if max(iat or 0, not_before or 0) > now + skew:
        raise Refused(Reason.NOT_YET_VALID, iat=iat, nbf=not_before, now=now)
    if iat is not None and exp <= iat:
        raise ClaimError("exp", "not_after_iat")
    lifetime = exp - (now if iat is None else iat)
    if lifetime > max_lifetime:
        raise Refused(Reason.LIFETIME_TOO_LONG, lifetime=lifetime, maximum=max_lifetime)
    return iat or 0, exp
