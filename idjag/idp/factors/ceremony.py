"""A WebAuthn ceremony: its challenge, bound to one browser's attempt by that browser's cookie, and good once.

Nothing is stored for a page that is shown; what is used is remembered by a one-time id until it has expired.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from idjag.idp.factors.relying_party import RelyingParty
from idjag.ledger.entry import OneTime
from idjag.protocol.jose import JoseError, base64url

__all__ = ["LIFETIME", "Ceremony"]

LIFETIME: Final = 300  # seconds from the page to the answer
_NONCE_BYTES: Final = 16
_MAC_BYTES: Final = 32
_HEAD_BYTES: Final = 8 + _NONCE_BYTES


@dataclass(frozen=True, slots=True)
class Ceremony:
    """``secret`` is the cookie that the attempt hangs on, ``purpose`` what the answer is good for.

    Two attempts, two purposes or two browsers never accept each other's challenge.
    """

    rp: RelyingParty
    secret: str = field(repr=False)
    purpose: str

    def challenge(self, *, now: int, nonce: str) -> str:
        """A new challenge in base64url; ``nonce`` is 128 random bits in base64url (``new_id``)."""
        head = (now + LIFETIME).to_bytes(8, "big") + hashlib.sha256(nonce.encode()).digest()[:_NONCE_BYTES]
        return base64url.encode(head + self._mac(head))

    def fits(self, challenge: str, *, now: int) -> bool:
        """Whether it is one of ours for this very attempt, and not too old."""
        try:
            octets = base64url.decode(challenge)
        except JoseError:
            return False
        head, mac = octets[:_HEAD_BYTES], octets[_HEAD_BYTES:]
        mine = len(octets) == _HEAD_BYTES + _MAC_BYTES and hmac.compare_digest(mac, self._mac(head))
        return mine and now < int.from_bytes(head[:8], "big")

    def _mac(self, head: bytes) -> bytes:
        message = f"idjag webauthn\0{self.purpose}\0{self.rp.id}\0".encode() + head
        return hmac.digest(self.secret.encode(), message, "sha256")


def once(challenge: str, *, now: int) -> OneTime:
    """What to name in ``consume_on_success``: a challenge is answered once."""
    return OneTime("webauthn", "", challenge, now + LIFETIME)
