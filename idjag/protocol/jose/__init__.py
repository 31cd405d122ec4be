"""The strict JOSE layer: JSON, keys and signed tokens; the only place that knows joserfc.

It refuses with its own small exception tree, which callers turn into a Reason.
"""

from __future__ import annotations

from idjag.protocol.jose.errors import (
    JoseError,
    JsonError,
    JwkError,
    JwsError,
    KeyUnknown,
    SignatureWrong,
)
from idjag.protocol.jose.json import JsonValue
from idjag.protocol.jose.jwk import KeySet, PrivateKey, PublicKey, import_public, thumbprint
from idjag.protocol.jose.jws import UnverifiedJwt

__all__ = [
    "JoseError",
    "JsonError",
    "JsonValue",
    "JwkError",
    "JwsError",
    "KeySet",
    "KeyUnknown",
    "PrivateKey",
    "PublicKey",
    "SignatureWrong",
    "UnverifiedJwt",
    "import_public",
    "thumbprint",
]
