"""Values of the state file and outcomes as people read them on the pages of the console."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from idjag.idp.factors import acr

__all__ = ["DONE", "event_said", "field_said", "level_said", "said"]

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
        "imported": "Imported.",
        "verifying": "The whole log is read again, beginning within a minute.",
        "ordered": "A test notice is on its way: it arrives within seconds.",
        "retired": "Ended. It does not count from the next request on.",
    }
)
"""What a page says first, by the ``done`` of its address: a fixed table, so that no link puts words there."""

_FIELDS: Final[Mapping[str, str]] = {
    "id": "Id",
    "client_id": "Client ID",
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
_LEVELS: Final[Mapping[str, str]] = {
    acr.PWD: "A password",
    acr.MFA: "A password and a one-time code",
    acr.PHR: "A passkey",
}
_NONE: Final = "—"


def field_said(name: str) -> str:
    """The name of a field of the state file, as the forms call it."""
    return _FIELDS.get(name, name.replace("_", " ").capitalize())


def event_said(event: str) -> str:
    """The name of an event as a sentence begins: hold.placed is Hold placed."""
    return event.replace(".", " ").replace("_", " ").capitalize()


def level_said(level: str) -> str:
    """A level of sign-in: how it is reached here, and its exact name."""
    return f"{_LEVELS[level]} ({level})" if level in _LEVELS else level


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
