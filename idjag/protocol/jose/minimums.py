"""What a public JWK must be to become a key: meant for signatures, well formed, strong enough."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping

from idjag.protocol.jose import base64url
from idjag.protocol.jose.errors import JoseError, JwkError
from idjag.protocol.jose.json import JsonValue

# The one algorithm of each key type and curve: a key never chooses between two.
_ALGORITHM_OF = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("EC", "P-384"): "ES384",
    ("OKP", "Ed25519"): "Ed25519",
}
ALGORITHMS = frozenset(_ALGORITHM_OF.values())

# "EdDSA" stands for Ed25519 and Ed448 alike, which is why RFC 9864 deprecates it for their own names.
# Ed448 is not among our keys, so that here both names mean the same.
_ALIASES = {"EdDSA": "Ed25519"}

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_RSA_BITS = range(2048, 8193)  # above, one verification costs milliseconds: a lever for the key's owner
_RSA_EXPONENTS = range(65537, 2**32, 2)  # odd ones; with e = 1 every message is its own signature
_COORDINATE_OCTETS = {"P-256": 32, "P-384": 48}
_ED25519_OCTETS = 32
_ED25519_P = 2**255 - 19
_ED25519_D = -121665 * pow(121666, -1, _ED25519_P) % _ED25519_P


def algorithm_name(alg: str) -> str:
    """The fully specified name of a signature algorithm (RFC 9864)."""
    return _ALIASES.get(alg, alg)


def pinned_algorithm(jwk: Mapping[str, JsonValue], wanted: str | None) -> str:
    """The one algorithm of this type and curve, which ``alg`` and ``wanted`` may only name."""
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if not isinstance(kty, str) or not (crv is None or isinstance(crv, str)):
        raise JwkError("key_type")
    pinned = _ALGORITHM_OF.get((kty, crv))
    if pinned is None:
        raise JwkError("key_type")
    for named in (jwk.get("alg", pinned), pinned if wanted is None else wanted):
        if not isinstance(named, str) or algorithm_name(named) != pinned:
            raise JwkError("key_algorithm")
    return pinned


def check_purpose(jwk: Mapping[str, JsonValue]) -> None:
    """A public key for signatures, by each member that says something about it (RFC 7517 section 4)."""
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise JwkError("key_private")
    operations = jwk.get("key_ops", ["verify"])
    if (
        jwk.get("use", "sig") != "sig"
        or not isinstance(operations, list)
        or "verify" not in operations
        or any(operation not in ("verify", "sign") for operation in operations)
    ):
        raise JwkError("key_use")


def check_certificate(jwk: Mapping[str, JsonValue]) -> bytes | None:
    """The SHA-256 of the first certificate in x5c; refuse thumbprints of another (RFC 7517 section 4.8).

    The certificate itself carries no trust here: a key is believed for where its set came from.
    """
    if "x5c" not in jwk:
        return None
    der = _first_certificate(jwk["x5c"])
    expected = {
        "x5t": hashlib.sha1(der, usedforsecurity=False).digest(),
        "x5t#S256": hashlib.sha256(der).digest(),
    }
    for name, digest in expected.items():
        if name in jwk and jwk[name] != base64url.encode(digest):
            raise JwkError("key_certificate")
    return expected["x5t#S256"]


def required_members(jwk: Mapping[str, JsonValue], alg: str) -> dict[str, str]:
    """The members that RFC 7638 hashes, checked for length, strength and their one spelling."""
    match alg:
        case "RS256":
            return _rsa_members(jwk)
        case "Ed25519":
            return _ed25519_members(jwk)
        case _:
            return _ec_members(jwk, str(jwk["crv"]))


def _rsa_members(jwk: Mapping[str, JsonValue]) -> dict[str, str]:
    n, e = (_octets(jwk, name) for name in ("n", "e"))
    # Base64urlUInt has no leading zero octets (RFC 7518 section 2): one key, one thumbprint.
    if not n or not e or n[0] == 0 or e[0] == 0:
        raise JwkError("key_malformed")
    modulus, exponent = int.from_bytes(n), int.from_bytes(e)
    # An even modulus is factored at sight, and cryptography takes it.
    if modulus.bit_length() not in _RSA_BITS or modulus % 2 == 0 or exponent not in _RSA_EXPONENTS:
        raise JwkError("key_weak")
    return {"kty": "RSA", "n": base64url.encode(n), "e": base64url.encode(e)}


def _ec_members(jwk: Mapping[str, JsonValue], crv: str) -> dict[str, str]:
    x, y = (_octets(jwk, name) for name in ("x", "y"))
    # Full length, leading zeros included (RFC 7518 section 6.2.1.2). That the point is on the curve
    # is checked by cryptography as it builds the key; infinity has no coordinates to write down.
    if {len(x), len(y)} != {_COORDINATE_OCTETS[crv]}:
        raise JwkError("key_malformed")
    return {"kty": "EC", "crv": crv, "x": base64url.encode(x), "y": base64url.encode(y)}


def _ed25519_members(jwk: Mapping[str, JsonValue]) -> dict[str, str]:
    x = _octets(jwk, "x")
    if len(x) != _ED25519_OCTETS:
        raise JwkError("key_malformed")
    _check_edwards_point(int.from_bytes(x, "little") % 2**255)  # the topmost bit is the sign
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(x)}


def _check_edwards_point(y: int) -> None:
    """Refuse what cryptography takes unseen: no point at all, a second spelling, small order.

    Under a key of order 1, 2, 4 or 8 one signature fits many messages (RFC 8032 section 5.1).
    """
    p, d, y2 = _ED25519_P, _ED25519_D, y * y % _ED25519_P
    # y = 1, -1, 0 are the orders 1, 2, 4; order 8 doubles to y = 0, which is d y^4 + 2 y^2 = 1.
    if y >= p or y in (0, 1, p - 1) or (d * y2 * y2 + 2 * y2 - 1) % p == 0:
        raise JwkError("key_weak")
    # x^2 = (y^2 - 1) / (d y^2 + 1) must be a square (Euler's criterion, the quotient as a product).
    if pow((y2 - 1) * (d * y2 + 1), (p - 1) // 2, p) != 1:
        raise JwkError("key_malformed")


def _first_certificate(chain: JsonValue) -> bytes:
    match chain:
        case [str(first), *_]:
            try:
                return binascii.a2b_base64(first, strict_mode=True)
            except ValueError:
                raise JwkError("key_certificate") from None
        case _:
            raise JwkError("key_certificate")


def _octets(jwk: Mapping[str, JsonValue], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise JwkError("key_malformed")
    try:
        return base64url.decode(value)
    except JoseError:
        raise JwkError("key_malformed") from None
