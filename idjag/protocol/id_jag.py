"""The ID-JAG: the grant that the IdP issues and a resource authorization server accepts.

Draft section 3.1 (claims) and section 4.4.1 (processing rules).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from idjag.protocol import actor, confirmation, custom_claims, scopes, sub_id
from idjag.protocol.actor import Actor
from idjag.protocol.claims import (
    ClaimError,
    numeric_date,
    optional_numeric_date,
    optional_text,
    string_list,
    text,
)
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose.json import JsonValue
from idjag.protocol.resources import claim_of, is_resource
from idjag.protocol.sub_id import SamlNameId, saml_nameid

__all__ = ["IdJag", "accept", "audience_of", "claims", "read"]

_MAX_TEXT = 255
_MAX_NAME = 500  # what the IdP lets a person be called
_MAX_URI = 2048
_RESOURCE_ITEMS = 32


@dataclass(frozen=True, slots=True)
class IdJag:
    """The claims of one ID-JAG; times are NumericDate; absent optional claims are None or empty.

    ``resources`` in registered spelling.  ``email`` comes only with a truthful ``email_verified`` (JAG-22).
    ``sub_id``, ``actors`` and ``custom``, the claims that administrators map, are filled by whoever asks for
    them.
    """

    iss: str
    sub: str
    aud: str
    client_id: str
    jti: str
    iat: int
    exp: int
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    auth_time: int | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    tenant: str | None = None
    aud_tenant: str | None = None
    aud_sub: str | None = None
    jkt: str | None = None
    sub_id: SamlNameId | None = None
    actors: tuple[Actor, ...] = ()
    custom: Mapping[str, JsonValue] = field(default_factory=dict)


def claims(grant: IdJag) -> dict[str, JsonValue]:
    """The claims set to sign: each optional claim present exactly when granted or known (JAG-14).

    Raises Refused CLAIM_RESERVED, CLAIMS_TOO_LARGE.
    """
    custom_claims.check(grant.custom)
    members: dict[str, JsonValue] = {
        **grant.custom,
        "iss": grant.iss,
        "sub": grant.sub,
        "aud": grant.aud,
        "client_id": grant.client_id,
        "jti": grant.jti,
        "iat": grant.iat,
        "exp": grant.exp,
    }
    if grant.scopes:
        members["scope"] = scopes.join(grant.scopes)
    if grant.resources:
        members["resource"] = _json(claim_of(grant.resources))
    if grant.amr:
        members["amr"] = list(grant.amr)
    if grant.email is not None:
        members |= {"email": grant.email, "email_verified": grant.email_verified}
    optional: dict[str, JsonValue] = {
        "auth_time": grant.auth_time,
        "acr": grant.acr,
        "name": grant.name,
        "tenant": grant.tenant,
        "aud_tenant": grant.aud_tenant,
        "aud_sub": grant.aud_sub,
    }
    members |= {name: value for name, value in optional.items() if value is not None}
    if grant.jkt is not None:
        members["cnf"] = confirmation.claim_of(grant.jkt)
    if grant.sub_id is not None:
        members["sub_id"] = sub_id.claim_of(grant.sub_id)
    if grant.actors:
        members["act"] = actor.claim_of(grant.actors)
    return members


def accept(
    claims: Mapping[str, JsonValue],
    *,
    audiences: Collection[str],
    client_id: str,
    now: int,
    skew: int,
    max_lifetime: int,
    use: Collection[str] = (),
) -> IdJag:
    """Check a verified JWT's claims as the resource authorization server must.

    ``audiences``: our issuer and further accepted strings, compared byte for byte.  ``client_id``: the
    authenticated client.  ``skew`` and ``max_lifetime`` are seconds.  ``use`` names claims that are read
    only where they count: ``sub_id``, ``act``; elsewhere they may be anything (RAS-40, SAML-17).
    Raises Refused: AUDIENCE_WRONG, CLIENT_MISMATCH, CLAIM_WRONG, EXPIRED, NOT_YET_VALID,
    LIFETIME_TOO_LONG, AUTHORIZATION_DETAILS, CONFIRMATION_UNSUPPORTED.
    Source: draft section 4.4.1.
    """
    try:
        # aud is compared before anything else: a grant for someone else must not reveal our rules
        aud = audience_of(claims, audiences)
        claimed_client = text(claims, "client_id", max_length=_MAX_URI)
        if claimed_client != client_id:  # RAS-17
            raise Refused(Reason.CLIENT_MISMATCH, expected=client_id, got=claimed_client)
        iat, exp = _times(claims, now=now, skew=skew, max_lifetime=max_lifetime)
        return read(claims, aud=aud, client_id=claimed_client, iat=iat, exp=exp, use=use)
    except ClaimError as wrong:
        raise Refused(Reason.CLAIM_WRONG, claim=wrong.claim, problem=wrong.problem) from None


def audience_of(claims: Mapping[str, JsonValue], audiences: Collection[str]) -> str:
    """RAS-12: a string, or an array of exactly one, equal to one of ours; raises Refused AUDIENCE_WRONG."""
    value = claims.get("aud")
    members = value if isinstance(value, list) else [value]
    if len(members) != 1 or not isinstance(members[0], str) or members[0] not in audiences:
        raise Refused(Reason.AUDIENCE_WRONG, expected=" ".join(sorted(audiences)), got=_shown(value))
    return members[0]


def _times(claims: Mapping[str, JsonValue], *, now: int, skew: int, max_lifetime: int) -> tuple[int, int]:
    iat, exp = numeric_date(claims, "iat"), numeric_date(claims, "exp")
    not_before = optional_numeric_date(claims, "nbf")
    if now >= exp + skew:  # RAS-14
        raise Refused(Reason.EXPIRED, exp=exp, now=now)
    if iat > now + skew or (not_before is not None and not_before > now + skew):  # RAS-15
        raise Refused(Reason.NOT_YET_VALID, iat=iat, nbf=not_before, now=now)
    if exp <= iat:
        raise ClaimError("exp", "not_after_iat")
    if exp - iat > max_lifetime:  # RAS-16
        raise Refused(Reason.LIFETIME_TOO_LONG, lifetime=exp - iat, maximum=max_lifetime)
    return iat, exp


def read(
    claims: Mapping[str, JsonValue], *, aud: str, client_id: str, iat: int, exp: int, use: Collection[str]
) -> IdJag:
    """The value of a claims set whose audience, client and times have been checked; raises as ``accept``."""
    if "authorization_details" in claims:  # RAS-34: never dropped into an unrestricted token
        raise Refused(Reason.AUTHORIZATION_DETAILS)
    scope = optional_text(claims, "scope", max_length=8192)
    return IdJag(
        iss=text(claims, "iss", max_length=_MAX_URI),
        sub=text(claims, "sub", max_length=_MAX_TEXT),
        aud=aud,
        client_id=client_id,
        jti=text(claims, "jti", max_length=_MAX_TEXT),
        iat=iat,
        exp=exp,
        scopes=_scopes(scope),
        resources=_resources(claims),
        auth_time=optional_numeric_date(claims, "auth_time"),
        acr=optional_text(claims, "acr", max_length=_MAX_TEXT),
        amr=string_list(claims, "amr") if "amr" in claims else (),
        email=optional_text(claims, "email", max_length=320),
        # attack case 169: only the boolean counts, "true" and 1 do not
        email_verified=claims.get("email_verified") is True,
        name=optional_text(claims, "name", max_length=_MAX_NAME),
        tenant=optional_text(claims, "tenant", max_length=_MAX_TEXT),
        aud_tenant=optional_text(claims, "aud_tenant", max_length=_MAX_TEXT),
        aud_sub=optional_text(claims, "aud_sub", max_length=_MAX_TEXT),
        jkt=_jkt(claims),
        sub_id=saml_nameid(claims) if "sub_id" in use else None,
        actors=actor.chain_of(claims) if "act" in use else (),
    )


def _jkt(claims: Mapping[str, JsonValue]) -> str | None:
    """DPOP-14: a binding that cannot be checked is refused, or a bound grant would be a bearer grant."""
    try:
        return confirmation.jkt_of(claims)
    except ClaimError:
        raise Refused(Reason.CONFIRMATION_UNSUPPORTED) from None


def _scopes(scope: str | None) -> tuple[str, ...]:
    try:
        return scopes.parse(scope) or ()
    except Refused:
        raise ClaimError("scope", "malformed") from None


def _resources(claims: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Both shapes of A-07: a string, or an array of unique strings that is never empty."""
    if "resource" not in claims:
        return ()
    if isinstance(claims["resource"], list):
        listed = string_list(claims, "resource", max_items=_RESOURCE_ITEMS, max_length=_MAX_URI)
        if not listed or len(set(listed)) != len(listed):
            raise ClaimError("resource", "not_a_set")
    else:
        listed = (text(claims, "resource", max_length=_MAX_URI),)
    if not all(is_resource(uri) for uri in listed):
        raise Refused(Reason.RESOURCE_CLAIM_WRONG)
    return listed


def _json(value: str | list[str]) -> JsonValue:
    return value if isinstance(value, str) else list(value)


def _shown(value: JsonValue) -> str:
    return value if isinstance(value, str) else type(value).__name__
