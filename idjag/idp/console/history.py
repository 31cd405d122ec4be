"""Who changed a thing, when, what, and why: its part of the audit log in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from idjag.idp.administration.roles import NEEDED, Permission
from idjag.idp.console.audit_actors import Actors, actors_of, around
from idjag.idp.console.undone import can_be_undone
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.console.words import event_said
from idjag.idp.lookups import Thing
from idjag.ledger import trail

__all__ = ["Changed", "begins", "history"]

_VERBS: Final[Mapping[str, str]] = {
    "created": "Made it",
    "updated": "Changed it",
    "paused": "Paused it",
    "resumed": "Resumed it",
    "deleted": "Removed it",
    "rule.created": "Added the rule",
    "rule.updated": "Changed the rule",
    "rule.deleted": "Removed the rule",
    "hold.placed": "Stopped it (hold)",
    "hold.released": "Released the hold",
    "connection.checked": "Checked it",
    "admin.entered": "Entered the console",
    "admin.left": "Left the console",
    "admin.created": "Made them an administrator",
    "admin.updated": "Gave them another role",
    "admin.deleted": "Ended their role",
    "password.link_made": "Made a set-password link",
    "user.unlocked": "Forgot the failed attempts",
    "session.ended": "Signed them out everywhere",
}
"""By the event, or by the end of its name."""

_PLUMBING: Final = frozenset({"row", "key", "reason", "kind", "by", "since", "app"})


@dataclass(frozen=True, slots=True)
class Changed:
    """One change: ``fields`` are (name, before, after); ``actor`` as people know them.

    ``undo``: what it takes to undo it; None for what cannot be undone (undone.py).
    ``did``: the query that finds in the audit log what else they did then; empty for whom it does not find.
    """

    no: int
    noun: str
    time: int
    decision_id: str
    actor: str
    did: Mapping[str, str]
    what: str
    key: str
    fields: tuple[tuple[str, Any, Any], ...]
    reason: str
    undo: Permission | None


def history(desk: Desk, thing: Thing, *, limit: int, before_no: int | None = None) -> list[Changed]:
    """The latest first; raises TooMuch."""
    rows = desk.office.lookups.history(thing, before_no=before_no, limit=limit)
    events: list[dict[str, Any]] = [dict(trail.event_of(row)) for row in rows]
    actors = actors_of(desk, events)
    reasons = _reasons(desk, {str(event["decision_id"]) for event in events})
    return [_changed(event, thing.noun, actors, reasons) for event in events]


def begins(visit: Visit) -> int | None:
    """Where the older part begins that a page is asked for; None for the latest."""
    return visit.asked.number("before")


def _changed(event: Mapping[str, Any], noun: str, actors: Actors, reasons: Mapping[str, str]) -> Changed:
    name, before, after = str(event["event"]), event["before"] or {}, event["after"] or {}
    key = str((after or before).get("key", "")).partition("/")[2] if name.startswith("rule.") else ""
    decision_id = str(event["decision_id"])
    said = [each for each in {**before, **after} if each not in _PLUMBING]
    # of what is new everything is new: the page says it already
    told = name.endswith(("updated", "paused", "resumed"))
    return Changed(
        no=int(event["id"]),
        noun=noun,
        time=int(event["time"]),
        decision_id=decision_id,
        actor=actors.said(event["actor"] or {}),
        did=around(event["actor"] or {}, int(event["time"])),
        what=_VERBS.get(name) or _VERBS.get(name.rpartition(".")[2]) or event_said(name),
        key=key,
        fields=tuple((each, before.get(each), after.get(each)) for each in said) if told else (),
        reason=str(after.get("reason") or "") if name.startswith("hold.") else reasons.get(decision_id, ""),
        undo=NEEDED[noun] if can_be_undone(event) else None,
    )


def _reasons(desk: Desk, decisions: Iterable[str]) -> dict[str, str]:
    """Why, by the decision: it is said once for everything that was saved together."""
    found: dict[str, str] = {}
    for decision in decisions:
        about = {"decision_id": decision, "event": "state.applied"}
        rows = desk.office.lookups.audit(about=about, since=None, until=None, before_no=None, limit=1)
        for row in rows:
            event: dict[str, Any] = dict(trail.event_of(row))
            found[decision] = str((event["after"] or {}).get("reason") or "")
    return found
