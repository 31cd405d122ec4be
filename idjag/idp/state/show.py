"""A plan as people and scripts read it; never a secret."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from idjag.idp.state.plan import Plan

__all__ = ["change_lines", "plan_json", "plan_lines"]

_SIGNS = {"create": "+", "change": "~", "delete": "-"}
_KEYS = frozenset({"id", "name", "username"})


def plan_lines(plan: Plan) -> Iterator[str]:
    """One block for each change, then the count; ``no changes`` when there is none."""
    return change_lines(plan_json(plan)["changes"])


def change_lines(changes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The same for changes as ``plan_json`` has them, here or from a server."""
    if not changes:
        yield "no changes"
        return
    for change in changes:
        yield f"{_SIGNS[change['action']]} {change['noun'].replace('_', ' ')} {change['key']}"
        yield from (f"    {line}" for line in _fields(change))
    counts = Counter(change["action"] for change in changes)
    yield (f"{counts['create']} to create, {counts['change']} to change, {counts['delete']} to delete")


def plan_json(plan: Plan) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "policy_seq": plan.policy_seq,
        "changes": [
            {
                "action": change.action,
                "noun": change.noun,
                "key": change.key,
                "before": dict(change.before) if change.action != "create" else None,
                "after": dict(change.after) if change.action != "delete" else None,
            }
            for change in plan.changes
        ],
    }


def _fields(change: Mapping[str, Any]) -> Iterator[str]:
    before, after = change["before"], change["after"]
    match change["action"]:
        case "create":
            yield from _all(after, change["key"])
        case "delete":
            yield from _all(before, change["key"])
        case "change":
            for name in {**before, **after}:
                if name not in before and after[name] in ("changed", "set"):
                    yield f"{name}: {after[name]}"
                else:
                    yield f"{name}: {_value(before, name)} -> {_value(after, name)}"


def _all(fields: Mapping[str, Any], key: str) -> Iterator[str]:
    own_name = key.rpartition("/")[2]
    for name, value in fields.items():
        if not (name in _KEYS and value == own_name):
            yield f"{name}: {_text(value)}"


def _value(fields: Mapping[str, Any], name: str) -> str:
    return _text(fields[name]) if name in fields else "(none)"


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
