"""Values of the state file and outcomes as people read them on the pages of the console."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from idjag.idp.factors import acr

__all__ = [
    "AMR",
    "DONE",
    "GRANTS",
    "KINDS",
    "METHODS",
    "event_said",
    "field_said",
    "level_said",
    "said",
    "value_said",
]

DONE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "saved": "Saved. It holds from the next request on, on every node.",
        "same": "Nothing had to be changed.",
        "held": "Stopped. It holds from the next request on, on every node, until somebody releases it.",
        "released": "Released.",
        "removed": "Removed.",
        "rotated": "Published. They sign when everybody has had the time to fetch them.",
        "revoked": "Trusted no more, from the next request on.",
        "signed_out": "Signed out everywhere: sessions, refresh tokens and remembered browsers have ended.",
        "unlocked": "The failed attempts are forgotten.",
        "factors_gone": "The second factors are gone, and all sessions have ended.",
        "imported": "Imported. Who is new has no password yet: make a set-password link on their page.",
        "verifying": "The whole log is read again, beginning within a minute.",
        "ordered": "A test notice is on its way: it arrives within seconds.",
        "retired": "Ended. It does not count from the next request on.",
    }
)
"""What a page says first, by the ``done`` of its address: a fixed table, so that no link puts words there."""

_FIELDS: Final[Mapping[str, str]] = {
    "id": "Id",
    "client_id": "Client ID",
    "email": "Address",
    "redirect_uris": "Redirect URIs",
    "auth": "Authenticates by",
    "grants": "What it may ask for",
    "subject_type": "Knows people by",
    "id_token_alg": "ID tokens are signed with",
    "assigned": "Assigned people and groups",
    "issuer": "Issuer URL",
    "resources": "Resource indicators",
    "id_jag_alg": "ID-JAGs are signed with",
    "lifetime": "ID-JAGs live at most",
    "from": "Requesting app",
    "to": "Resource app",
    "aud_sub": "Attribute with its own id of a person",
    "jwks_uri": "Where it publishes its keys",
    "reason": "What it is for",
    "sso_app": "The app that it is for sign-in here",
}
KINDS: Final = (
    ("web", "Web app"),
    ("spa", "Single-page app"),
    ("native", "Native app"),
    ("service", "Service"),
    ("ai_agent", "AI agent"),
)
METHODS: Final = (
    ("client_secret", "Client secret"),
    ("client_secret_basic", "Client secret, in the header alone (client_secret_basic)"),
    ("client_secret_post", "Client secret, in the body alone (client_secret_post)"),
    ("private_key_jwt", "Key of its own (private_key_jwt)"),
    ("tls_client_auth", "Certificate that an authority has signed (tls_client_auth)"),
    ("self_signed_tls_client_auth", "Certificate of its own (self_signed_tls_client_auth)"),
    ("none", "Not at all: it cannot keep a secret"),
    ("client_id_metadata_document", "As its client ID metadata document says"),
)
GRANTS: Final = (
    ("authorization_code", "People sign in to it here"),
    ("token_exchange", "It may act at other apps on people's behalf"),
    ("refresh_token", "It stays signed in (refresh tokens)"),
)
AMR: Final = (
    ("pwd", "a password"),
    ("otp", "a one-time code"),
    ("mfa", "several factors"),
    ("pop", "a passkey"),
    ("user", "a PIN, a finger or a face"),
)
"""What is shown at a sign-in here, as RFC 8176 calls it, and as people do."""

_LEVELS: Final[Mapping[str, str]] = {
    acr.PWD: "A password",
    acr.MFA: "A password and a one-time code",
    acr.PHR: "A passkey",
}
_EVENTS: Final[Mapping[str, str]] = {
    "state.applied": "Change saved",
    "user.created": "Person created",
    "user.updated": "Person updated",
    "user.deleted": "Person deleted",
    "admin.created": "Administrator made",
    "admin.updated": "Role changed",
    "admin.deleted": "Role ended",
    "admin.entered": "Console entered",
    "admin.left": "Console left",
    "admin.refused": "Refused in the console",
    "admin.link_made": "Link for an administrator made",
    "lens.used": "Token looked at",
}
"""What happened, where the name of the event does not say it well."""

_NONE: Final = "—"


def field_said(name: str) -> str:
    """The name of a field of the state file, as the forms call it."""
    return _FIELDS.get(name, name.replace("_", " ").capitalize())


def event_said(event: str) -> str:
    """The name of an event as a sentence begins: hold.placed is Hold placed."""
    return _EVENTS.get(event) or event.replace(".", " ").replace("_", " ").capitalize()


def level_said(level: str) -> str:
    """A level of sign-in: how it is reached here, and its exact name."""
    return f"{_LEVELS[level]} ({level})" if level in _LEVELS else level


def value_said(name: str, value: Any) -> str:
    """The value of a field of the state file, in the words of the forms where these have some."""
    match name, value:
        case "status", str():
            return value.capitalize()
        case "kind", str():
            return dict(KINDS).get(value, value)
        case "grants", list():
            return "; ".join(dict(GRANTS).get(one, str(one)) for one in value) or _NONE
        case "auth", {"method": str(method), **more}:
            return "; ".join([dict(METHODS).get(method, method), *([said(more)] if more else [])])
        case (("assigned" | "who"), {"everyone": True, **more}):
            return "; ".join(["everyone", *([said(more)] if more else [])])
        case _:
            return said(value)


def said(value: Any) -> str:
    """One value of an entry: lists with commas, nothing as a dash, members by their names."""
    match value:
        case None | "" | []:
            return _NONE
        case bool():
            return "yes" if value else "no"
        case str() | int():
            return str(value)
        case list() | tuple() if all(isinstance(one, str) for one in value):
            return ", ".join(value)
        case {"uri": str(uri), "scopes": list(scopes)}:
            return f"{uri} ({', '.join(scopes)})"
        case list() | tuple() if all(isinstance(one, Mapping) for one in value):
            return "; ".join(said(one) for one in value)
        case Mapping():
            members = (f"{name.replace('_', ' ')}: {said(one)}" for name, one in value.items())
            return "; ".join(members) or _NONE
        case _:
            return json.dumps(value, ensure_ascii=False)
