"""Forms that say one entry of the state file: what is wrong goes back to the field that it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from idjag.idp.api.problem import Problem

__all__ = ["NOTHING_WRONG", "Wrong", "wrong"]

_PLACE: Final = re.compile(r"[a-z_]+(?:\[\d+\])?(?:\.[a-z_]+|\[\d+\])*: ")
_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "authorization_code needs redirect_uris": (
            "redirect_uris",
            "Say where people come back to after signing in: one redirect URI at least.",
        ),
        "authorization_code needs the scope openid": (
            "scopes",
            "People who sign in must be told apart: tick openid, too.",
        ),
        "the grant refresh_token and the scope offline_access come together": (
            "scopes",
            "Refresh tokens come with the scope offline_access: tick both, or neither.",
        ),
        "refresh_token needs authorization_code: a refresh token comes with a sign-in": (
            "grants",
            "A refresh token comes with a sign-in: people must sign in to it here.",
        ),
        "token_exchange is for apps that authenticate: auth.method must not be none": (
            "method",
            "Only an app that authenticates may act at others: choose how it does.",
        ),
        "a redirect URI with a scheme of its own is for kind native": (
            "redirect_uris",
            "A redirect URI with a scheme of its own is for a native app.",
        ),
        "scopes are said for each resource; scopes of its own are for no resources": (
            "scopes",
            "With resource indicators, scopes stand behind these: leave this empty.",
        ),
        "an alias repeats the issuer": ("aliases", "This repeats the issuer URL."),
        "this required field is missing: add it": ("", "Fill this in, too."),
    }
)
"""What the catalog says of entries as a whole: at which field of a form, in the words of the form."""

_ENTRY: Final = re.compile(r"(?:group|user|app|resource app|connection|rule|guardrail|tenant) \S+: ")


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a form was not taken: in one sentence, and by the names of its fields ("" for none of them)."""

    problem: str = ""
    problems: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


NOTHING_WRONG: Final = Wrong()


def wrong(problem: Problem, fields: Mapping[str, str], *, depth: int = 2) -> Wrong:
    """What to show of a refusal at which field.

    ``fields``: path inside the entry, with dots and without indexes ("who.groups") -> name of the field; what
    no path leads to is at the longest that begins so.  ``depth``: how many keys and indexes lead to the entry
    that the form is about: 2 for one of a section, 4 for a rule of a connection, 0 for a body.
    """
    said: dict[str, str] = {}
    names = set(fields.values())
    for (_, message), path in zip(problem.errors, problem.paths or [()] * len(problem.errors), strict=True):
        text = _plain(message)
        name = _field([str(part) for part in path[depth:] if isinstance(part, str)], fields)
        at, words = _WORDS.get(text, (name, text))
        said.setdefault(at if at in names else name, words)
    summary = "Something must be changed before this can be saved." if said else problem.detail
    return Wrong(summary, said)


def _field(path: list[str], fields: Mapping[str, str]) -> str:
    while path:
        if (name := fields.get(".".join(path))) is not None:
            return name
        path = path[:-1]
    return ""


def _plain(message: str) -> str:
    """The sentence without the place before it, which the field itself is."""
    text = _PLACE.sub("", message, count=1)
    return _ENTRY.sub("", text, count=1)
