"""What the tests of the protocol values share: a constant now, keys made once, and looking at a refusal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pytest

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import KeySet, PrivateKey, base64url

T = TypeVar("T")

NOW = 1_800_000_000
IDP = "https://idp.acme.example"
RAS = "https://acme.chat.example/"
API = "https://api.chat.example/"
FILES = "https://files.chat.example/v1"
CLIENT = "f53f191f9311af35"

KEY = PrivateKey.generate("ES256", kid="idp-1")
RSA = PrivateKey.generate("RS256", kid="idp-rsa")
ED = PrivateKey.generate("Ed25519", kid="idp-ed")
KEYS = KeySet([KEY.public, RSA.public, ED.public])

STRANGER = PrivateKey.generate("ES256", kid="idp-1")
"""Somebody else's key under our kid."""

OUT = object()
"""As a value: leave the member out."""


def changed(good: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The valid members with some replaced, or left ``OUT``."""
    return {name: value for name, value in (dict(good) | dict(changes)).items() if value is not OUT}


def signed(claims: Mapping[str, Any] | str, *, key: PrivateKey = KEY, **header: Any) -> str:
    """A compact JWS with a right signature, whatever it says; ``header`` replaces alg, kid and typ."""
    head = changed({"alg": key.alg, "kid": key.kid, "typ": "JWT"}, header)
    texts = (json.dumps(head), claims if isinstance(claims, str) else json.dumps(claims))
    signing_input = ".".join(base64url.encode(text.encode()) for text in texts)
    return f"{signing_input}.{base64url.encode(key.sign(signing_input.encode()))}"


def refusal(call: Callable[[], object]) -> Refused:
    """The refusal; it must carry no cause, since a parser's exception holds what came in."""
    with pytest.raises(Refused) as caught:
        call()
    refused = caught.value
    assert refused.__cause__ is None
    assert refused.__context__ is None or refused.__suppress_context__
    return refused


def reason_of(call: Callable[[], object]) -> Reason:
    """The reason of the refusal."""
    return refusal(call).reason


def outcome(call: Callable[[], T]) -> T | Refused:
    """What comes out: a value, or the refusal; any other exception fails the test."""
    try:
        return call()
    except Refused as refused:
        return refused
