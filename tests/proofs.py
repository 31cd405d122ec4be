"""DPoP proofs to send, right unless a test changes one thing."""

from __future__ import annotations

import itertools
import json
from typing import Any

from idjag.protocol.jose import PrivateKey, base64url, thumbprint

KEY = PrivateKey.generate("ES256", kid="proof")
OTHER_KEY = PrivateKey.generate("ES256", kid="other proof")
_NUMBERS = itertools.count(1)
_PUBLIC = ("kty", "crv", "x", "y", "n", "e")


def jkt(key: PrivateKey = KEY) -> str:
    """The RFC 7638 thumbprint of a key."""
    return thumbprint(key.public)


def proof(
    uri: str, *, now: int, key: PrivateKey = KEY, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    """A proof of ``key`` for a POST to ``uri``; ``header`` and ``claims`` replace members, None removes."""
    jwk = {name: value for name, value in key.public.to_dict().items() if name in _PUBLIC}
    head = {"typ": "dpop+jwt", "alg": key.alg, "jwk": jwk} | (header or {})
    members = {"htm": "POST", "htu": uri, "iat": now, "jti": f"proof-{next(_NUMBERS)}"} | claims
    signing_input = ".".join(base64url.encode(json.dumps(_kept(part)).encode()) for part in (head, members))
    return f"{signing_input}.{base64url.encode(key.sign(signing_input.encode()))}"


def _kept(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
