"""Undoing a change, without a server: it gives back what was, and leaves alone what it was not about."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from idjag.idp.api.problem import Problem
from idjag.idp.console.undone import can_be_undone, undone
from idjag.idp.state.changes import Change, changed, created, deleted

# what is null in an entry is as if it were not there
VALUES = st.one_of(st.text(max_size=3), st.lists(st.text(max_size=2), max_size=2), st.booleans())
ENTRIES = st.dictionaries(st.sampled_from(["name", "owner", "lifetime", "scopes", "reason"]), VALUES)
RULES = st.dictionaries(st.sampled_from(["who", "scopes", "conditions"]), VALUES)


def event_of(change: Change) -> dict[str, Any]:
    """As idjag.idp.state.events records it."""
    what = {"row": change.id, "key": change.key}
    return {
        "event": f"{change.noun}.{change.verb}",
        "before": None if change.action == "create" else {**what, **change.before},
        "after": None if change.action == "delete" else {**what, **change.after},
    }


def update(noun: str, before: dict[str, Any], after: dict[str, Any], *, key: str = "one") -> dict[str, Any]:
    return event_of(changed(noun, key, "id", before=before, after=after, about={}))


@given(before=ENTRIES, after=ENTRIES)
def test_undoing_the_last_change_gives_back_what_was(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert undone(after, update("app", before, after)) == (before, ())


@given(before=ENTRIES, after=ENTRIES, now=ENTRIES)
def test_undoing_an_older_change_touches_only_its_fields_and_names_those_that_moved(
    before: dict[str, Any], after: dict[str, Any], now: dict[str, Any]
) -> None:
    found, since = undone(now, update("user", before, after))
    its = {name for name in {**before, **after} if before.get(name) != after.get(name)}
    for name in {**before, **after, **now}:
        assert found.get(name) == (before if name in its else now).get(name)
    assert set(since) == {name for name in its if now.get(name) != after.get(name)}


@given(before=RULES, after=RULES, other=RULES)
def test_a_rule_comes_back_as_it_was_and_the_others_stay(
    before: dict[str, Any], after: dict[str, Any], other: dict[str, Any]
) -> None:
    assume(before != after)
    was, will, beside = {"id": "r", **before}, {"id": "r", **after}, {"id": "s", **other}
    kept: dict[str, Any] = {"id": "c", "owner": "it"}
    event = update("rule", was, will, key="c/r")
    assert undone({**kept, "rules": [beside, will]}, event) == ({**kept, "rules": [beside, was]}, ())
    made = event_of(created("rule", "c/r", "id", after=will, about={}))
    assert undone({**kept, "rules": [will, beside]}, made) == ({**kept, "rules": [beside]}, ())
    gone = event_of(deleted("rule", "c/r", "id", before=was, about={}))
    assert undone({**kept, "rules": [beside]}, gone) == ({**kept, "rules": [beside, was]}, ())
    again, since = undone({**kept, "rules": [will, beside]}, gone)
    assert again == {**kept, "rules": [beside, was]}
    assert set(since) == {name for name in {**was, **will} if was.get(name) != will.get(name)}


def test_a_rule_that_is_gone_is_not_changed_back() -> None:
    event = update("rule", {"id": "r", "scopes": ["a"]}, {"id": "r", "scopes": ["b"]}, key="c/r")
    with pytest.raises(Problem, match="undo its removal first"):
        undone({"id": "c", "rules": []}, event)
    made = event_of(created("rule", "c/r", "id", after={"id": "r"}, about={}))
    assert undone({"id": "c", "rules": []}, made) == ({"id": "c", "rules": []}, ())


@pytest.mark.parametrize(
    ("event", "can"),
    [
        ({"event": "app.updated", "before": {}, "after": {}}, True),
        ({"event": "connection.paused", "before": {}, "after": {}}, True),
        ({"event": "user.resumed", "before": {}, "after": {}}, True),
        ({"event": "rule.created", "before": None, "after": {}}, True),
        ({"event": "user.updated", "before": None, "after": None}, False),  # erased
        ({"event": "user.updated", "before": {}, "after": None}, False),
        ({"event": "rule.deleted", "before": None, "after": None}, False),
        ({"event": "rule.updated", "before": None, "after": {}}, False),  # else it would be one that was made
        ({"event": "rule.updated", "before": {}, "after": None}, False),
        ({"event": "app.created", "before": None, "after": {}}, False),
        ({"event": "app.deleted", "before": {}, "after": None}, False),
        ({"event": "user.unlocked", "before": {}, "after": {}}, False),
        ({"event": "admin.updated", "before": {}, "after": {}}, False),
        ({"event": "hold.placed", "before": None, "after": {}}, False),
        ({"event": "tenant.updated", "before": {}, "after": {}}, False),
    ],
)
def test_what_can_be_undone_is_a_change_of_fields_that_the_log_still_has(
    event: dict[str, Any],
    can: bool,  # noqa: FBT001
) -> None:
    assert can_be_undone(event) is can
    if not can:
        with pytest.raises(Problem):
            undone({"id": "one"}, event)
