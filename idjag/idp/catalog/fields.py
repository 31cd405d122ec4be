"""The field types that several nouns share, each with the sentence that an administrator reads."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic_core import PydanticCustomError

from idjag.protocol.names import MAX_SCOPES
from idjag.protocol.scopes import is_scope_token

__all__ = [
    "ClientId",
    "Email",
    "FileEntry",
    "Id",
    "Name",
    "Scope",
    "Scopes",
    "SecretReference",
    "Some",
    "Sub",
    "Text",
    "Timestamp",
    "format_timestamp",
    "is_clean",
    "refused",
    "unique",
]

T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CLIENT_ID = re.compile(r"[!-~]{1,200}")
_SUB = re.compile(r"[!-~]{1,255}")
_EMAIL = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@[^\s@<>\"(),:;\\\[\]]{1,189}")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
_LONGEST_NAME = 200
_LONGEST_TEXT = 500
_LONGEST_REFERENCE = 1024
_SHORTEST_LITERAL = 1
# Unseen characters change what a reader believes to read: controls, unassigned and surrogate code points,
# line and paragraph separators, and everything that turns the direction of writing (attack case 189).
_UNSEEN_CATEGORIES = {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"}
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


class FileEntry(BaseModel):
    """An entry of the state file: exact field names, nothing unknown, nothing converted."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


def refused(text: str) -> PydanticCustomError:
    """What is wrong with a value, in a sentence that never repeats the value."""
    return PydanticCustomError("refused", text)


def is_clean(text: str) -> bool:
    """Free of characters that cannot be seen or that turn the direction of writing."""
    return not any(c in _BIDI or unicodedata.category(c) in _UNSEEN_CATEGORIES for c in text)


def _matching(pattern: re.Pattern[str], text: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise refused(text)
        return value

    return check


def _clean(value: str, *, longest: int) -> str:
    if len(value) > longest:
        raise refused(f"at most {longest} characters")
    if not is_clean(value):
        raise refused("no control characters and none that change the direction of writing")
    return value


def _name(value: str) -> str:
    if not value or value != value.strip():
        raise refused("must not be empty, nor begin or end with a space")
    return _clean(value, longest=_LONGEST_NAME)


def _text(value: str) -> str:
    return _clean(value, longest=_LONGEST_TEXT)


def _scope(value: str) -> str:
    if not is_scope_token(value):
        raise refused("a scope is printable ASCII without spaces, quotes and backslashes")
    return value


def unique(values: list[T]) -> list[T]:
    """The list, if nothing is in it twice."""
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise refused(f"listed twice: {twice[0]}")
    return values


def _some(values: list[T]) -> list[T]:
    if not values:
        raise refused("an empty list matches nothing: name at least one, or leave the field out")
    return unique(values)


def _few_scopes(values: list[str]) -> list[str]:
    if len(values) > MAX_SCOPES:
        raise refused(f"at most {MAX_SCOPES} scopes")
    return _some(values)


def _timestamp(value: Any) -> int:
    """NumericDate of an RFC 3339 time; YAML readers hand unquoted ones over as datetime."""
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise refused("there is no such time") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise refused("a time is written like 2027-06-30T00:00:00Z, with its zone")
    if not datetime(2000, 1, 1, tzinfo=UTC) <= value < datetime(9999, 1, 1, tzinfo=UTC):
        raise refused("a time lies between the years 2000 and 9998")
    return int(value.timestamp())


def format_timestamp(seconds: int) -> str:
    """A NumericDate as the state file writes it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _secret_reference(value: str) -> str:
    if not _SHORTEST_LITERAL <= len(value) <= _LONGEST_REFERENCE or not value.isprintable():
        raise refused("write env:NAME, file:PATH or hash:...")
    return value


def _schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


Id: TypeAlias = Annotated[
    str,
    AfterValidator(_matching(_ID, "an id is 1 to 64 of A-Z a-z 0-9 . _ -")),
    _schema(_ID.pattern),
]
Name: TypeAlias = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": _LONGEST_NAME}),
]
Text: TypeAlias = Annotated[
    str, AfterValidator(_text), WithJsonSchema({"type": "string", "maxLength": _LONGEST_TEXT})
]
ClientId: TypeAlias = Annotated[
    str,
    AfterValidator(
        _matching(_CLIENT_ID, "a client id is 1 to 200 printable ASCII characters without spaces")
    ),
    _schema(_CLIENT_ID.pattern),
]
Sub: TypeAlias = Annotated[
    str,
    AfterValidator(_matching(_SUB, "a sub is 1 to 255 printable ASCII characters without spaces")),
    _schema(_SUB.pattern),
]
Email: TypeAlias = Annotated[
    str,
    AfterValidator(_matching(_EMAIL, "not an email address")),
    AfterValidator(_text),
    WithJsonSchema({"type": "string", "format": "email"}),
]
Scope: TypeAlias = Annotated[str, AfterValidator(_scope), _schema(r"[!#-\[\]-~]{1,256}")]
Some: TypeAlias = Annotated[list[T], AfterValidator(_some)]
"""A list that is never empty and names nothing twice."""
Scopes: TypeAlias = Annotated[list[Scope], AfterValidator(_few_scopes)]
Timestamp: TypeAlias = Annotated[
    int, BeforeValidator(_timestamp), WithJsonSchema({"type": "string", "format": "date-time"})
]
SecretReference: TypeAlias = Annotated[str, AfterValidator(_secret_reference)]
