"""DPoP proofs: that whoever sends a request holds a key, proven for this request alone (RFC 9449).

What must be remembered, the one-time id of each proof, is for the caller: see ``Proof``.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from idjag.protocol import names
from idjag.protocol.claims import ClaimError, numeric_date, optional_numeric_date, optional_text, text
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import (
    JoseError,
    JwkError,
    KeySet,
    PublicKey,
    UnverifiedJwt,
    base64url,
    import_public,
    jws,
    thumbprint,
)
from idjag.protocol.jose.json import JsonValue
from idjag.protocol.resources import comparable

__all__ = ["ONCE_KIND", "Proof", "accept", "proof_of"]

ONCE_KIND = "dpop"
"""The kind of the one-time id of a proof."""

# A proof is made for one request and sent at once, but by clocks that are not ours: to the past the
# skew and a minute for slow networks and retries, to the future the skew alone.  RFC 9449 section 11.1
# wants seconds or minutes; what is longer must also be remembered longer.
_MAX_AGE = 60 + names.SKEW

# An RSA-2048 key makes an encoded header of 550 characters, one of 4096 bits with the members that
# WebCrypto adds some 1200, and the largest that we verify (8192 bits) some 2000.
_MAX_HEADER = 2048
_HEADERS = frozenset({"alg", "jwk", "kid", "typ"})
_MAX_URI = 4096
_MAX_JTI = 255
_MAX_NONCE = 255

# A certificate in the key would be a second statement about whose key it is, and nobody would check it.
_CERTIFICATES = frozenset({"x5c", "x5t", "x5t#S256", "x5u"})


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that was right for the request; good for nothing until its one-time id has been claimed.

    The id is (ONCE_KIND, ``scope``, ``jti``), to be remembered until ``until``.
    ``htu`` is normalised; ``nonce`` is the sender's word, for ``dpop_nonce.check``.
    """

    jkt: str
    jti: str = field(repr=False)
    iat: int
    htu: str
    nonce: str | None = field(default=None, repr=False)

    @property
    def scope(self) -> str:
        """Of what the jti is unique: the key and the URI (DPOP-16), hashed since URIs may be long.

        With the key in it nobody can use up the jti of another (RFC 9449 section 11.1).
        """
        return base64url.encode(hashlib.sha256(f"{self.jkt} {self.htu}".encode()).digest())

    @property
    def until(self) -> int:
        """The NumericDate until which no server of ours may forget the jti.

        The second at which the proof is too old, and the skew: clocks of two nodes differ too.
        """
        return self.iat + _MAX_AGE + names.SKEW


def proof_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The proof of a request, or None without a DPoP header; ``headers`` with lower-case names.

    Raises Refused DPOP_PROOF_INVALID when there are several, in one header or in many
    (RFC 9449 section 4.3, check 1; attack case 108).
    """
    values = [value for name, value in headers if name == b"dpop"]
    if not values:
        return None
    if len(values) > 1 or b"," in values[0]:
        raise Refused(Reason.DPOP_PROOF_INVALID, problem="several")
    try:
        return values[0].strip(b" \t").decode("ascii")
    except UnicodeDecodeError:
        raise Refused(Reason.DPOP_PROOF_INVALID, problem="encoding") from None


def accept(
    proof: str,
    *,
    method: str,
    uri: str,
    now: int,
    access_token: str | None = None,
    alias: str | None = None,
) -> Proof:
    """Check the proof of a request with ``method`` to ``uri``: RFC 9449 section 4.3.

    ``uri`` is where the request was meant to go as we are configured to be seen, never as its Host
    says; ``alias`` is the other place of the same endpoint, if it has one (RFC 8705 section 5).
    ``access_token``: the one that came with it, at a resource.
    Raises Refused DPOP_PROOF_INVALID; TOKEN_INVALID when the proof was made for another access token.
    """
    try:
        jwt = jws.parse(
            proof, max_bytes=names.MAX_DPOP_PROOF, max_header=_MAX_HEADER, allowed_headers=_HEADERS
        )
        key = _key(jwt)
        claims = jws.verify(jwt, keys=KeySet([key]), algorithms=names.DPOP_ALGORITHMS)
        if access_token is not None:
            _check_hash(claims, access_token)
        places = [_comparable(each) for each in (uri, alias) if each is not None]
        return _accept(claims, key=key, method=method, places=places, now=now)
    except JoseError as wrong:
        raise Refused(Reason.DPOP_PROOF_INVALID, problem=wrong.code) from None
    except ClaimError as wrong:
        raise Refused(Reason.DPOP_PROOF_INVALID, claim=wrong.claim, problem=wrong.problem) from None


def _key(jwt: UnverifiedJwt) -> PublicKey:
    """The public key that the proof brings; a kid in the header is of no use, but must not name another."""
    if jwt.typ != names.DPOP_TYP:
        raise Refused(Reason.DPOP_PROOF_INVALID, typ=jwt.typ or "absent")
    jwk = jwt.header.get("jwk")
    if not isinstance(jwk, dict):
        raise JwkError("key_missing")
    if not _CERTIFICATES.isdisjoint(jwk):
        raise JwkError("key_certificate")
    key = import_public(jwk, algorithm=jwt.alg)
    if jwt.kid is not None and key.kid not in (None, jwt.kid):
        raise JwkError("key_unknown")
    return replace(key, kid=jwt.kid)


def _accept(
    claims: Mapping[str, JsonValue], *, key: PublicKey, method: str, places: Sequence[str], now: int
) -> Proof:
    if text(claims, "htm", max_length=32) != method:  # methods have a case (RFC 9110 section 9.1)
        raise ClaimError("htm", "mismatch")
    htu = _comparable(text(claims, "htu", max_length=_MAX_URI))
    if htu not in places:
        raise Refused(Reason.DPOP_PROOF_INVALID, claim="htu", expected=places[0], got=htu)
    iat = numeric_date(claims, "iat")
    if iat > now + names.SKEW or now >= iat + _MAX_AGE:
        raise Refused(Reason.DPOP_PROOF_INVALID, claim="iat", iat=iat, now=now)
    _check_own_limits(claims, now=now)
    jti = text(claims, "jti", max_length=_MAX_JTI)
    nonce = optional_text(claims, "nonce", max_length=_MAX_NONCE)
    return Proof(jkt=thumbprint(key), jti=jti, iat=iat, htu=htu, nonce=nonce)


def _check_own_limits(claims: Mapping[str, JsonValue], *, now: int) -> None:
    """``exp`` and ``nbf`` are not asked for, but who writes them means them: they narrow the window."""
    exp, not_before = optional_numeric_date(claims, "exp"), optional_numeric_date(claims, "nbf")
    if exp is not None and now >= exp + names.SKEW:
        raise ClaimError("exp", "past")
    if not_before is not None and not_before > now + names.SKEW:
        raise ClaimError("nbf", "ahead")


def _comparable(uri: str) -> str:
    """Without query and fragment, normalised as RFC 9449 section 4.3 and RFC 3986 section 6.2 say."""
    return comparable(uri.partition("#")[0].partition("?")[0])


def _check_hash(claims: Mapping[str, JsonValue], access_token: str) -> None:
    """The proof is for this very token (RFC 9449 section 4.2, ``ath``; attack case 112)."""
    ath = claims.get("ath")
    expected = base64url.encode(hashlib.sha256(access_token.encode()).digest())
    if not isinstance(ath, str) or not hmac.compare_digest(ath.encode(), expected.encode()):
        raise Refused(Reason.TOKEN_INVALID, claim="ath")
