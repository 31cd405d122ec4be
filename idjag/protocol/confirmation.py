"""The ``cnf`` claim: which key must be proven by whoever presents a token (RFC 7800, RFC 9449 section 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from idjag.protocol.claims import ClaimError
from idjag.protocol.jose import JwkError, import_public, thumbprint
from idjag.protocol.jose.json import JsonValue

__all__ = ["claim_of", "jkt_of"]

# Base64url of a SHA-256: 43 characters, the last of which carries 4 bits.
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


def claim_of(jkt: str) -> dict[str, JsonValue]:
    """``cnf`` of a token that is bound to the key of this thumbprint (JAG-24, DPOP-04).

    Also the member of the token answer in which a client reads the binding (DPOP-06).
    """
    return {"jkt": jkt}


def jkt_of(claims: Mapping[str, JsonValue]) -> str | None:
    """The thumbprint of the key that a verified claims set is bound to, or None without ``cnf``.

    ``jwk`` stands for its thumbprint (A-21).  Raises ClaimError ``unsupported`` for everything else: a
    binding that we cannot check is never read as none (DPOP-14).
    """
    if "cnf" not in claims:
        return None
    cnf = claims["cnf"]
    [(member, value)] = cnf.items() if isinstance(cnf, dict) and len(cnf) == 1 else [("", None)]
    if member == "jkt" and isinstance(value, str) and _THUMBPRINT.fullmatch(value):
        return value
    if member == "jwk" and isinstance(value, dict):
        return _thumbprint(value)
    raise ClaimError("cnf", "unsupported")


def _thumbprint(jwk: Mapping[str, JsonValue]) -> str:
    try:
        return thumbprint(import_public(jwk))
    except JwkError:
        raise ClaimError("cnf", "unsupported") from None
