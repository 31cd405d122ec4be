"""Settings that both servers have, read from their text: how long to serve on, and the audit log's two."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["LONGEST_DRAIN", "STDERR", "checkpoint", "drain", "retention", "seconds"]

LONGEST_DRAIN: Final = 300
"""Seconds: whoever stops a server loses patience at some time."""

STDERR: Final = "stderr"
_DAYS = re.compile(r"([1-9][0-9]{0,4})d")
_SECONDS = re.compile(r"([0-9]{1,4})([sm])")


def retention(text: str) -> int:
    """Seconds; raises ValueError."""
    days = _DAYS.fullmatch(text)
    if not days:
        raise ValueError(f"must be days, such as 400d, got {text[:60]!a}")
    return int(days[1]) * 86_400


def checkpoint(text: str) -> Path | str:
    """A file, or STDERR; raises ValueError."""
    if text in {"-", STDERR}:
        return STDERR
    if "\0" in text:
        raise ValueError("must be a path, or stderr")
    return Path(text).absolute()


def seconds(most: int) -> Callable[[str], int]:
    """Reads a short duration, such as 15s or 1m, 0s included; what it returns raises ValueError."""

    def parse(text: str) -> int:
        found = _SECONDS.fullmatch(text)
        value = int(found[1]) * {"s": 1, "m": 60}[found[2]] if found else -1
        if not 0 <= value <= most:
            raise ValueError(f"must be a duration from 0s to {most}s, such as 15s, got {text[:60]!a}")
        return value

    return parse


drain = seconds(LONGEST_DRAIN)
"""For how long to serve on after SIGTERM."""
