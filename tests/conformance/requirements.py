"""The two tables behind docs/conformance.md: the requirements, and what of them is not built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["NotBuilt", "Requirement", "not_built", "requirements"]

_COLUMNS = ("id", "level", "role", "requirement", "source")
_NOT_BUILT_COLUMNS = ("id", "extent", "reason")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row of docs/requirements.tsv; ``text`` in our own words, the ``source`` is the authority."""

    id: str
    level: str
    role: str
    text: str
    source: str

    @property
    def group(self) -> str:
        """``XCH`` of ``XCH-19``."""
        return self.id.partition("-")[0]


@dataclass(frozen=True, slots=True)
class NotBuilt:
    """One row of docs/not_built.tsv; ``extent`` is ``all`` or ``part``."""

    extent: str
    reason: str

    @property
    def entire(self) -> bool:
        """Whether nothing of the requirement works, so that no test may claim it."""
        return self.extent == "all"


def requirements(root: Path) -> list[Requirement]:
    """Every requirement in the order of the file, which is the order of the page."""
    rows = _rows(root / "docs" / "requirements.tsv", _COLUMNS)
    return [Requirement(*row) for row in rows]


def not_built(root: Path) -> dict[str, NotBuilt]:
    """What is not there, by requirement."""
    rows = _rows(root / "docs" / "not_built.tsv", _NOT_BUILT_COLUMNS)
    return {identifier: NotBuilt(extent, reason) for identifier, extent, reason in rows}


def _rows(path: Path, columns: tuple[str, ...]) -> list[list[str]]:
    """The rows below the header; raises ValueError for a row of another shape or a key that came before."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    if header.split("\t") != list(columns):
        raise ValueError(f"{path.name}: the columns are {', '.join(columns)}")
    for row in rows:
        if len(row) != len(columns) or not all(row):
            raise ValueError(f"{path.name}: not {len(columns)} columns: {row}")
    keys = [row[0] for row in rows]
    if repeated := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValueError(f"{path.name}: twice: {', '.join(repeated)}")
    return rows
