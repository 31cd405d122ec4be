"""Compact JWS carrying a claims set: parsed strictly, verified against an explicit list, signed.

The envelope is ours, because joserfc takes the last of two members, ignores ``jku`` or ``b64`` and
parses again what has been parsed. The signatures are joserfc's (its algorithm models, see jwk.py):
measured next to bare ``cryptography`` they cost some microseconds more, and keep DER and raw ECDSA,
salt lengths and key type checks in one audited place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from idjag.protocol.jose import base64url
from idjag.protocol.jose.errors import JwsError, SignatureWrong
from idjag.protocol.jose.json import JsonValue, parse_object
from idjag.protocol.jose.jwk import KeySet, PrivateKey, kid_of
from idjag.protocol.jose.minimums import ALGORITHMS, algorithm_name

_MAX_BYTES = 16_384
_DEFAULT_HEADERS = frozenset({"alg", "kid", "typ"})

# Known from real issuers and without effect: a hint at a certificate that we never look up.
_HARMLESS_HEADERS = frozenset({"x5t", "x5t#S256"})

# Not to be allowed by any caller: a header that makes us fetch (jku, x5u) or trust what the token
# brings (x5c), or that changes how the rest is read (b64, crit, zip, enc, cty of a nested JWT).
# ``jwk`` is refused too unless listed, as for DPoP, where the key's thumbprint is what is bound.
_NEVER_HEADERS = frozenset({"b64", "crit", "cty", "enc", "jku", "x5c", "x5u", "zip"})

# A media type, "application/" left out or not (RFC 7515 section 4.1.9).
_MEDIA_TYPE = re.compile(r"(?:[A-Za-z0-9!#$&^_.+-]{1,64}/)?[A-Za-z0-9!#$&^_.+-]{1,64}")

_TO_TEXT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False)


@dataclass(frozen=True, slots=True)
class UnverifiedJwt:
    """A token that has been read, and nothing more: all of it is the sender's word.

    ``typ`` is the media type in lower case without "application/", or None.
    """

    header: Mapping[str, JsonValue] = field(repr=False)
    claims: Mapping[str, JsonValue] = field(repr=False)
    alg: str
    kid: str | None
    typ: str | None
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse(
    token: str,
    *,
    max_bytes: int,
    max_header: int = 512,
    allowed_headers: frozenset[str] = _DEFAULT_HEADERS,
) -> UnverifiedJwt:
    """Read a compact JWS of one strict spelling; no signature is looked at.

    ``max_bytes`` is for the whole token, ``max_header`` for its encoded header: 512 holds a ``kid``
    of 256 characters, an RSA key in a DPoP proof needs more.
    ``allowed_headers`` are the names that may occur, beside x5t and x5t#S256; every other name is
    refused, known to be dangerous or not.
    Raises JwsError: not_text, too_long, segments, header_too_long, header_name, algorithm,
    typ_malformed; JoseError base64url, JsonError, JwkError kid_malformed.
    """
    if not isinstance(token, str):  # JSON bodies can put anything where a token belongs
        raise JwsError("not_text")
    if len(token) > max_bytes:
        raise JwsError("too_long")
    # Three segments, none empty: unsigned and detached ones, JWE and JSON serialization end here.
    segments = token.split(".", 5)
    if len(segments) != 3 or not all(segments):
        raise JwsError("segments")
    if len(segments[0]) > max_header:
        raise JwsError("header_too_long")
    header = parse_object(base64url.decode(segments[0]))
    _check_names(header, allowed_headers)
    return UnverifiedJwt(
        header=header,
        alg=_algorithm(header),
        kid=kid_of(header["kid"]) if "kid" in header else None,
        typ=_media_type(header["typ"]) if "typ" in header else None,
        claims=parse_object(base64url.decode(segments[1])),
        signing_input=token[: -len(segments[2]) - 1].encode("ascii"),
        signature=base64url.decode(segments[2]),
    )


def verify(jwt: UnverifiedJwt | str, *, keys: KeySet, algorithms: Collection[str]) -> Mapping[str, JsonValue]:
    """The claims, once the signature is right under one of ``algorithms`` and the key that is meant.

    Neither ``typ`` nor any claim is looked at. A token as str is parsed first, up to 16 KiB.
    ECDSA is malleable: (r, n - s) verifies as (r, s) does and is not refused, since libraries make
    either; one-time use must hang on ``jti``, never on the signature or the text of a token.
    Raises SignatureWrong, JwsError algorithm, KeyUnknown, JwkError, and those of ``parse``;
    ValueError when the caller lists nothing, or what is no asymmetric algorithm of ours.
    """
    if isinstance(jwt, str):
        jwt = parse(jwt, max_bytes=_MAX_BYTES)
    alg = algorithm_name(jwt.alg)
    # The list is ours and the key has its own pin: the header chooses between neither.
    if alg not in _asymmetric(tuple(algorithms)):
        raise JwsError("algorithm")
    if not keys.select(jwt.kid, alg).fits(jwt.signing_input, jwt.signature):
        raise SignatureWrong
    return jwt.claims


def sign(claims: Mapping[str, JsonValue], *, key: PrivateKey, typ: str) -> str:
    """The compact JWS of the claims, in their order, with the headers alg, kid and typ."""
    body = _TO_TEXT.encode(dict(claims)).encode("utf-8")
    signing_input = f"{_header(key.alg, key.kid, typ)}.{base64url.encode(body)}"
    return f"{signing_input}.{base64url.encode(key.sign(signing_input.encode('ascii')))}"


def _check_names(header: Mapping[str, JsonValue], allowed: frozenset[str]) -> None:
    names = header.keys()
    if not (names - _HARMLESS_HEADERS <= allowed) or not _NEVER_HEADERS.isdisjoint(names):
        raise JwsError("header_name")


def _algorithm(header: Mapping[str, JsonValue]) -> str:
    """One that we verify; none, in whatever case, HMAC and encryption are not among them."""
    alg = header.get("alg")
    if not isinstance(alg, str) or algorithm_name(alg) not in ALGORITHMS:
        raise JwsError("algorithm")
    return alg


def _media_type(typ: JsonValue) -> str:
    if not isinstance(typ, str) or not _MEDIA_TYPE.fullmatch(typ):
        raise JwsError("typ_malformed")
    return typ.lower().removeprefix("application/")


@lru_cache(maxsize=64)
def _asymmetric(algorithms: tuple[str, ...]) -> frozenset[str]:
    names = frozenset(map(algorithm_name, algorithms))
    if not names or not names <= ALGORITHMS:
        raise ValueError(f"algorithms must be some of {sorted(ALGORITHMS)}, got {algorithms}")
    return names


@lru_cache(maxsize=64)
def _header(alg: str, kid: str, typ: str) -> str:
    return base64url.encode(_TO_TEXT.encode({"alg": alg, "kid": kid, "typ": typ}).encode("utf-8"))
