"""A relying party of our own: it believes nothing that it has not checked, as the plans' own client does."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from idjag.idp.catalog import secret_hash
from idjag.ledger.entry import Insert
from idjag.protocol.jose import KeySet, jws
from tests import plain_http
from tests.idp.signin.seeds import CHALLENGE, NOW, PASSWORDS, VERIFIER, app_row
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser, answer_of, form_of

__all__ = ["BYE", "CALLBACK", "HEARD", "SECRET", "RelyingParty", "Tokens", "register", "registered"]

CALLBACK = "https://rp.example/callback"
BYE = "https://rp.example/bye"
HEARD = "http://127.0.0.1:9/heard"
SECRET = "rp-secret-of-some-length-0123"
_REGISTRATION: Mapping[str, Any] = {
    "id": "rp",
    "name": "Relying Party",
    "redirect_uris": [CALLBACK],
    "post_logout_redirect_uris": [BYE, f"{BYE}?from=idp"],
    "backchannel_logout_uri": HEARD,
    "backchannel_logout_session_required": True,
    "auth": {"method": "client_secret"},
    "grants": ["authorization_code", "refresh_token"],
    "scopes": ["openid", "profile", "email", "offline_access"],
    "assigned": {"everyone": True},
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """The answer of the token endpoint, with the claims of its ID token, which was verified."""

    body: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any]

    @property
    def access_token(self) -> str:
        """For UserInfo."""
        return str(self.body["access_token"])

    @property
    def id_token(self) -> str:
        """As it came."""
        return str(self.body["id_token"])


@dataclass(slots=True)
class RelyingParty:
    """Registered as ``client_id``; every request has a state and a nonce of its own."""

    site: Site
    browser: Browser
    client_id: str = "rp"
    secret: str = SECRET
    redirect_uri: str = CALLBACK
    sent: dict[str, str] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """What the provider says of itself."""
        answer = plain_http.get(f"{self.site.url}/.well-known/openid-configuration")
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    def keys(self) -> KeySet:
        """The provider's keys, from where it says."""
        return KeySet.parse(plain_http.get(self.metadata()["jwks_uri"]).content)[0]

    def request(self, **changes: str | None) -> dict[str, str]:
        """The parameters of a fresh authorization request; None leaves one out."""
        valid: dict[str, str | None] = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": "openid",
            "state": secrets.token_urlsafe(12),
            "nonce": secrets.token_urlsafe(12),
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        self.sent = {name: value for name, value in {**valid, **changes}.items() if value is not None}
        return self.sent

    def ask(self, **changes: str | None) -> httpx.Response:
        """Send the browser to the provider."""
        return self.browser.get("/authorize", params=self.request(**changes))

    def signed_in(self, username: str = "alice", **changes: str | None) -> dict[str, str]:
        """What comes back when the person fills in the form."""
        return self.fill(self.ask(**changes), username)

    def fill(self, page: httpx.Response, username: str = "alice") -> dict[str, str]:
        """The answer after the form on this page."""
        assert page.status_code == 200, page.text
        fields = {**form_of(page), "username": username, "password": PASSWORDS[username]}
        return self.answered(self.browser.post("/signin", data=fields))

    def answered(self, response: httpx.Response) -> dict[str, str]:
        """The parameters of the answer, which came to us and to this request."""
        assert response.headers["location"].startswith(f"{self.redirect_uri}?"), response.headers
        found = answer_of(response)
        assert (found.get("state"), found["iss"]) == (self.sent.get("state"), self.site.issuer)
        return found

    def token(self, code: str, **changes: str | None) -> httpx.Response:
        """The token request."""
        fields: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
        }
        return self.post("/token", **{**fields, **changes})

    def post(self, path: str, **fields: str | None) -> httpx.Response:
        """An authenticated request of the client."""
        sent = {name: value for name, value in fields.items() if value is not None}
        return plain_http.post(f"{self.site.url}{path}", data=sent, auth=(self.client_id, self.secret))

    def tokens(self, username: str = "alice", **changes: str | None) -> Tokens:
        """A whole sign-in."""
        return self.redeemed(self.signed_in(username, **changes)["code"])

    def redeemed(self, code: str) -> Tokens:
        """The tokens for a code; OpenID Connect Core section 3.1.3.7."""
        answer = self.token(code)
        assert answer.status_code == 200, answer.text
        return self.checked(answer.json(), nonce=self.sent.get("nonce"))

    def checked(self, body: Mapping[str, Any], *, nonce: str | None) -> Tokens:
        """The ID token is the provider's, for us, and of this request."""
        claims = jws.verify(body["id_token"], keys=self.keys(), algorithms=("RS256",))
        now = self.site.clock.now
        assert (claims["iss"], claims["aud"]) == (self.site.issuer, self.client_id)
        assert claims.get("nonce") == nonce
        assert int(str(claims["iat"])) <= now < int(str(claims["exp"]))
        return Tokens(body, claims)

    def userinfo(self, access_token: str, *, method: str = "GET", **headers: str) -> httpx.Response:
        """What the provider says of the person."""
        sent = {"authorization": f"Bearer {access_token}", **headers}
        return plain_http.request(method, f"{self.site.url}/userinfo", headers=sent)


def register(site: Site, **changes: Any) -> dict[str, Any]:
    """Register it, or another like it; gives the registration."""
    entry = {**_REGISTRATION, **changes}
    row = app_row(entry)
    known = [] if entry["auth"]["method"] == "none" else [secret_hash(SECRET)]
    row["secrets"] = json.dumps([{"hash": one, "created": NOW, "expires": None} for one in known])
    site.write(Insert("app", row), policy=True)
    return entry


def registered(site: Site, browser: Browser, **changes: Any) -> RelyingParty:
    """A relying party with a registration of its own."""
    entry = register(site, **changes)
    return RelyingParty(site, browser, client_id=entry["id"], redirect_uri=entry["redirect_uris"][0])
