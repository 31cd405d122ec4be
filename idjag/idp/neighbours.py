"""What stands beside the rows that a change is about, in long tables: the port.

Nobody reads 100,000 people to save one of them: whoever would clash with it is looked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

__all__ = ["Neighbours"]


class Neighbours(Protocol):
    """Names, as a state file says them; all raise SchemaRefused and TooMuch."""

    def alike(self, usernames: Collection[str]) -> Sequence[str]:
        """The user names that may differ from one of these in upper and lower case alone, and themselves."""
        ...

    def having(self, attributes: Collection[tuple[str, str]]) -> Sequence[str]:
        """The user names of everybody who has one of these attributes, (name, value)."""
        ...

    def sharing(self, attributes: Collection[str]) -> Sequence[str]:
        """The user names of people who have the same value of one of these attributes as somebody else."""
        ...

    def referring(self, named: Mapping[str, Collection[str]]) -> Sequence[str]:
        """The names of the connections that refer to one of these apps, resource apps, groups, users.

        By noun their names; a group is a local one.
        """
        ...

    def connection_names(self, *, begins: str, after: str, limit: int) -> Sequence[str]:
        """The names of connections, in their order."""
        ...
