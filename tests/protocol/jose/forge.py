"""Builds tokens that are wrong in one place, and looks at how they are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from idjag.protocol.jose import JoseError, KeySet, PrivateKey, base64url, jws

EC = PrivateKey.generate("ES256", kid="ec-1")
RSA = PrivateKey.generate("RS256", kid="rsa-1")
ED = PrivateKey.generate("Ed25519", kid="ed-1")
EC384 = PrivateKey.generate("ES384", kid="ec384-1")
KEYS = KeySet([EC.public, RSA.public, ED.public, EC384.public])
ALGORITHMS = ("ES256", "RS256", "Ed25519", "ES384")

TYP = "oauth-id-jag+jwt"
CLAIMS: dict[str, Any] = {
    "iss": "https://idp.acme.example",
    "sub": "248289761001",
    "aud": "https://acme.chat.example/",
    "exp": 1_900_000_300,
}
MAX = 16_384


def header(key: PrivateKey = EC, **changes: Any) -> dict[str, Any]:
    """The header that we would write ourselves, with members added or replaced."""
    return {"alg": key.alg, "kid": key.kid, "typ": TYP} | changes


def segment(content: Mapping[str, Any] | bytes | str) -> str:
    """Base64url of the octets, of the text, or of the JSON of an object."""
    if isinstance(content, Mapping):
        content = json.dumps(content)
    return base64url.encode(content if isinstance(content, bytes) else content.encode())


def token(
    head: Mapping[str, Any] | bytes | str | None = None,
    claims: Mapping[str, Any] | bytes | str | None = None,
    *,
    key: PrivateKey = EC,
) -> str:
    """A token with a right signature, whatever it says."""
    head = header(key) if head is None else head
    signing_input = f"{segment(head)}.{segment(CLAIMS if claims is None else claims)}"
    return f"{signing_input}.{base64url.encode(key.sign(signing_input.encode()))}"


def jwk_of(key: PrivateKey = EC, **changes: Any) -> dict[str, Any]:
    """The public JWK with members added or replaced; ``...`` leaves the member out."""
    members = key.public.to_dict() | changes
    return {name: value for name, value in members.items() if value is not ...}


def number(value: int, octets: int | None = None) -> str:
    """Base64urlUInt, in as few octets as possible or in so many."""
    size = (value.bit_length() + 7) // 8 if octets is None else octets
    return base64url.encode(value.to_bytes(size))


def accepted(text: str, **limits: Any) -> Mapping[str, Any]:
    """The claims of a token that passes."""
    jwt = jws.parse(text, **({"max_bytes": MAX} | limits))
    return jws.verify(jwt, keys=KEYS, algorithms=ALGORITHMS)


def code_of(call: Callable[[], object]) -> str:
    """The code of the refusal, which must be all that the exception knows about what came in."""
    with pytest.raises(JoseError) as caught:
        call()
    error = caught.value
    assert re.fullmatch(r"[a-z0-9_]+", error.code)
    assert error.args in ((), (error.code,))
    # A chained JSONDecodeError or UnicodeDecodeError would carry the token into a log.
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    return error.code


def refused(text: Any, **limits: Any) -> str:
    """The code with which a token is refused."""
    return code_of(lambda: accepted(text, **limits))
