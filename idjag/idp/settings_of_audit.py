"""How long the audit log is kept, and where its checkpoints go: the two settings, read."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["STDERR", "checkpoint", "retention"]

STDERR = "stderr"
_DAYS = re.compile(r"([1-9][0-9]{0,4})d")


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
