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
    for (_, message), path in zip(problem.errors, problem.paths or [()] * len(problem.errors), strict=True):
        name = _field([str(part) for part in path[depth:] if isinstance(part, str)], fields)
        said.setdefault(name, _plain(message))
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
