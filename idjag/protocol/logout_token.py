"""The logout token: what an app is told of a session that ended (OpenID Connect Back-Channel Logout 2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idjag.protocol.jose.json import JsonValue

__all__ = ["EVENT", "LIFETIME", "TYP", "LogoutToken", "claims"]

TYP: Final = "logout+jwt"
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME: Final = 120  # seconds; section 2.4 recommends two minutes at most


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """The claims of one logout token; ``sub`` is None when the person is not there any more."""

    iss: str
    aud: str
    iat: int
    jti: str
    sid: str
    sub: str | None = None


def claims(token: LogoutToken) -> dict[str, JsonValue]:
    """The claims set to sign: never a nonce, so that it can be no ID token (OIDC-21)."""
    members: dict[str, JsonValue] = {
        "iss": token.iss,
        "aud": token.aud,
        "iat": token.iat,
        "exp": token.iat + LIFETIME,
        "jti": token.jti,
        "events": {EVENT: {}},
        "sid": token.sid,
    }
    return members if token.sub is None else {**members, "sub": token.sub}
