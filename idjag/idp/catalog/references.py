"""Names as people write them, and the surrogate ids that rows hold instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

__all__ = ["Path", "Problem", "References"]

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps an entry from being applied.

    ``noun`` and ``key`` name the entry, ``path`` the place inside it; ``message`` says what to change.
    """

    noun: str
    key: str
    path: Path
    message: str

    def __str__(self) -> str:
        return f"{self.noun.replace('_', ' ')} {self.key}: {self.message}"


@dataclass(frozen=True)
class References:
    """Name to surrogate id, for each kind of thing that something else may name.

    ``groups`` are those of the source "local" alone: a name in a file never means another source's group.
    """

    groups: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    apps: Mapping[str, str] = field(default_factory=dict)
    resource_apps: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Surrogate id to name, over all kinds: surrogate ids are never shared."""
        return {
            one: name
            for kind in (self.groups, self.people, self.apps, self.resource_apps)
            for name, one in kind.items()
        }

    def name(self, surrogate: str) -> str:
        """The name of an id; an id whose row is gone is shown as it is."""
        return self.names.get(surrogate, surrogate)


def unknown(
    names: Sequence[str] | None, known: Mapping[str, str], *, kind: str, path: Path
) -> Iterator[tuple[Path, str]]:
    """Where a list names something that is not there."""
    for number, name in enumerate(names or ()):
        if name not in known:
            yield (*path, number), f"unknown {kind}: {name}"
