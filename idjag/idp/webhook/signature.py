"""What proves to the receiver of notices that they are ours and new: an HMAC over the time and the bytes."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

__all__ = ["HEADER", "signature"]

HEADER: Final = "Idjag-Signature"


def signature(secret: bytes, body: bytes, *, now: int) -> str:
    """The header's value: ``t=NumericDate,v1=HMAC-SHA256 in hex`` of the time, a dot and the body.

    The time is in it so that a receiver can refuse what somebody recorded and sends again.
    """
    proof = hmac.new(secret, f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={proof}"
