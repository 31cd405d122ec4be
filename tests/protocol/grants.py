"""One valid ID-JAG as claims, and its acceptance with any of them changed."""

from __future__ import annotations

from typing import Any

from idjag.protocol import id_jag, names
from idjag.protocol.id_jag import IdJag
from tests.protocol.parts import API, CLIENT, IDP, NOW, RAS, changed

CLAIMS: dict[str, Any] = {
    "iss": IDP,
    "sub": "alice",
    "aud": RAS,
    "client_id": CLIENT,
    "jti": "j-1",
    "iat": NOW,
    "exp": NOW + 300,
    "scope": "chat.read chat.history",
    "resource": API,
    "auth_time": NOW - 60,
    "acr": "urn:acme:mfa",
    "amr": ["pwd", "otp"],
    "email": "alice@acme.example",
    "email_verified": True,
}


def accepted(*, now: Any = NOW, audiences: Any = frozenset({RAS}), **changes: Any) -> IdJag:
    """The grant, as the server ``audiences`` and the client ``CLIENT`` see it at ``now``."""
    return id_jag.accept(
        changed(CLAIMS, changes),
        audiences=audiences,
        client_id=CLIENT,
        now=now,
        skew=names.SKEW,
        max_lifetime=600,
    )
