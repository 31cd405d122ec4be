"""Server nonces for DPoP proofs, made from a key and the time, so that none is remembered.

RFC 9449 section 8.  They survive restarts and hold on every node that has the key.
"""

from __future__ import annotations

import hashlib
import hmac

from idjag.protocol import names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import base64url

__all__ = ["HEADER", "check", "make"]

HEADER = b"dpop-nonce"
"""The response header; whoever requires nonces sends a fresh one with every answer (section 8.2)."""

# A nonce is good for this long at least and for twice as long at most; proofs may be made ahead of
# their time for no longer than that, whatever their iat says.
_WINDOW = 300
_MIN_KEY = 32
_OCTETS = 18  # of the MAC: 144 bits, 24 characters without a remainder


def make(key: bytes, *, scope: str, now: int) -> str:
    """The nonce of this window; ``scope`` is who requires it: no issuer accepts the nonce of another.

    ``key`` is secret, of 32 octets or more (ValueError), and the same on all nodes.
    """
    return _nonce(key, scope=scope, window=now // _WINDOW)


def check(nonce: str | None, key: bytes, *, scope: str, now: int) -> None:
    """Raises Refused USE_DPOP_NONCE unless ``nonce`` is that of this window or the one before (DPOP-15).

    That of the next too while another node whose clock is ahead may have begun it.
    """
    if nonce is None:
        raise Refused(Reason.USE_DPOP_NONCE, problem="missing")
    last = (now + names.SKEW) // _WINDOW
    good = [_nonce(key, scope=scope, window=window) for window in range(now // _WINDOW - 1, last + 1)]
    given = nonce.encode("utf-8", "replace")
    if not any(hmac.compare_digest(given, each.encode()) for each in good):
        raise Refused(Reason.USE_DPOP_NONCE, problem="not current")


def _nonce(key: bytes, *, scope: str, window: int) -> str:
    if len(key) < _MIN_KEY:
        raise ValueError(f"the key of DPoP nonces must have {_MIN_KEY} octets or more")
    # Two digests, since the key may serve other purposes: its use here is named first.
    message = f"idjag DPoP nonce\n{window}\n{scope}".encode()
    return base64url.encode(hmac.digest(key, message, hashlib.sha256)[:_OCTETS])
