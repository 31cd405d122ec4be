"""The list of guards to break: tests/mutations/*.toml, read and checked."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TREE = Path(__file__).parents[2]
LISTS = Path(__file__).parent
RARE = frozenset(
    {
        "administration",
        "at_rest",
        "audit_actors",
        "audit_chain",
        "authorization",
        "console",
        "console_effects",
        "console_people",
        "console_several",
        "core_jose",
        "core_protocol",
        "decisions",
        "discover",
        "doors",
        "factors",
        "grants_core",
        "hostile",
        "lens",
        "lists",
        "me",
        "oidc",
        "one_time",
        "operations",
        "outbound",
        "passwords",
        "ras_core",
        "server_option",
        "signin_steps",
        "undo",
        "webhook",
    }
)
"""Lists that `make soak` has no time for; `make guards` has all of them."""


@dataclass(frozen=True, slots=True)
class Guard:
    """One check of the product, how to break it, and who must notice.

    ``find`` stands exactly once in ``file``; of ``tests`` (files or node ids) one at least must fail.
    """

    name: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]
    rare: bool = False

    @property
    def list(self) -> str:
        """The name of the file that it stands in."""
        return self.name.partition(":")[0]

    def broken(self, source: str) -> str:
        """The source without the guard; raises ValueError when the guard is not where the list says."""
        if source.count(self.find) != 1:
            raise ValueError(f"{self.name}: found {source.count(self.find)} times in {self.file}")
        return source.replace(self.find, self.replace)

    @staticmethod
    def exists(test: str) -> bool:
        """Whether that file, or that test in it, is there."""
        name, _, function = test.partition("::")
        path = TREE / name
        return path.exists() and (not function or f"def {function}(" in path.read_text("utf-8"))


@cache
def guards() -> tuple[Guard, ...]:
    """Every guard of every list, in the order of the files."""
    return tuple(
        Guard(
            name=f"{path.stem}: {row['name']}",
            file=row["file"],
            find=row["find"],
            replace=row["replace"],
            tests=tuple(row["tests"]),
            rare=path.stem in RARE,
        )
        for path in sorted(LISTS.glob("*.toml"))
        for row in tomllib.loads(path.read_text("utf-8"))["guard"]
    )
