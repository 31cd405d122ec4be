"""Wiki, the requesting app: signs people in at the IdP and reads their Chat threads on their behalf."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

from idjag.demo.wire import Answer, fetch
from idjag.protocol import names

__all__ = ["Pending", "Wiki"]


def basic(credentials: tuple[str, str]) -> str:
    """The Authorization header: id and secret are form-encoded before they are joined (RFC 6749 2.3.1)."""
    return "Basic " + base64.b64encode(":".join(map(quote_plus, credentials)).encode()).decode()


@dataclass(frozen=True, slots=True)
class Pending:
    """One sign-in under way."""

    url: str
    state: str
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wiki:
    """The app's own configuration: who it is at the IdP, and who it is at Chat."""

    redirect_uri: str
    idp: str
    client_id: str
    chat_issuer: str
    chat_api: str
    chat_client_id: str
    secret: str = field(repr=False)
    chat_secret: str = field(repr=False)

    def begin(self) -> Pending:
        """The authorization request: code flow with PKCE, state and nonce."""
        endpoint = self._metadata(self.idp)["authorization_endpoint"]
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.client_id,
                "redirect_uri": self.redirect_uri,
                "scope": "openid profile email",
                "state": state,
                "nonce": secrets.token_urlsafe(24),
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        return Pending(f"{endpoint}?{query}", state, verifier)

    def finish(self, pending: Pending, callback: str) -> Answer:
        """Check state and iss of the callback URL, then redeem the code."""
        query = parse_qs(urlsplit(callback).query)
        if query.get("state") != [pending.state] or query.get("iss") != [self.idp]:
            raise RuntimeError("the answer does not belong to this sign-in")
        return self._token(
            self.idp,
            {
                "grant_type": names.AUTHORIZATION_CODE,
                "code": query["code"][0],
                "redirect_uri": self.redirect_uri,
                "code_verifier": pending.verifier,
            },
            (self.client_id, self.secret),
        )

    def exchange(self, id_token: str, **changes: str) -> Answer:
        """The ID token for an ID-JAG that Chat will accept; ``changes`` replace parameters."""
        form = {
            "grant_type": names.TOKEN_EXCHANGE,
            "requested_token_type": names.ID_JAG_TOKEN,
            "subject_token": id_token,
            "subject_token_type": names.ID_TOKEN,
            "audience": self.chat_issuer,
            "resource": self.chat_api,
            "scope": "chat.read",
            **changes,
        }
        return self._token(self.idp, form, (self.client_id, self.secret))

    def redeem(self, id_jag: str, *, credentials: tuple[str, str] | None = None) -> Answer:
        """The ID-JAG for Chat's own access token."""
        form = {"grant_type": names.JWT_BEARER, "assertion": id_jag, "scope": "chat.read"}
        return self._token(self.chat_issuer, form, credentials or (self.chat_client_id, self.chat_secret))

    def threads(self, access_token: str) -> Answer:
        """The API call that all of this was for."""
        return fetch(f"{self.chat_api}threads", headers={"authorization": f"Bearer {access_token}"})

    def _metadata(self, issuer: str) -> dict[str, object]:
        found = fetch(f"{issuer.rstrip('/')}/.well-known/oauth-authorization-server").json()
        if found["issuer"] != issuer:
            raise RuntimeError(f"{issuer} says that it is somebody else")
        return found

    def _token(self, issuer: str, form: Mapping[str, str], credentials: tuple[str, str]) -> Answer:
        endpoint = str(self._metadata(issuer)["token_endpoint"])
        return fetch(endpoint, form=form, headers={"authorization": basic(credentials)})
