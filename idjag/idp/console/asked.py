"""What a page of the console was asked: a query or a form, read strictly, its fields by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from idjag.idp.catalog.fields import is_clean
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import TokenRequest

__all__ = ["LONGEST", "Asked", "read"]

LONGEST: Final = 1024 * 1024
"""Bytes of a form: the list of people that somebody pastes is the longest."""

_LONGEST_WORDS: Final = 500
_MOST_FIELDS: Final = 5000
_FORM: Final = b"application/x-www-form-urlencoded"
# Line breaks and tabs belong to pasted tables; NUL breaks databases, the others hide what a text says.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Asked:
    """Fields by name, in the order in which they came; what was left empty is there and empty."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def one(self, name: str) -> str:
        """The value without spaces around it, "" when there is none.  Raises Refused DUPLICATE_PARAMETER."""
        values = self.values.get(name, ())
        if len(values) > 1:
            raise Refused(Reason.DUPLICATE_PARAMETER, parameter=name)
        return values[0].strip() if values else ""

    def number(self, name: str, *, digits: int = 17) -> int | None:
        """A whole number without sign, of so many digits at most; None for everything else."""
        said = self.one(name)
        return int(said) if said.isdecimal() and len(said) <= digits else None

    def every(self, name: str) -> tuple[str, ...]:
        """The values of boxes of one name, without the empty ones."""
        return tuple(value.strip() for value in self.values.get(name, ()) if value.strip())

    def words(self, name: str) -> str:
        """What somebody says in their own words: on one line, and nothing in it that nobody sees."""
        line = " ".join(self.one(name).split())
        return "".join(char for char in line if is_clean(char))[:_LONGEST_WORDS].strip()

    def lines(self, name: str) -> tuple[str, ...]:
        """The lines of a text, without the empty ones."""
        return tuple(line.strip() for line in self.one(name).splitlines() if line.strip())

    def has(self, name: str) -> bool:
        """Whether a box was ticked or a button pressed."""
        return name in self.values


def read(request: TokenRequest) -> Asked:
    """The form of a POST, the query of everything else.

    Raises Refused: MEDIA_TYPE_WRONG, SECRET_IN_QUERY, TOO_LARGE, MALFORMED_FORM.
    """
    if request.method != "POST":
        return _parsed(request.query)
    media_type = (request.header(b"content-type") or b"").partition(b";")[0]
    if media_type.strip().lower() != _FORM:
        raise Refused(Reason.MEDIA_TYPE_WRONG)
    if request.query:
        raise Refused(Reason.SECRET_IN_QUERY)
    return _parsed(request.body)


def _parsed(octets: bytes) -> Asked:
    if len(octets) > LONGEST:
        raise Refused(Reason.TOO_LARGE, limit=LONGEST)
    try:
        pairs = parse_qsl(
            octets.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(octets),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise Refused(Reason.MALFORMED_FORM, problem="encoding") from None
    values: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if _CONTROL.search(name) or _CONTROL.search(value.replace("\r\n", "\n").replace("\r", "\n")):
            raise Refused(Reason.MALFORMED_FORM, problem="control character")
        values[name] = (*values.get(name, ()), value.replace("\r\n", "\n"))
    return Asked(values)
