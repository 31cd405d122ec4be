"""Values of the state file and outcomes as people read them on the pages of the console."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

__all__ = ["DONE", "said"]

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
        "retired": "Ended. It does not count from the next request on.",
    }
)
"""What a page says first, by the ``done`` of its address: a fixed table, so that no link puts words there."""

_NONE: Final = "—"


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
        case Mapping():
            members = (f"{name.replace('_', ' ')}: {said(one)}" for name, one in value.items())
            return "; ".join(members) or _NONE
        case _:
            return json.dumps(value, ensure_ascii=False)
