"""Durations as people write them, in files, at the command line and in forms: 30s, 5m, 8h, 14d."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["LONGEST", "PATTERN", "format_duration", "parse_duration"]

PATTERN: Final = "[1-9][0-9]{0,7}[smhd]"
LONGEST: Final = 366 * 86400
"""Seconds: for fields and options that say no other limit."""

_FORM: Final = re.compile(PATTERN)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> int:
    """Seconds; raises ValueError for anything but a positive whole number and one of s, m, h, d."""
    if not _FORM.fullmatch(text):
        raise ValueError("a duration is a whole number and s, m, h or d, such as 5m")
    return int(text[:-1]) * _SECONDS[text[-1]]


def format_duration(seconds: int) -> str:
    """The shortest exact spelling: 300 is 5m, 90 is 90s."""
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"
