"""What a sign-in gives an app, by a code or a refresh token: an access token, and an ID token for openid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idjag.idp import access_tokens, released
from idjag.idp.facts import PersonFacts
from idjag.idp.families import Family
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.idp.subjects import sub_in
from idjag.ledger.entry import Write
from idjag.protocol import id_token, names, scopes
from idjag.protocol.jose import jws

__all__ = ["ID_TOKEN_LIFETIME", "Login", "SignInTokens"]

ID_TOKEN_LIFETIME = 3600  # seconds; an ID token is exchange material (OIDC-28)


@dataclass(frozen=True, slots=True)
class Login:
    """One sign-in as an app may know it; ``ends``: when the app must ask for a new one (NumericDate).

    ``named``: claims of the person that the app asked for by name, in the ID token.
    """

    scopes: tuple[str, ...]
    sid: str
    acr: str
    amr: tuple[str, ...]
    auth_time: int
    ends: int
    nonce: str | None = None
    named: tuple[str, ...] = ()

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
        family: Family,
        snapshot: Snapshot,
        jkt: str | None,
        now: int,
    ) -> tuple[dict[str, object], tuple[Write, ...]]:
        """The members of the token answer; the access token's row, and the person's sub at its first use.

        ``jkt``: the key that the app has proven (RFC 9449 section 5).
        """
        value, ends = self.value(), min(now + access_tokens.LIFETIME, login.ends)
        members: dict[str, object] = {
            "access_token": value,
            "token_type": names.TOKEN_TYPE_BEARER if jkt is None else names.TOKEN_TYPE_DPOP,
            "expires_in": ends - now,
        }
        access_token = access_tokens.row(
            family,
            value,
            tenant=snapshot.tenant,
            sid=login.sid,
            scopes=login.scopes,
            jkt=jkt,
            now=now,
            expires=ends,
        )
        if login.scopes:
            members["scope"] = scopes.join(login.scopes)
        if "openid" not in login.scopes:
            return members, (access_token,)
        sub, first_use = sub_in(client.app.sector, person, tenant=snapshot.tenant, new_id=self.new_id)
        beside = snapshot.lent.get(client.app.id, ())
        token = self._id_token(login, client, person, sub=sub, beside=beside, now=now)
        key = snapshot.keys.signing(client.id_token_alg, now=now)
        members["id_token"] = jws.sign(id_token.claims(token), key=key, typ="JWT")
        return members, (access_token, *first_use)

    def _id_token(
        self,
        login: Login,
        client: RegisteredApp,
        person: PersonFacts,
        *,
        sub: str,
        beside: tuple[str, ...],
        now: int,
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
            profile=released.claims_of(person, login.scopes, login.named),
            beside=beside,
        )
