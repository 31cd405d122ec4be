"""From the text of an assertion to a grant that may be believed: whose, of which profile, signed, in time.

No I/O and no clock: the issuer's keys are asked for (steps.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from idjag.protocol import custom_claims, id_jag, jwt_bearer, names
from idjag.protocol.claims import ClaimError, text
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.id_jag import IdJag
from idjag.protocol.jose import JoseError, UnverifiedJwt, jws
from idjag.protocol.jose.json import JsonValue
from idjag.protocol.resources import comparable
from idjag.ras.audit import Trail
from idjag.ras.model import Client, RasConfig
from idjag.ras.steps import Flow, keys_of
from idjag.ras.trusted import Profile, TrustedIssuer

__all__ = ["Accepted", "accepted"]

_ACCEPT = {"id-jag": id_jag.accept, "jwt-bearer": jwt_bearer.accept}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A grant whose claims were verified, and the entry of its issuer."""

    grant: IdJag
    trusted: TrustedIssuer


def accepted(assertion: str, *, client: Client, config: RasConfig, trail: Trail) -> Flow[Accepted]:
    """Judge the assertion of a client; ``trail`` learns what was claimed, and then what was verified.

    Raises Refused: ASSERTION_INVALID, ASSERTION_TYPE, ISSUER_NOT_TRUSTED, KEYS_UNAVAILABLE,
    SIGNATURE_INVALID, and those of ``id_jag.accept``.
    """
    jwt = _parse(assertion)
    trusted = _trusted_issuer(jwt, client=client, config=config, trail=trail)
    trail.profile = profile = _profile(jwt, trusted)
    claims = yield from _verified(jwt, trusted)
    if profile == "id-jag":
        trail.claimed_issuer, trail.signed = trusted.issuer, _jti(claims)
    generic = profile == "jwt-bearer"  # RFC 7523 section 3: the token endpoint is a name for us too
    grant = _ACCEPT[profile](
        claims,
        audiences=config.audiences | {config.endpoint} if generic else config.audiences,
        client_id=client.client_id,
        now=trail.now,
        skew=names.SKEW,
        max_lifetime=trusted.max_lifetime,
        use=_used(trusted),
    )
    trail.grant = grant = replace(grant, custom=custom_claims.of(claims, trusted.claims))
    return Accepted(grant, trusted)


def _parse(assertion: str) -> UnverifiedJwt:
    try:
        return jws.parse(assertion, max_bytes=names.MAX_ID_JAG)
    except JoseError as wrong:
        raise Refused(Reason.ASSERTION_INVALID, problem=wrong.code) from None


def _trusted_issuer(jwt: UnverifiedJwt, *, client: Client, config: RasConfig, trail: Trail) -> TrustedIssuer:
    """RAS-08, TEN-10: configured, alive, and for this very client; before any fetch."""
    claimed = jwt.claims.get("iss")
    if not isinstance(claimed, str):
        raise Refused(Reason.ISSUER_NOT_TRUSTED, problem="no iss")
    trail.claimed_issuer = claimed[:200]
    trusted = config.trusted_issuer(claimed)
    if trusted is None:
        raise Refused(Reason.ISSUER_NOT_TRUSTED, got=claimed, near_miss=_near_miss(claimed, config))
    if not trusted.alive(now=trail.now):
        raise Refused(Reason.ISSUER_NOT_TRUSTED, got=claimed, problem="paused or expired")
    if not client.knows(claimed):
        raise Refused(Reason.ISSUER_NOT_TRUSTED, got=claimed, problem="not an issuer of this client")
    return trusted


def _near_miss(claimed: str, config: RasConfig) -> str | None:
    """The trusted issuer that differs by a slash, a case or a port alone: said to the administrator."""
    loose = comparable(claimed).rstrip("/")
    names_ = (trusted.issuer for trusted in config.trusted_issuers)
    return next((name for name in names_ if comparable(name).rstrip("/") == loose), None)


def _profile(jwt: UnverifiedJwt, trusted: TrustedIssuer) -> Profile:
    """RAS-07, RAS-46: the type says what a grant is, and the entry what the issuer may bring."""
    if jwt.typ == names.ID_JAG_TYP:
        if "id-jag" not in trusted.profiles:
            raise Refused(Reason.ISSUER_NOT_TRUSTED, got=trusted.issuer, problem="not for id-jag")
        return "id-jag"
    if jwt.typ not in jwt_bearer.TYPES or "jwt-bearer" not in trusted.profiles:
        raise Refused(Reason.ASSERTION_TYPE, got=jwt.typ or "absent")
    return "jwt-bearer"


def _verified(jwt: UnverifiedJwt, trusted: TrustedIssuer) -> Flow[Mapping[str, JsonValue]]:
    """RAS-09 to RAS-11: the keys of exactly this issuer, and only its algorithms."""
    keys = trusted.keys
    if keys is None:
        keys = yield from keys_of(trusted.issuer, jwks_uri=trusted.jwks_uri, kid=jwt.kid)
    try:
        return jws.verify(jwt, keys=keys, algorithms=trusted.algorithms)
    except JoseError as wrong:
        raise Refused(Reason.SIGNATURE_INVALID, problem=wrong.code, kid=jwt.kid) from None


def _jti(claims: Mapping[str, JsonValue]) -> str | None:
    """What a receipt can name the grant by, even if it is refused for another of its claims."""
    try:
        return text(claims, "jti", max_length=255)
    except ClaimError:
        return None


def _used(trusted: TrustedIssuer) -> frozenset[str]:
    """The claims that count only where the issuer's entry says so: elsewhere they may be anything."""
    asserted = {"act"} if trusted.may_assert_act else set()
    return frozenset(asserted | ({"sub_id"} if trusted.uses("sub_id") else set()))
