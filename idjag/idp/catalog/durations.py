"""Durations as people write them: 30s, 5m, 8h, 14d; whole seconds inside."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

__all__ = ["Duration", "Lifetime", "format_duration", "parse_duration"]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PATTERN = r"[1-9][0-9]{0,7}[smhd]"
_FORM = re.compile(_PATTERN)
_LONGEST = 366 * 86400
_LONGEST_LIFETIME = 3600  # JAG-12: the hard cap of an ID-JAG


def parse_duration(text: str) -> int:
    """Seconds; raises ValueError for anything but a positive whole number and one of s, m, h, d."""
    if not _FORM.fullmatch(text):
        raise ValueError("a duration is a whole number and s, m, h or d, such as 5m")
    return int(text[:-1]) * _SECONDS[text[-1]]


def format_duration(seconds: int) -> str:
    """The shortest exact spelling: 300 is 5m, 90 is 90s."""
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


def _seconds(value: Any) -> int:
    if not isinstance(value, str) or not _FORM.fullmatch(value):
        raise PydanticCustomError("duration", "a duration is a whole number and s, m, h or d, such as 5m")
    return parse_duration(value)


def _up_to(value: int, longest: int) -> int:
    if value > longest:
        raise PydanticCustomError("duration", "at most {longest}", {"longest": format_duration(longest)})
    return value


def _duration(value: Any) -> int:
    return _up_to(_seconds(value), _LONGEST)


def _lifetime(value: Any) -> int:
    return _up_to(_seconds(value), _LONGEST_LIFETIME)


_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^{_PATTERN}$", "examples": ["30s", "5m", "8h"]})

Duration: TypeAlias = Annotated[int, BeforeValidator(_duration), _SCHEMA]
"""Seconds, up to a leap year."""

Lifetime: TypeAlias = Annotated[int, BeforeValidator(_lifetime), _SCHEMA]
"""Seconds, up to one hour."""
