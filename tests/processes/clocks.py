"""Clocks of nodes that can be moved while they serve, each by a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DAY", "HOUR", "Clock"]

HOUR = 3600
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a node's clock is ahead, in a file that the node reads whenever it looks at its clock."""

    file: Path

    @property
    def environ(self) -> Mapping[str, str]:
        """What a process needs in its environment to have this clock."""
        folder = str(Path(__file__).resolve().parent / "shifted")
        return {"PYTHONPATH": folder, "SHIFTED_CLOCK": str(self.file)}

    def move(self, seconds: int) -> None:
        """Set it so far ahead of the true time; negative is behind."""
        written = self.file.with_suffix(".new")
        written.write_text(str(seconds), encoding="ascii")
        written.replace(self.file)  # at once: whoever reads meanwhile finds the one or the other
