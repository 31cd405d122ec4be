"""One token under a lens: what it is, whether we signed it, what its claims say and who would accept it now.

Nothing is fetched, stored or asked of the database: what is pasted may be anybody's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from idjag.idp.snapshot import Snapshot
from idjag.protocol import id_jag, id_token, logout_token, names
from idjag.protocol.claims import ClaimError, text
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import JoseError, JsonValue, SignatureWrong, UnverifiedJwt, jws

__all__ = ["KNOWN", "Claim", "Kind", "Looked", "NotShown", "Signature", "look"]

_LONGEST: Final = max(names.MAX_ID_JAG, names.MAX_SUBJECT_TOKEN)
_LONGEST_HEADER: Final = 2048
_LONGEST_SHOWN: Final = 2000
_LAST_TIME: Final = 253_402_300_799  # the end of the year 9999
_TIMES: Final = frozenset({"iat", "exp", "nbf", "auth_time", "session_expiry"})


class Kind(StrEnum):
    """What can be looked at."""

    ID_JAG = "id_jag"
    ID_TOKEN = "id_token"


class Signature(StrEnum):
    """What can be said of a signature without asking anybody."""

    OURS = "ours"
    WRONG = "wrong"
    KEY_UNKNOWN = "key_unknown"
    FOREIGN = "foreign"


KNOWN: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.ID_JAG: (
        *("iss", "sub", "aud", "client_id", "jti", "iat", "exp", "nbf", "scope", "resource"),
        *("authorization_details", "auth_time", "acr", "amr", "email", "email_verified", "name"),
        *("tenant", "aud_tenant", "aud_sub", "sub_id", "cnf", "act"),
    ),
    Kind.ID_TOKEN: (
        *("iss", "sub", "aud", "azp", "sid", "nonce", "iat", "exp", "nbf", "auth_time", "acr", "amr"),
        *("session_expiry", "name", "preferred_username", "email", "email_verified", "at_hash"),
        names.ID_TOKEN_MARKER,
    ),
}
"""The claims that have a meaning of their own, in the order in which they are read best."""

_OTHER_TYPES: Final[Mapping[str, str]] = {
    names.ACCESS_TOKEN_TYP: "an access token: whoever holds it is let in",
    logout_token.TYP: "a logout token",
    names.DPOP_TYP: "a DPoP proof",
    names.CLIENT_AUTHENTICATION_TYP: "a client's own assertion",
}


class NotShown(Exception):
    """Nothing of what was pasted is shown; the message says why, in words that hold none of it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim as text; ``time``: the same as NumericDate, where it is one."""

    name: str
    said: str
    time: int | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found.

    ``refused``: why its receiver would not take it now; None when it would, and where nobody can say.
    ``hidden``: how many claims are not shown, since nobody knows what they hold.
    """

    kind: Kind
    signature: Signature
    alg: str
    kid: str
    claims: tuple[Claim, ...]
    hidden: int
    refused: Refused | None
    values: Mapping[str, JsonValue] = field(repr=False)

    @property
    def ours(self) -> bool:
        """Whether it says what we said: nothing else is looked for in our own records."""
        return self.signature is Signature.OURS

    def one(self, name: str) -> str:
        """A claim that is a text; "" when there is none."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""


def look(pasted: str, *, snapshot: Snapshot, now: int) -> Looked:
    """What was pasted, a compact JWS with or without ``Bearer`` and line breaks; raises NotShown."""
    words = pasted.split()
    token = "".join(words[1:] if words and words[0].lower() == "bearer" else words)
    try:
        jwt = jws.parse(token, max_bytes=_LONGEST, max_header=_LONGEST_HEADER)
    except JoseError as wrong:
        raise NotShown(
            _UNREADABLE.get(wrong.code, f"It is no token that can be read: {wrong.code}.")
        ) from None
    kind = _kind(jwt)
    signature = _signature(jwt, snapshot, now=now)
    ours = signature is Signature.OURS
    shown = [name for name in KNOWN[kind] if name in jwt.claims]
    # of what we have signed we know what it is: an administrator has mapped it
    shown += [name for name in jwt.claims if name not in shown] if ours else []
    return Looked(
        kind=kind,
        signature=signature,
        alg=jwt.alg,
        kid=jwt.kid or "",
        claims=tuple(_claim(name, jwt.claims[name]) for name in shown),
        hidden=len(jwt.claims) - len(shown),
        refused=_refused(kind, jwt.claims, snapshot, now=now) if ours else None,
        values=jwt.claims,
    )


_UNREADABLE: Final[Mapping[str, str]] = {
    "segments": "A signed token has three parts with dots between them; this has not.",
    "too_long": f"It is longer than {_LONGEST // 1024} KiB: no token of ours is.",
    "algorithm": "It is not signed in a way that anybody should accept.",
    "header_name": "Its header names something that no token for us may bring along.",
}


def _kind(jwt: UnverifiedJwt) -> Kind:
    """By ``typ``, as every receiver tells them apart; raises NotShown for all that may admit somebody."""
    if jwt.typ == names.ID_JAG_TYP:
        return Kind.ID_JAG
    if other := _OTHER_TYPES.get(jwt.typ or ""):
        raise NotShown(f"This is {other}. Only ID-JAGs and ID tokens are shown.")
    if jwt.typ not in (None, "jwt") or any(name in jwt.claims for name in id_token.FOREIGN):
        raise NotShown("This is neither an ID-JAG nor an ID token, and may let somebody in.")
    return Kind.ID_TOKEN


def _signature(jwt: UnverifiedJwt, snapshot: Snapshot, *, now: int) -> Signature:
    if jwt.claims.get("iss") != snapshot.issuer:
        return Signature.FOREIGN
    try:
        jws.verify(jwt, keys=snapshot.keys.verifying(now=now), algorithms=names.ASYMMETRIC)
    except SignatureWrong:
        return Signature.WRONG
    except JoseError:
        return Signature.KEY_UNKNOWN
    return Signature.OURS


def _claim(name: str, value: JsonValue) -> Claim:
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(said) > _LONGEST_SHOWN:
        said = f"{said[:_LONGEST_SHOWN]} …"
    time = value if name in _TIMES and type(value) is int and 0 <= value <= _LAST_TIME else None
    return Claim(name, said, time)


def _refused(kind: Kind, claims: Mapping[str, JsonValue], snapshot: Snapshot, *, now: int) -> Refused | None:
    """What the one who is meant would say, by the very functions that say it."""
    try:
        if kind is Kind.ID_JAG:
            _as_grant(claims, now=now)
        else:
            _as_subject_token(claims, snapshot, now=now)
    except Refused as refused:
        return refused
    return None


def _as_grant(claims: Mapping[str, JsonValue], *, now: int) -> None:
    """The checks of a resource authorization server that it is for, by the client that it is for."""
    try:
        aud, client_id = (text(claims, name, max_length=2048) for name in ("aud", "client_id"))
    except ClaimError as wrong:
        raise Refused(Reason.CLAIM_WRONG, claim=wrong.claim, problem=wrong.problem) from None
    id_jag.accept(
        claims,
        audiences={aud},
        client_id=client_id,
        now=now,
        skew=names.SKEW,
        max_lifetime=names.MAX_ID_JAG_LIFETIME,
    )


def _as_subject_token(claims: Mapping[str, JsonValue], snapshot: Snapshot, *, now: int) -> None:
    """The checks of our own token exchange, when the app presents it that it was issued to."""
    client_id = claims.get("azp", claims.get("aud"))
    client = snapshot.clients.get(client_id) if isinstance(client_id, str) else None
    if client is None:
        raise Refused(Reason.SUBJECT_TOKEN_AUDIENCE, problem="no app here has this client_id")
    id_token.accept(
        claims,
        issuer=snapshot.issuer,
        client_id=client.app.client_id,
        brokers=snapshot.brokers(client),
        now=now,
    )
