"""Fields of a form and where they stand in an entry of the state file: filled from it, laid over it."""

from __future__ import annotations

import copy
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from idjag.idp.console.asked import Asked

__all__ = ["Field", "filled", "id_of", "laid_over", "paths"]

_NOT_IN_IDS: Final = re.compile(r"[^a-z0-9._-]+")
_LONGEST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class Field:
    """One field: ``at`` is its path in the entry, with dots; its own name when left out.

    ``text`` and ``lines`` that are empty, and a ``flag`` that is not set, are left out of the entry;
    ``boxes`` say exactly what is ticked, be it nothing.
    """

    name: str
    at: str = ""
    kind: Literal["text", "lines", "boxes", "flag"] = "text"

    @property
    def path(self) -> tuple[str, ...]:
        """The names that lead to it."""
        return tuple((self.at or self.name).split("."))


def filled(entry: Mapping[str, Any], fields: Iterable[Field]) -> dict[str, Any]:
    """The values of the fields, by name: a text, a list, or whether a flag is set."""
    return {field.name: _value(entry, field) for field in fields}


def laid_over(entry: Mapping[str, Any], fields: Iterable[Field], asked: Asked) -> dict[str, Any]:
    """The entry as the form wants it; what the form does not show stays as it is."""
    made = copy.deepcopy(dict(entry))
    for field in fields:
        value = _sent(field, asked)
        *way, last = field.path
        place = made
        for name in way:
            place = place.setdefault(name, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return {name: value for name, value in made.items() if value != {}}


def paths(fields: Iterable[Field]) -> dict[str, str]:
    """Where a refusal is shown (``idjag.idp.console.fields.wrong``)."""
    return {".".join(field.path): field.name for field in fields}


def id_of(asked: Asked) -> str:
    """The id that a form says, or one from the name: Robin's Notes is robin-s-notes."""
    plain = unicodedata.normalize("NFKD", asked.one("name")).encode("ascii", "ignore").decode().lower()
    return asked.one("id") or _NOT_IN_IDS.sub("-", plain).strip("-._")[:_LONGEST_ID]


def _value(entry: Mapping[str, Any], field: Field) -> Any:
    value: Any = entry
    for name in field.path:
        value = value.get(name) if isinstance(value, Mapping) else None
    match field.kind:
        case "text":
            return "" if value is None else str(value)
        case "flag":
            return bool(value)
        case _:
            return list(value or ())


def _sent(field: Field, asked: Asked) -> Any:
    match field.kind:
        case "text":
            return asked.one(field.name) or None
        case "lines":
            return list(asked.lines(field.name)) or None
        case "flag":
            return asked.has(field.name) or None
        case _:
            return list(asked.every(field.name))
