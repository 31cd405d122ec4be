"""An app that publishes how it authenticates, at an IdP of its own; for the tests of both."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from idjag.idp.app import token_grants
from idjag.idp.endpoint import ClientEndpoint
from idjag.idp.token import Token
from idjag.protocol import names
from idjag.protocol.jose import PrivateKey, jws
from idjag.trust.fetch import Fetcher
from idjag.trust.kept import Limits
from idjag.trust.publications import Publications
from tests.idp.grants.acme import ISSUER, Acme, Answer, app, connection, state

URL = "https://client.example/app.json"
KEYS_URL = "https://client.example/keys"
KEY, NEXT, STRANGER = (PrivateKey.generate("ES256", kid=kid) for kid in ("one", "two", "one"))
LIMITS = Limits(max_stale=3600, patience=30, brief=30)
_JTI = (f"jti-{number}" for number in itertools.count())


def key_set(*keys: PrivateKey) -> dict[str, Any]:
    return {"keys": [key.public.to_dict() for key in keys]}


def document(**changes: Any) -> dict[str, Any]:
    """A good metadata document; None takes a member out."""
    good: dict[str, Any] = {
        "client_id": URL,
        "redirect_uris": ["https://client.example/callback"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": key_set(KEY),
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def registered(**changes: Any) -> dict[str, Any]:
    """The app as the administrator approved it."""
    return (
        app("wiki", client_id=URL, auth={"method": "client_id_metadata_document"}, redirect_uris=[]) | changes
    )


def approved(**changes: Any) -> dict[str, Any]:
    """Acme with an app that is a document; its connection names no client id at the resource app."""
    return state(apps=[registered(**changes), app("notes")], connections=[connection(client_id=None)])


BY_KEYS = state(apps=[app("wiki", auth={"method": "private_key_jwt", "jwks_uri": KEYS_URL}), app("notes")])


def assertion(client_id: str = URL, key: PrivateKey = KEY, **changes: Any) -> str:
    """A client assertion for the IdP."""
    claims: dict[str, Any] = {
        "iss": client_id,
        "sub": client_id,
        "aud": ISSUER,
        "jti": next(_JTI),
        "exp": 1_800_000_300,
    }
    return jws.sign(claims | changes, key=key, typ=names.CLIENT_AUTHENTICATION_TYP)


@dataclass
class Client:
    """An IdP, what the client publishes, and the cache's own clock."""

    idp: Acme
    fetcher: Fetcher
    seconds: float = 1000.0
    limits: Limits = LIMITS
    pages: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        publications = Publications(self.fetcher, lambda: self.seconds, limits=self.limits)
        self.services = replace(self.idp.services, publications=publications)
        token = Token(token_grants(self.services))
        self.idp.endpoint = ClientEndpoint(self.services, token, uri=f"{ISSUER}/token")
        self.client_id = self.idp.row("app", "key", "wiki")["client_id"]

    def exchange(self, key: PrivateKey = KEY, *, text: str | None = None, **changes: Any) -> Answer:
        """An exchange that the client signs for."""
        token = self.idp.sign_in(aud=self.client_id)
        by = {
            "client_assertion_type": names.CLIENT_ASSERTION_TYPE,
            "client_assertion": text or assertion(self.client_id, key),
        }
        return self.idp.post(self.idp.form(token, **(by | changes)), credentials=None)

    def refused(self, answer: Answer, reason: str, error: str = "invalid_client") -> str:
        """The one text for strangers; the true reason and its facts are for the audit log."""
        status = {"invalid_client": 401, "temporarily_unavailable": 503}.get(error, 400)
        assert (answer.status, answer.error) == (status, error), answer.json
        assert "access_token" not in answer.json
        event = self.idp.events()[-1]
        assert event["reason"] == reason
        facts = (event["inputs"] or {}).get("fact", {})
        assert not any(str(fact) in answer.json["error_description"] for fact in facts.values())
        return str(facts.get("problem", ""))
