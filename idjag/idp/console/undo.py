"""Undo: what was before one change of a history is proposed again, and reviewed like every change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.changing import Proposal, opened, review
from idjag.idp.console.connections_page import thing_of
from idjag.idp.console.places import Place
from idjag.idp.console.undone import undone
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.console.words import field_said
from idjag.idp.lookups import Thing
from idjag.idp.questions import UnknownName, find_app, find_person, find_resource_app
from idjag.ledger import trail
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_PAGES: Final[Mapping[str, str]] = {
    "connection": "/admin/connection",
    "app": "/admin/app",
    "resource_app": "/admin/resource-app",
    "user": "/admin/person",
}
"""Where the history of a noun stands."""


def _undo(desk: Desk, visit: Visit) -> Reply:
    """The review of what undoes it: nothing is changed by asking."""
    noun, key = visit.asked.one("of"), visit.asked.one("id")
    if noun not in _PAGES:
        raise Problem(404, "There is no such history.")
    there = opened(desk, noun, key)
    event = _event(desk, _thing(desk, noun, key, there.entry), visit.asked.number("no") or 0)
    entry, since = undone(there.entry, event)
    if entry == there.entry:
        raise Problem(409, "There is nothing to undo: it is as it was before that change.")
    back = f"{_PAGES[noun]}?{urlencode({'id': key})}"
    proposal = Proposal.of(noun, key, entry, there.seen, back, managed=there.managed)
    return review(desk, visit, proposal, note=_note(since))


def _note(since: Iterable[str]) -> str:
    fields = ", ".join(map(field_said, since))
    return f"Others have changed this since, and that goes back, too: {fields}." if fields else ""


def _thing(desk: Desk, noun: str, key: str, entry: Mapping[str, Any]) -> Thing:
    """The thing that has this name now, and says this; raises Problem 404."""
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    try:
        match noun:
            case "connection":
                app, target = find_app(policy, entry["from"]), find_resource_app(policy, entry["to"])
                connection = policy.connection(app.id, target.id)
                if connection is None:
                    raise Problem(404, "There is no connection of this name.")
                return thing_of(connection)
            case "app":
                return Thing(noun, find_app(policy, key).id)
            case "resource_app":
                return Thing(noun, find_resource_app(policy, key).id)
            case _:
                return Thing(noun, find_person(desk.office, key))
    except UnknownName as unknown:
        raise Problem(404, f"{unknown}.") from None


def _event(desk: Desk, thing: Thing, no: int) -> Mapping[str, Any]:
    """One event of its history; an event of another thing is none."""
    rows = desk.office.lookups.history(thing, before_no=no + 1, limit=1)
    events = [event for event in map(trail.event_of, rows) if event["id"] == no]
    if not events:
        raise Problem(404, "This change is not in its history (any more).")
    return events[0]


PLACES: Final = {"/admin/undo": Place(Permission.READ, show=_undo)}
