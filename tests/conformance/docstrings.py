"""Which requirements a test claims: read from its docstring, without running it.

Written as ``XCH-19``, as a range ``XCH-02 to XCH-06``, or shortened after a first: ``XCH-17, 18, 20 to 22``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Claim", "claims", "identifiers", "mentioned"]

_SCOPE = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# A number alone counts only where another requirement could stand: not in "RAS-16, 60 s".
_ALONE = r"\d\d(?=[,.;:)]|\s+to\s+\d\d\b|\s*$)"
_RUN = re.compile(rf"\b([A-Z]{{2,5}})-(\d{{1,3}})\b((?:(?:,|\s+to)\s+(?:(?:\1)-\d\d\b|{_ALONE}))*)")
_NEXT = re.compile(r"(,|to)\s+(?:[A-Z]+-)?(\d\d)")

# What looks like a requirement and is none.
_ENCODINGS = frozenset({"UTF", "SHA", "ISO"})


@dataclass(frozen=True, slots=True)
class Claim:
    """One test and the requirements that its docstring names.

    ``refusal``: it shows that they are not built, and proves nothing else.
    """

    file: str
    name: str
    identifiers: tuple[str, ...]
    refusal: bool

    def __str__(self) -> str:
        return f"{self.file}::{self.name}"


def identifiers(text: str) -> tuple[str, ...]:
    """The requirements named in a text, in its order, each once."""
    return tuple(dict.fromkeys(_expanded(text)))


def _expanded(text: str) -> Iterator[str]:
    for run in _RUN.finditer(text):
        group, first, rest = run.groups()
        if group in _ENCODINGS:
            continue
        yield f"{group}-{first}"
        last = int(first)
        for joint, digits in _NEXT.findall(rest):
            number = int(digits)
            members = range(last + 1, number + 1) if joint == "to" else (number,)
            yield from (f"{group}-{member:02}" for member in members)
            last = number


def claims(root: Path) -> list[Claim]:
    """Every test whose docstring names a requirement, sorted by file and name."""
    found: list[Claim] = []
    for path in _test_files(root):
        tree = ast.parse(path.read_bytes())
        file = path.relative_to(root / "tests").as_posix()
        found += (claim for node in ast.walk(tree) if (claim := _claim(file, node)))
    return sorted(found, key=lambda claim: (claim.file, claim.name))


def _claim(file: str, node: ast.AST) -> Claim | None:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
        return None
    docstring = ast.get_docstring(node) or ""
    named = identifiers(docstring)
    refusal = "not built" in " ".join(docstring.split())
    return Claim(file, node.name, named, refusal) if named else None


def mentioned(root: Path) -> dict[str, list[str]]:
    """Every requirement named in any docstring of the tests, and where: to find typing errors."""
    places: dict[str, list[str]] = {}
    for path in sorted((root / "tests").rglob("*.py")):
        tree = ast.parse(path.read_bytes())
        for name in identifiers("\n\n".join(_docstrings(ast.walk(tree)))):
            places.setdefault(name, []).append(path.relative_to(root).as_posix())
    return places


def _docstrings(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, _SCOPE):
            yield ast.get_docstring(node) or ""


def _test_files(root: Path) -> list[Path]:
    return sorted((root / "tests").rglob("test_*.py"))
