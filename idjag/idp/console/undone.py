"""What an entry of the state file would be without one change of its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from idjag.idp.api.problem import Problem

__all__ = ["can_be_undone", "undone"]

_NAMES: Final = frozenset({"row", "key"})
"""What an event says of the thing beside its fields."""

_VERBS: Final = frozenset({"updated", "paused", "resumed"})
_NOUNS: Final = frozenset({"connection", "app", "resource_app", "user"})
_RULES: Final[Mapping[str, tuple[bool, bool]]] = {
    "rule.created": (False, True),
    "rule.updated": (True, True),
    "rule.deleted": (True, False),
}
"""Whether it says what was before, and what after."""

_BOTH: Final = (True, True)

Entry = Mapping[str, Any]


def can_be_undone(event: Mapping[str, Any]) -> bool:
    """Whether it changed fields of an entry, or its rules; what was made is undone by removing it.

    What was erased from the log since cannot be known any more.
    """
    name = str(event["event"])
    noun, _, verb = name.partition(".")
    says = (isinstance(event["before"], dict), isinstance(event["after"], dict))
    return _RULES.get(name) == says or (noun in _NOUNS and verb in _VERBS and says == _BOTH)


def undone(entry: Entry, event: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The entry as it is now but for that change, and the names of what others have changed there since.

    ``entry`` is in the words of the state file, ``event`` an audit event.  Raises Problem 409.
    """
    if not can_be_undone(event):
        raise Problem(409, "This change cannot be undone from here.")
    if event["event"] in _RULES:
        return _rule_undone(entry, event)
    return _back(entry, _fields(event["before"]), _fields(event["after"]))


def _fields(said: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (said or {}).items() if name not in _NAMES}


def _back(entry: Entry, before: Entry, after: Entry) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Only what that change was about; a field that was not there then goes."""
    names = before.keys() | after.keys()
    kept = {name: value for name, value in entry.items() if name not in names}
    since = sorted(name for name in names if entry.get(name) != after.get(name))
    return kept | dict(before), tuple(since)


def _rule_undone(entry: Entry, event: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The same for one rule of a connection: one that was made goes, one that was removed comes back."""
    before, after = _fields(event["before"]), _fields(event["after"])
    id_ = str((event["after"] or event["before"]).get("key", "")).partition("/")[2]  # connection/rule
    rules: list[dict[str, Any]] = list(entry.get("rules", ()))
    there = next((rule for rule in rules if rule["id"] == id_), None)
    others = [rule for rule in rules if rule is not there]
    if event["before"] is None:
        return {**entry, "rules": others}, _differ(there, after) if there else ()
    if event["after"] is None:
        return {**entry, "rules": [*others, before]}, _differ(there or before, before)
    if there is None:
        raise Problem(409, "The rule is not there any more: undo its removal first.")
    changed, since = _back(there, before, after)
    return {**entry, "rules": [changed if rule is there else rule for rule in rules]}, since


def _differ(one: Entry, other: Entry) -> tuple[str, ...]:
    names: Iterable[str] = one.keys() | other.keys()
    return tuple(sorted(name for name in names if one.get(name) != other.get(name)))
