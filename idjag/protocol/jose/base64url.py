"""Base64url as RFC 7515 section 2 has it: no padding, and one spelling only for the same bytes."""

from __future__ import annotations

import binascii
import re

from idjag.protocol.jose.errors import JoseError

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*+", re.ASCII)

# The last character of an incomplete group carries 4 or 2 unused bits. They must be zero: otherwise
# one token has several spellings, and whatever remembers tokens by their text can be walked around.
_LAST_OF_TWO = frozenset("AQgw")
_LAST_OF_THREE = frozenset("AEIMQUYcgkosw048")


def encode(octets: bytes) -> str:
    """The unpadded base64url text of the octets."""
    standard = binascii.b2a_base64(octets, newline=False)
    return standard.rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_").decode("ascii")


def decode(text: str) -> bytes:
    """The octets of an unpadded, canonical base64url text; raises JoseError ``base64url``."""
    remainder = len(text) % 4
    if (
        not _ALPHABET.fullmatch(text)
        or remainder == 1
        or (remainder == 2 and text[-1] not in _LAST_OF_TWO)
        or (remainder == 3 and text[-1] not in _LAST_OF_THREE)
    ):
        raise JoseError("base64url")
    return binascii.a2b_base64(text.replace("-", "+").replace("_", "/") + "=" * (-remainder % 4))
