"""The JWT access token of a resource authorization server: RFC 9068."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from idjag.protocol import actor, confirmation, names, scopes
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
from idjag.protocol.jose import JoseError, KeySet, jws
from idjag.protocol.jose.json import JsonValue
from idjag.protocol.resources import claim_of, comparable, is_resource

__all__ = ["AccessToken", "accept", "claims"]

_MAX_TOKEN = 16 * 1024


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The claims of one access token; ``audiences`` are the granted resources, never empty."""

    iss: str
    sub: str
    audiences: tuple[str, ...]
    client_id: str
    jti: str
    iat: int
    exp: int
    scopes: tuple[str, ...] = ()
    auth_time: int | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    jkt: str | None = None
    actors: tuple[Actor, ...] = ()


def claims(token: AccessToken) -> dict[str, JsonValue]:
    """The claims set to sign: RFC 9068 section 2.2 (AT-01, AT-02)."""
    aud = claim_of(token.audiences)
    members: dict[str, JsonValue] = {
        "iss": token.iss,
        "sub": token.sub,
        "aud": aud if isinstance(aud, str) else list(aud),
        "client_id": token.client_id,
        "jti": token.jti,
        "iat": token.iat,
        "exp": token.exp,
    }
    if token.scopes:
        members["scope"] = scopes.join(token.scopes)
    if token.auth_time is not None:
        members["auth_time"] = token.auth_time
    if token.acr is not None:
        members["acr"] = token.acr
    if token.amr:
        members["amr"] = list(token.amr)
    if token.jkt is not None:
        members["cnf"] = confirmation.claim_of(token.jkt)
    if token.actors:
        members["act"] = actor.claim_of(token.actors)
    return members


def accept(token: str, *, keys: KeySet, issuer: str, resource: str, now: int, skew: int) -> AccessToken:
    """Check an access token as the resource server ``resource`` must: RFC 9068 section 4 (AT-03, RAS-49).

    ``resource`` is compared as XCH-27 says.  Raises Refused TOKEN_INVALID.
    """
    try:
        jwt = jws.parse(token, max_bytes=_MAX_TOKEN)
        if jwt.typ != names.ACCESS_TOKEN_TYP:
            raise Refused(Reason.TOKEN_INVALID, typ=jwt.typ or "absent")
        verified = jws.verify(jwt, keys=keys, algorithms=names.ASYMMETRIC)
        return _accept(verified, issuer=issuer, resource=resource, now=now, skew=skew)
    except JoseError as wrong:
        raise Refused(Reason.TOKEN_INVALID, problem=wrong.code) from None
    except ClaimError as wrong:
        raise Refused(Reason.TOKEN_INVALID, claim=wrong.claim, problem=wrong.problem) from None


def _accept(
    verified: Mapping[str, JsonValue], *, issuer: str, resource: str, now: int, skew: int
) -> AccessToken:
    if verified.get("iss") != issuer:
        raise Refused(Reason.TOKEN_INVALID, claim="iss")
    aud = verified.get("aud")
    listed = aud if isinstance(aud, list) else [aud]
    audiences = tuple(member for member in listed if isinstance(member, str) and is_resource(member))
    if len(audiences) != len(listed) or comparable(resource) not in map(comparable, audiences):
        raise Refused(Reason.TOKEN_INVALID, claim="aud")
    iat, exp = numeric_date(verified, "iat"), numeric_date(verified, "exp")
    not_before = optional_numeric_date(verified, "nbf")
    if now >= exp + skew or max(iat, not_before or 0) > now + skew:
        raise Refused(Reason.TOKEN_INVALID, claim="exp")
    scope = optional_text(verified, "scope", max_length=8192)
    return AccessToken(
        iss=issuer,
        sub=text(verified, "sub", max_length=255),
        audiences=audiences,
        client_id=text(verified, "client_id", max_length=2048),
        jti=text(verified, "jti", max_length=255),
        iat=iat,
        exp=exp,
        scopes=tuple(scope.split(" ")) if scope else (),
        auth_time=optional_numeric_date(verified, "auth_time"),
        acr=optional_text(verified, "acr", max_length=255),
        amr=string_list(verified, "amr") if "amr" in verified else (),
        jkt=confirmation.jkt_of(verified),
        actors=actor.chain_of(verified),
    )
