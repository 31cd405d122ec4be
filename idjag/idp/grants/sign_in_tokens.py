"""What a sign-in gives an app, by a code or a refresh token: an access token, and an ID token for openid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from idjag.idp import facts
from idjag.idp.facts import PersonFacts
from idjag.idp.signin import assigned
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.idp.subjects import sub_in
from idjag.ledger.entry import Facts, Write
from idjag.protocol import id_token, names, scopes
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import jws
from idjag.protocol.jose.json import JsonValue

__all__ = [
    "ABOUT_THE_PERSON",
    "ACCESS_TOKEN_LIFETIME",
    "ID_TOKEN_LIFETIME",
    "Login",
    "SignInTokens",
    "served",
]

ID_TOKEN_LIFETIME = 3600  # seconds; an ID token is exchange material (OIDC-28)
ACCESS_TOKEN_LIFETIME = 300

ABOUT_THE_PERSON: Final = frozenset({Reason.SUBJECT_UNKNOWN, Reason.PERSON_DISABLED, Reason.SESSION_ENDED})
"""Refusals of ``served`` whose texts speak of a subject token: these grants have none to speak of."""


@dataclass(frozen=True, slots=True)
class Login:
    """One sign-in as an app may know it; ``ends``: when the app must ask for a new one (NumericDate)."""

    scopes: tuple[str, ...]
    sid: str
    acr: str
    amr: tuple[str, ...]
    auth_time: int
    ends: int
    nonce: str | None = None

    @property
    def known(self) -> dict[str, object]:
        """The audit fields of a sign-in."""
        return {
            "scopes_granted": list(self.scopes),
            "acr": self.acr,
            "amr": list(self.amr),
            "auth_time": self.auth_time,
        }


@dataclass(frozen=True, slots=True)
class SignInTokens:
    """Makes them; ``new_id`` makes subs, row ids, access and refresh tokens."""

    issuer: str
    new_id: Callable[[], str]

    def value(self) -> str:
        """256 random bits: the value of an opaque token."""
        return self.new_id() + self.new_id()

    def members(
        self,
        login: Login,
        client: RegisteredApp,
        person: PersonFacts,
        *,
        snapshot: Snapshot,
        bound: bool,
        now: int,
    ) -> tuple[dict[str, object], tuple[Write, ...]]:
        """The members of the token answer, and the person's sub in the app's sector at its first use.

        ``bound``: the app has proven a key (RFC 9449 section 5).
        """
        # opaque, and accepted nowhere yet: decision 0020
        members: dict[str, object] = {
            "access_token": self.value(),
            "token_type": names.TOKEN_TYPE_DPOP if bound else names.TOKEN_TYPE_BEARER,
            "expires_in": ACCESS_TOKEN_LIFETIME,
        }
        if login.scopes:
            members["scope"] = scopes.join(login.scopes)
        if "openid" not in login.scopes:
            return members, ()
        sub, first_use = sub_in(client.app.sector, person, tenant=snapshot.tenant, new_id=self.new_id)
        token = self._id_token(login, client, person, sub=sub, now=now)
        key = snapshot.keys.signing(client.id_token_alg, now=now)
        members["id_token"] = jws.sign(id_token.claims(token), key=key, typ="JWT")
        return members, first_use

    def _id_token(
        self, login: Login, client: RegisteredApp, person: PersonFacts, *, sub: str, now: int
    ) -> id_token.IdToken:
        return id_token.IdToken(
            iss=self.issuer,
            sub=sub,
            aud=client.app.client_id,
            iat=now,
            exp=min(now + ID_TOKEN_LIFETIME, login.ends),
            auth_time=login.auth_time,
            acr=login.acr,
            amr=login.amr,
            sid=login.sid,
            session_expiry=login.ends,
            nonce=login.nonce,
            profile=_profile(login.scopes, person),
        )


def served(found: Facts, client: RegisteredApp, person_id: str, *, epoch: int, now: int) -> PersonFacts:
    """The person of a code or a family, who may use the app now (case 160).

    Reads ``assigned.keys``.  Raises Refused SUBJECT_UNKNOWN, PERSON_DISABLED, SESSION_ENDED, HELD,
    NOT_ASSIGNED.
    """
    person = facts.person(found, person_id)
    if person is None:
        raise Refused(Reason.SUBJECT_UNKNOWN)
    if not person.person.active:
        raise Refused(Reason.PERSON_DISABLED)
    if person.epoch != epoch:
        raise Refused(Reason.SESSION_ENDED)
    assigned.check(found, client.app, person, now=now)
    return person


def _profile(granted: tuple[str, ...], person: PersonFacts) -> dict[str, JsonValue]:
    """The claims of the granted scopes (OpenID Connect Core section 5.4); there is no userinfo yet."""
    claims: dict[str, JsonValue] = {}
    if "email" in granted and person.email:
        claims |= {"email": person.email, "email_verified": person.email_verified}
    if "profile" in granted:
        claims["preferred_username"] = person.person.username
        if person.name:
            claims["name"] = person.name
    return claims
