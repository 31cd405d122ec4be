"""The ID token: what the IdP issues at sign-in and takes back as subject token.

OpenID Connect Core section 2; IPSIE SL1; draft section 4.3.3.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from idjag.protocol import names
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
from idjag.protocol.names import ID_TOKEN_MARKER, ID_TOKEN_MARKER_VALUE, MAX_SUBJECT_TOKEN

__all__ = ["FOREIGN", "IdToken", "accept", "claims", "subject_token"]

_REMEMBERED = 2048

FOREIGN = ("client_id", "scope", "events", "cnf", "htm")
"""Claims that other token kinds carry and an ID token of ours never does (A-06)."""


@dataclass(frozen=True, slots=True)
class IdToken:
    """The claims of one ID token; ``session_expiry`` is when the app must ask for a new sign-in.

    ``profile`` holds the claims that the granted OpenID scopes release.  ``aud`` is the client that it was
    issued to; ``beside`` are the clients that an administrator lets present it too (XCH-38).
    """

    iss: str
    sub: str
    aud: str
    iat: int
    exp: int
    auth_time: int
    acr: str
    amr: tuple[str, ...]
    sid: str
    session_expiry: int
    nonce: str | None = None
    profile: Mapping[str, JsonValue] | None = None
    beside: tuple[str, ...] = ()


def claims(token: IdToken) -> dict[str, JsonValue]:
    """The claims set to sign; ``aud`` is one string (OIDC-12) unless others may present the token too."""
    members: dict[str, JsonValue] = {
        **(token.profile or {}),
        "iss": token.iss,
        "sub": token.sub,
        "aud": token.aud,
        "iat": token.iat,
        "exp": token.exp,
        "auth_time": token.auth_time,
        "acr": token.acr,
        "amr": list(token.amr),
        "sid": token.sid,
        "session_expiry": token.session_expiry,
        ID_TOKEN_MARKER: ID_TOKEN_MARKER_VALUE,
    }
    if token.nonce is not None:
        members["nonce"] = token.nonce
    if token.beside:  # OpenID Connect Core section 2: azp tells whose it is
        members |= {"aud": [token.aud, *token.beside], "azp": token.aud}
    return members


def subject_token(
    token: str, *, keys: KeySet, issuer: str, client_id: str, now: int, brokers: Collection[str] = ()
) -> IdToken:
    """Accept a subject token: our own ID token, typed, alive, issued to the authenticated client.

    ``brokers``: the clients whose tokens it may present, where these name it as one of several (XCH-38);
    itself among them, if others may present its own.
    Raises Refused: SUBJECT_TOKEN_TYPE, SUBJECT_TOKEN_INVALID, SUBJECT_TOKEN_ISSUER,
    SUBJECT_TOKEN_AUDIENCE, SUBJECT_TOKEN_EXPIRED, SUBJECT_TOKEN_NOT_YET.
    Source: draft section 4.3.3; XCH-36 to XCH-42.
    """
    try:
        verified = _signed(token, keys)
    except JoseError as wrong:
        raise Refused(Reason.SUBJECT_TOKEN_INVALID, problem=wrong.code) from None
    return accept(verified, issuer=issuer, client_id=client_id, brokers=brokers, now=now)


def accept(
    verified: Mapping[str, JsonValue],
    *,
    issuer: str,
    client_id: str,
    now: int,
    brokers: Collection[str] = (),
) -> IdToken:
    """What ``subject_token`` makes of claims whose signature and ``typ`` are right; raises as it does."""
    try:
        return _accept(verified, issuer=issuer, client_id=client_id, brokers=brokers, now=now)
    except ClaimError as wrong:
        raise Refused(Reason.SUBJECT_TOKEN_INVALID, claim=wrong.claim, problem=wrong.problem) from None


@lru_cache(maxsize=_REMEMBERED)
def _signed(token: str, keys: KeySet) -> Mapping[str, JsonValue]:
    """What a token of the right type says, once its signature is right under these very keys.

    Remembered, since an app presents the same ID token wherever its user goes.  That is arithmetic and no
    verdict: other keys are another question, and what the claims mean is decided every time.
    """
    jwt = jws.parse(token, max_bytes=MAX_SUBJECT_TOKEN)
    if jwt.typ != "jwt":  # XCH-41: at+jwt, oauth-id-jag+jwt, logout+jwt, dpop+jwt ...
        raise Refused(Reason.SUBJECT_TOKEN_TYPE, typ=jwt.typ or "absent")
    return jws.verify(jwt, keys=keys, algorithms=names.ASYMMETRIC)


def _accept(
    verified: Mapping[str, JsonValue], *, issuer: str, client_id: str, brokers: Collection[str], now: int
) -> IdToken:
    if verified.get("iss") != issuer:
        raise Refused(Reason.SUBJECT_TOKEN_ISSUER)
    marked = verified.get(ID_TOKEN_MARKER) == ID_TOKEN_MARKER_VALUE  # XCH-42
    if not marked or any(name in verified for name in FOREIGN):
        raise Refused(Reason.SUBJECT_TOKEN_TYPE, problem="not marked as an ID token")
    issued_to, beside = _issued_to(verified, client_id, brokers)
    iat, exp = numeric_date(verified, "iat"), numeric_date(verified, "exp")
    if now >= exp + names.SKEW:  # XCH-39
        raise Refused(Reason.SUBJECT_TOKEN_EXPIRED, exp=exp, now=now)
    not_before = optional_numeric_date(verified, "nbf")
    if max(iat, not_before or 0) > now + names.SKEW:
        raise Refused(Reason.SUBJECT_TOKEN_NOT_YET, iat=iat, now=now)
    return IdToken(
        iss=issuer,
        sub=text(verified, "sub", max_length=255),
        aud=issued_to,
        iat=iat,
        exp=exp,
        auth_time=numeric_date(verified, "auth_time"),
        acr=text(verified, "acr", max_length=255),
        amr=string_list(verified, "amr"),
        sid=text(verified, "sid", max_length=255),
        session_expiry=numeric_date(verified, "session_expiry"),
        nonce=optional_text(verified, "nonce", max_length=1024),
        beside=beside,
    )


def _issued_to(
    verified: Mapping[str, JsonValue], client_id: str, brokers: Collection[str]
) -> tuple[str, tuple[str, ...]]:
    """XCH-37, XCH-38: whom it was issued to, and who else may present it.

    To the authenticated client and nobody else; or to several, of which ``azp`` is one, and a broker.
    """
    aud = verified.get("aud")
    members = aud if isinstance(aud, list) else [aud]
    azp = verified.get("azp")
    if members == [client_id] and azp in (None, client_id):
        return client_id, ()
    several = [one for one in members if isinstance(one, str)]
    if client_id not in several or len(set(several)) != len(members) or azp not in several:
        got = aud if isinstance(aud, str) else type(aud).__name__
        raise Refused(Reason.SUBJECT_TOKEN_AUDIENCE, expected=client_id, got=got)
    if azp not in brokers:
        raise Refused(Reason.SUBJECT_TOKEN_AUDIENCE, expected=client_id, got="list", problem="no link")
    return azp, tuple(one for one in several if one != azp)
