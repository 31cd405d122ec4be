"""Forms that say one entry of the state file: what is wrong goes back to the field that it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from idjag.idp.api.problem import Problem

__all__ = ["NOTHING_WRONG", "Wrong", "plain", "wrong"]

_EXISTS: Final = 428  # the admin API's word for: it is there, and nobody has looked at it
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
        "names nobody: say everyone: true, or groups, or users": (
            "",
            "Choose everyone, or name groups or people.",
        ),
        "an empty list matches nothing: name at least one, or leave the field out": (
            "",
            "Choose at least one.",
        ),
        "must be an absolute URI in plain ASCII, without fragment, user name or white space": (
            "",
            "Write a whole URL that begins with https://, without # and without spaces.",
        ),
    }
)
"""What the catalog says of entries as a whole: at which field of a form, in the words of the form."""

_LINES: Final = frozenset({"resources", "redirect_uris", "post_logout_redirect_uris", "aliases", "networks"})
"""Fields with one thing a line: which one is wrong is said, too."""

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
    if problem.status == _EXISTS:
        at = next((one for one in ("id", "name") if one in names), "")
        return Wrong("It is there already.", {at: "This is taken: choose another, or change what is there."})
    for (_, message), path in zip(problem.errors, problem.paths or [()] * len(problem.errors), strict=True):
        text, here = plain(message), path[depth:]
        name = _field([str(part) for part in here if isinstance(part, str)], fields)
        at, words = _WORDS.get(text, (name, text[:1].upper() + text[1:]))
        line = next((part + 1 for part in here if isinstance(part, int)), 0) if name in _LINES else 0
        said.setdefault(at if at in names else name, f"Line {line}: {words}" if line else words)
    summary = "Something must be changed before this can be saved." if said else problem.detail
    return Wrong(summary, said)


def _field(path: list[str], fields: Mapping[str, str]) -> str:
    while path:
        if (name := fields.get(".".join(path))) is not None:
            return name
        path = path[:-1]
    return ""


def plain(message: str) -> str:
    """The sentence without the place before it, which the field itself is."""
    text = _PLACE.sub("", message, count=1)
    return _ENTRY.sub("", text, count=1)
