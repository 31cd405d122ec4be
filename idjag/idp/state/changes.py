"""One change of a plan: what it is about, before and after, in the words of the file; never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

__all__ = ["Action", "Change", "changed", "created", "deleted"]

Action: TypeAlias = Literal["create", "change", "delete"]

_STOPPED = frozenset({"disabled", "paused"})
_RUNNING = "active"


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one thing.

    ``key`` is its name in the file (a rule's is "connection/rule"), ``id`` its surrogate id.  ``before`` and
    ``after`` hold the fields that differ, or all of them.  ``verb`` ends the name of the audit event,
    ``about`` are that event's own fields.
    """

    noun: str
    key: str
    id: str
    action: Action
    verb: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


def created(
    noun: str, key: str, row_id: str, *, after: Mapping[str, Any], about: Mapping[str, Any]
) -> Change:
    """Something that was not there."""
    return Change(noun, key, row_id, "create", "created", after=after, about=about)


def deleted(
    noun: str, key: str, row_id: str, *, before: Mapping[str, Any], about: Mapping[str, Any]
) -> Change:
    """Something that will not be there."""
    return Change(noun, key, row_id, "delete", "deleted", before=before, about=about)


def changed(
    noun: str,
    key: str,
    row_id: str,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    about: Mapping[str, Any],
) -> Change:
    """Something that will say something else; only what differs is kept."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return Change(
        noun,
        key,
        row_id,
        "change",
        _verb(before.get("status"), after.get("status")),
        before={name: before[name] for name in names if name in before},
        after={name: after[name] for name in names if name in after},
        about=about,
    )


def _verb(before: object, after: object) -> str:
    if before == _RUNNING and after in _STOPPED:
        return "paused"
    if before in _STOPPED and after == _RUNNING:
        return "resumed"
    return "updated"
