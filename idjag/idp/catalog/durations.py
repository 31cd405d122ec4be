"""Durations as fields of the state file and of the API: text outside, whole seconds inside."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from idjag.durations import LONGEST, PATTERN, format_duration, parse_duration

__all__ = ["Duration", "Lifetime"]

_LONGEST_LIFETIME = 3600  # JAG-12: the hard cap of an ID-JAG


def _seconds(value: Any) -> int:
    try:
        return parse_duration(value if isinstance(value, str) else "")
    except ValueError as wrong:
        raise PydanticCustomError("duration", str(wrong)) from None


def _up_to(value: int, longest: int) -> int:
    if value > longest:
        raise PydanticCustomError("duration", "at most {longest}", {"longest": format_duration(longest)})
    return value


def _duration(value: Any) -> int:
    return _up_to(_seconds(value), LONGEST)


def _lifetime(value: Any) -> int:
    return _up_to(_seconds(value), _LONGEST_LIFETIME)


_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^{PATTERN}$", "examples": ["30s", "5m", "8h"]})

Duration: TypeAlias = Annotated[int, BeforeValidator(_duration), _SCHEMA]
"""Seconds, up to a leap year."""

Lifetime: TypeAlias = Annotated[int, BeforeValidator(_lifetime), _SCHEMA]
"""Seconds, up to one hour."""
