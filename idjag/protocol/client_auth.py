"""Client authentication, the same at both servers: client_secret_*, private_key_jwt, client certificates.

RFC 6749 section 2.3, RFC 7521 section 4.2, RFC 7523bis section 4, RFC 8705 section 2, OpenID Connect Core
section 9.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote_to_bytes

from idjag.protocol import client_certificate, names
from idjag.protocol.claims import ClaimError, numeric_date, optional_numeric_date, text
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.jose import JoseError, KeySet, jws
from idjag.protocol.jose.json import JsonValue

__all__ = ["Presented", "Proof", "Registration", "hash_secret", "present", "verify"]

_MAX_CLIENT_ID = 2048
_UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]++")
_PLAIN = re.compile(rb"[^%\x00-\x1f\x7f-\xff]*+(?:%[0-9A-Fa-f]{2}[^%\x00-\x1f\x7f-\xff]*+)*+")


@dataclass(frozen=True, slots=True)
class Registration:
    """How one client authenticates.

    ``method``: client_secret (basic or post), client_secret_basic, client_secret_post, private_key_jwt, none,
    tls_client_auth (then ``subject`` says with whose certificate), self_signed_tls_client_auth,
    or client_id_metadata_document: then the document at the client_id says private_key_jwt or none, and
    nobody is authenticated before it was read.  ``jwks_uri``: where the keys are, when ``keys`` is None.
    ``secret_hashes`` as ``hash_secret`` makes them; ``expiring`` are further ones, each until a second
    (NumericDate) from which on it is none, so that two overlap during a rotation (CAU-15).
    """

    client_id: str
    method: str
    secret_hashes: tuple[bytes, ...] = field(default=(), repr=False)
    keys: KeySet | None = None
    algorithms: tuple[str, ...] = names.ASYMMETRIC
    active: bool = True
    jwks_uri: str | None = None
    expiring: tuple[tuple[bytes, int], ...] = field(default=(), repr=False)
    subject: client_certificate.Subject | None = None

    def secrets_at(self, now: int) -> tuple[bytes, ...]:
        """The hashes that count at that second (attack case 39)."""
        return (*self.secret_hashes, *(digest for digest, until in self.expiring if now < until))

    @property
    def published(self) -> bool:
        """Whether it is complete only with what the client publishes elsewhere."""
        return self.keys is None and (
            self.jwks_uri is not None or self.method == names.CLIENT_ID_METADATA_DOCUMENT
        )


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request presents; nothing of it is verified.

    ``method`` is client_secret_basic, client_secret_post, private_key_jwt or none.  ``certificate``: that of
    the connection; whether it authenticates the client, the registration says.
    ``in_header``: a failure is answered with WWW-Authenticate.
    """

    claimed_client: str
    method: str
    secret: str = field(default="", repr=False)
    assertion: jws.UnverifiedJwt | None = field(default=None, repr=False)
    certificate: client_certificate.Told | None = None

    @property
    def in_header(self) -> bool:
        """Whether the Authorization header was used."""
        return self.method == names.CLIENT_SECRET_BASIC


@dataclass(frozen=True, slots=True)
class Proof:
    """The client is who it claims to be; ``jti`` of an assertion must still be claimed until ``until``."""

    client_id: str
    method: str
    jti: str | None = None
    until: int = 0


def hash_secret(secret: str) -> bytes:
    """SHA-256: client secrets are random and long, so a slow hash would only cost our own time."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


_NO_SECRET = hash_secret("no client has this secret")


def present(
    form: Form, authorization: bytes | None, *, certificate: client_certificate.Told | None = None
) -> Presented:
    """Find the one way in which the client authenticates; raises Refused.

    Who has a ``certificate`` and nothing else must say by ``client_id`` who it is (RFC 8705 section 2).
    CLIENT_METHODS_SEVERAL, CLIENT_CREDENTIALS_MISSING, CLIENT_CREDENTIALS_MALFORMED, CLIENT_ASSERTION_*,
    PARAMETER_WRONG when ``client_id`` in the body is another than in the header (CAU-01, CAU-07, RAS-06).
    """
    body_id, secret = form.one("client_id"), form.one("client_secret")
    assertion, assertion_type = form.one("client_assertion"), form.one("client_assertion_type")
    by_assertion = assertion is not None or assertion_type is not None
    if sum((authorization is not None, secret is not None, by_assertion)) > 1:
        raise Refused(Reason.CLIENT_METHODS_SEVERAL)
    if authorization is not None:
        presented = _basic(authorization)
    elif by_assertion:
        presented = _assertion(assertion, assertion_type)
    elif body_id is None:
        raise Refused(Reason.CLIENT_CREDENTIALS_MISSING)
    elif secret is not None:
        presented = Presented(body_id, names.CLIENT_SECRET_POST, secret)
    else:
        presented = Presented(body_id, names.NO_AUTHENTICATION)
    if body_id is not None and body_id != presented.claimed_client:
        if by_assertion:  # RFC 7521 section 4.2.1 wants invalid_client
            raise Refused(Reason.CLIENT_ASSERTION_INVALID, parameter="client_id")
        raise Refused(Reason.PARAMETER_WRONG, parameter="client_id")
    if len(presented.claimed_client) > _MAX_CLIENT_ID:
        raise Refused(Reason.CLIENT_CREDENTIALS_MALFORMED)
    return presented if certificate is None else replace(presented, certificate=certificate)


def _basic(authorization: bytes) -> Presented:
    """RFC 6749 section 2.3.1: id and secret are form-encoded before they are joined by a colon."""
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        raise Refused(Reason.CLIENT_CREDENTIALS_MALFORMED, problem="scheme")
    try:
        pair = base64.b64decode(encoded.strip(b" "), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(Reason.CLIENT_CREDENTIALS_MALFORMED, problem="base64") from None
    name, colon, secret = pair.partition(b":")
    if not colon or not name:
        raise Refused(Reason.CLIENT_CREDENTIALS_MALFORMED, problem="colon")
    return Presented(_form_decoded(name), names.CLIENT_SECRET_BASIC, _form_decoded(secret))


def _form_decoded(part: bytes) -> str:
    if _UNRESERVED.fullmatch(part):
        return part.decode("ascii")  # as nearly all are
    try:
        plain = _PLAIN.fullmatch(part) is not None
        text_ = unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        plain, text_ = False, ""
    if not plain:
        raise Refused(Reason.CLIENT_CREDENTIALS_MALFORMED, problem="encoding")
    if any(character < " " or character == "\x7f" for character in text_):
        raise Refused(Reason.CLIENT_CREDENTIALS_MALFORMED, problem="control character")
    return text_


def _assertion(assertion: str | None, assertion_type: str | None) -> Presented:
    if assertion is None or assertion_type != names.CLIENT_ASSERTION_TYPE:
        raise Refused(Reason.CLIENT_ASSERTION_TYPE)
    try:
        jwt = jws.parse(assertion, max_bytes=names.MAX_CLIENT_ASSERTION)
        claimed = text(jwt.claims, "sub", max_length=_MAX_CLIENT_ID)
    except JoseError as wrong:
        raise Refused(Reason.CLIENT_ASSERTION_INVALID, problem=wrong.code) from None
    except ClaimError as wrong:
        raise Refused(Reason.CLIENT_ASSERTION_INVALID, claim=wrong.claim, problem=wrong.problem) from None
    return Presented(claimed, names.PRIVATE_KEY_JWT, assertion=jwt)


def verify(presented: Presented, registration: Registration | None, *, issuer: str, now: int) -> Proof:
    """Check that the client is who it claims to be; ``registration`` None for an unknown client.

    ``issuer`` is ours, the only audience an assertion may name.  An unknown client costs the same
    comparison as a wrong secret.  Raises Refused CLIENT_*.
    """
    if presented.method in (names.CLIENT_SECRET_BASIC, names.CLIENT_SECRET_POST):
        return _verify_secret(presented, registration, now=now)
    if registration is None:
        raise Refused(Reason.CLIENT_UNKNOWN)
    if presented.method == names.PRIVATE_KEY_JWT and presented.assertion is not None:
        _check_registered(presented, registration)
        return _verify_assertion(presented.assertion, registration, issuer=issuer, now=now)
    if registration.method in names.MUTUAL_TLS:
        return _verify_certificate(presented.certificate, registration, now=now)
    if registration.method != names.NO_AUTHENTICATION:
        raise Refused(Reason.CLIENT_CREDENTIALS_MISSING)
    _check_registered(presented, registration)
    return Proof(registration.client_id, names.NO_AUTHENTICATION)


def _verify_secret(presented: Presented, registration: Registration | None, *, now: int) -> Proof:
    stored = registration.secrets_at(now) if registration else ()
    given = hash_secret(presented.secret)
    matches = [hmac.compare_digest(given, one) for one in stored or (_NO_SECRET,)]
    if registration is None:
        raise Refused(Reason.CLIENT_UNKNOWN)
    _check_registered(presented, registration)
    if not stored or not any(matches) or not presented.secret:  # case 36: no stored secret, no match
        raise Refused(Reason.CLIENT_SECRET_WRONG)
    return Proof(registration.client_id, presented.method)


def _check_registered(presented: Presented, registration: Registration) -> None:
    """CAU-09: the registered method and no other; a method is never negotiated down."""
    if not registration.active:
        raise Refused(Reason.CLIENT_DISABLED)
    if registration.method in names.MUTUAL_TLS and presented.certificate is not None:
        raise Refused(Reason.CLIENT_METHODS_SEVERAL)
    either = (names.CLIENT_SECRET_BASIC, names.CLIENT_SECRET_POST)
    if registration.method == names.CLIENT_SECRET and presented.method in either:
        return
    if registration.method != presented.method:
        raise Refused(Reason.CLIENT_METHOD_WRONG, registered=registration.method, used=presented.method)


def _verify_certificate(
    told: client_certificate.Told | None, registration: Registration, *, now: int
) -> Proof:
    """CAU-08.  Whose certificate it is counts only if somebody has verified the chain; whose key, always."""
    if not registration.active:
        raise Refused(Reason.CLIENT_DISABLED)
    if told is None:
        raise Refused(Reason.CLIENT_CERTIFICATE_MISSING)
    certificate = client_certificate.read(told)
    if not client_certificate.alive(certificate, now=now):
        raise Refused(Reason.CLIENT_CERTIFICATE_EXPIRED, now=now)
    if registration.method == names.TLS_CLIENT_AUTH:
        _check_subject(certificate, registration.subject, chain_verified=told.chain_verified)
    elif registration.keys is None or not client_certificate.has_key(certificate, registration.keys):
        raise Refused(Reason.CLIENT_CERTIFICATE_WRONG, problem="not a registered key")
    return Proof(registration.client_id, registration.method)


def _check_subject(
    certificate: client_certificate.Certificate,
    subject: client_certificate.Subject | None,
    *,
    chain_verified: bool,
) -> None:
    if not chain_verified:  # anybody can write any name into a certificate of their own
        raise Refused(Reason.CLIENT_CERTIFICATE_UNVERIFIED)
    if subject is None or not client_certificate.has_subject(certificate, subject):
        expected = None if subject is None else f"{subject.kind} {subject.text}"
        got = client_certificate.shown(certificate)
        raise Refused(Reason.CLIENT_CERTIFICATE_WRONG, expected=expected, got=got)


def _verify_assertion(jwt: jws.UnverifiedJwt, registration: Registration, *, issuer: str, now: int) -> Proof:
    """CAU-02 to CAU-06.  ``typ`` may be absent or plain JWT; any other explicit type is another token."""
    if jwt.typ not in (None, "jwt", names.CLIENT_AUTHENTICATION_TYP):
        raise Refused(Reason.CLIENT_ASSERTION_INVALID, typ=jwt.typ)
    if registration.keys is None:
        raise Refused(Reason.CLIENT_ASSERTION_INVALID, problem="no registered keys")
    try:
        claims = jws.verify(jwt, keys=registration.keys, algorithms=registration.algorithms)
        return _accept(claims, registration.client_id, issuer=issuer, now=now)
    except JoseError as wrong:
        raise Refused(Reason.CLIENT_ASSERTION_INVALID, problem=wrong.code) from None
    except ClaimError as wrong:
        raise Refused(Reason.CLIENT_ASSERTION_INVALID, claim=wrong.claim, problem=wrong.problem) from None


def _accept(claims: Mapping[str, JsonValue], client_id: str, *, issuer: str, now: int) -> Proof:
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise ClaimError("iss", "not_the_client")
    aud = claims.get("aud")
    if aud not in (issuer, [issuer]):  # CAU-03: not the token endpoint, not a list of two
        got = aud if isinstance(aud, str) else type(aud).__name__
        raise Refused(Reason.CLIENT_ASSERTION_AUD, expected=issuer, got=got)
    exp = numeric_date(claims, "exp")
    iat = optional_numeric_date(claims, "iat")
    not_before = optional_numeric_date(claims, "nbf")
    if now >= exp + names.SKEW:
        raise Refused(Reason.CLIENT_ASSERTION_EXPIRED, exp=exp, now=now)
    if exp > now + names.MAX_CLIENT_ASSERTION_LIFETIME + names.SKEW:
        raise ClaimError("exp", "too_far")
    if max(iat or 0, not_before or 0) > now + names.SKEW:
        raise ClaimError("iat", "in_the_future")
    jti = text(claims, "jti", max_length=255)
    return Proof(client_id, names.PRIVATE_KEY_JWT, jti=jti, until=exp + names.SKEW)
