"""Access map: the surroundings of one app, resource app or person, drawn; and the matrix for paper."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from typing import Final
from unicodedata import east_asian_width

from idjag.idp import facts
from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.fields import NOTHING_WRONG, Wrong
from idjag.idp.console.groups import group_row
from idjag.idp.console.places import Place
from idjag.idp.console.surroundings import (
    Link,
    Wanted,
    around_app,
    around_person,
    around_resource_app,
    everything,
    holds_on,
    matrix,
)
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.console.who import groups_offered
from idjag.idp.questions import UnknownName, find_app, find_person, find_resource_app
from idjag.policy.index import Policy
from idjag.policy.model import Person
from idjag.protocol.http import Reply

__all__ = ["PLACES", "Drawing", "draw"]

_MAP: Final = "/admin/map"
_MATRIX: Final = "/admin/matrix"
_MOST: Final = 40
_MOST_SCOPES: Final = 500
_DOWN: Final = 60  # requesting apps of a page of the matrix
_ACROSS: Final = 30  # resource apps beside one another: so many fit on a sheet that lies on its side
_DIGITS: Final = 6
_ROOM: Final = 29  # letters that a box of the drawing holds; Chinese, Japanese and Korean ones count twice
_ROOM_OF_AGENTS: Final = 19
_WIDE: Final = frozenset({"W", "F"})
_AGENT: Final = "ai_agent"
_FILTERS: Final = ("user", "group", "app", "to", "scope")
_STATES: Final = ("active", "draft", "paused", "expired", "held")
_NOTHING: Final = "Nothing can be drawn of this."
_ROW: Final = 44  # units of the drawing from one name to the next


@dataclass(frozen=True, slots=True)
class Node:
    """A name of the drawing: at which height its middle is, and what it leads to."""

    id: str
    key: str
    name: str
    y: int
    agent: bool = False

    @property
    def short(self) -> str:
        """As much of the name as its box holds, beside the words for an agent."""
        room = _ROOM_OF_AGENTS if self.agent else _ROOM
        ends = list(accumulate(2 if east_asian_width(char) in _WIDE else 1 for char in self.name))
        return self.name if not ends or ends[-1] <= room else self.name[: bisect(ends, room - 1)] + "…"


@dataclass(frozen=True, slots=True)
class Drawing:
    """Names at the left and right, and a line for each connection; units are of the drawing itself."""

    left: tuple[Node, ...]
    right: tuple[Node, ...]
    lines: tuple[tuple[Link, int, int], ...]
    height: int


def draw(links: list[Link]) -> Drawing:
    """Names at even distances, the shorter side in the middle; each line knows the heights of its ends."""
    apps = list({link.app.id: link.app for link in links}.values())
    targets = list({link.resource_app.id: link.resource_app for link in links}.values())
    height = _ROW * max(len(apps), len(targets), 1)
    ys = {each.id: _at(number, len(apps), height) for number, each in enumerate(apps)}
    other = {each.id: _at(number, len(targets), height) for number, each in enumerate(targets)}
    return Drawing(
        tuple(Node(each.id, each.key, each.name, ys[each.id], each.kind == "ai_agent") for each in apps),
        tuple(Node(each.id, each.key, each.name, other[each.id]) for each in targets),
        tuple((link, ys[link.app.id], other[link.resource_app.id]) for link in links),
        height,
    )


def _at(number: int, count: int, height: int) -> int:
    return round((number + 0.5) * height / count)


def _map(desk: Desk, visit: Visit) -> Reply:
    policy, asked = desk.office.ledger.fresh(desk.office.tenant).policy, visit.asked
    wrong = NOTHING_WRONG
    try:
        links, named = _chosen(desk, policy, visit, held=frozenset(holds_on(desk)))
    except UnknownName as unknown:
        links, named, wrong = [], "Access map", _unknown(str(unknown))
    except Problem as problem:
        links, named, wrong = [], "Access map", Wrong(_NOTHING, {"group": problem.detail})
    scope = asked.one("scope")
    if scope:
        links = [link for link in links if _allows(link, scope)]
    if asked.has("agents"):
        links = [link for link in links if link.app.kind == _AGENT]
    return desk.show(
        "map.html",
        visit,
        status=422 if wrong.problem else 200,
        wrong=wrong,
        named=named,
        narrowed=any(asked.one(name) for name in (*_FILTERS, "agents")),
        asked=asked,
        links=links[:_MOST],
        states=[state for state in _STATES if any(link.state == state for link in links[:_MOST])],
        scopes=_scopes(policy),
        groups=[(name, name) for name in groups_offered(desk)],
        more=len(links) > _MOST,
        drawing=draw(links[:_MOST]),
        apps=sorted((app.key, app.name) for app in policy.apps.values() if policy.connected(app.id)),
        resource_apps=sorted((target.key, target.name) for target in policy.resource_apps.values()),
    )


def _chosen(desk: Desk, policy: Policy, visit: Visit, *, held: frozenset[str]) -> tuple[list[Link], str]:
    """The connections between those who were chosen, and what that is called.

    Raises UnknownName, Problem 404 and 422 for the group.
    """
    asked = visit.asked
    app = find_app(policy, asked.one("app")) if asked.one("app") else None
    target = find_resource_app(policy, asked.one("to")) if asked.one("to") else None
    if asked.one("group"):
        links = around_person(desk, policy, _member(desk, visit), held=held)
        named = f"What {app.name if app else 'apps'} can reach for people in {asked.one('group')}"
    elif asked.one("user"):
        person_id = find_person(desk.office, asked.one("user"))
        found = facts.person(desk.office.ledger.read(facts.person_keys(person_id)), person_id)
        links = around_person(desk, policy, found.person, held=held) if found else []
        whose = (found.name if found else None) or asked.one("user")
        named = f"What {app.name if app else 'apps'} can reach as {whose}"
    elif app:
        links, named = around_app(desk, policy, app, held=held), f"Around {app.name}"
    elif target:
        links, named = around_resource_app(desk, policy, target, held=held), f"Around {target.name}"
    else:
        links, named = everything(desk, policy, held=held) if policy.size <= _MOST else [], "Access map"
    return [
        link
        for link in links
        if (app is None or link.app.id == app.id) and (target is None or link.resource_app.id == target.id)
    ], named


def _member(desk: Desk, visit: Visit) -> Person:
    """Somebody of whom nothing is known but the group; raises Problem 404, 422."""
    row = group_row(desk, visit.asked.one("group"))
    if visit.asked.one("user"):
        raise Problem(422, "Choose a person or a group, not both.")
    return Person("", groups=frozenset({str(row["id"])}))


def _unknown(message: str) -> Wrong:
    """At the field that names what leads nowhere."""
    kinds = {"unknown user": "user", "unknown app": "app", "unknown resource app": "to"}
    name = next((name for kind, name in kinds.items() if message.startswith(f"{kind}:")), "")
    return Wrong(_NOTHING, {name: f"{message[:1].upper()}{message[1:]}."})


def _scopes(policy: Policy) -> list[str]:
    """What may be meant by a scope: what resource apps declare."""
    declared = {
        scope
        for target in policy.resource_apps.values()
        for scope in (*target.scopes, *(one for api in target.resources for one in api.scopes))
    }
    return sorted(declared)[:_MOST_SCOPES]


def _allows(link: Link, scope: str) -> bool:
    """Whether a rule of the connection may give the scope, to somebody."""
    if link.scopes:
        return scope in link.scopes
    return any(rule.scopes.admits(scope) for rule in link.connection.rules)


def _matrix(desk: Desk, visit: Visit) -> Reply:
    policy, held = desk.office.ledger.fresh(desk.office.tenant).policy, frozenset(holds_on(desk))
    text, state = visit.asked.one("q"), visit.asked.one("status")
    statuses = frozenset({state}) & frozenset(_STATES)
    before = visit.asked.number("after", digits=_DIGITS) or 0
    found = matrix(desk, policy, Wanted(text, statuses, before), held=held, most=_DOWN)
    return desk.show(
        "matrix.html",
        visit,
        matrix=found,
        text=text,
        state=state,
        states=[("", "Any"), *((each, each.capitalize()) for each in _STATES)],
        first=before + 1,
        blocks=[found.columns[at : at + _ACROSS] for at in range(0, len(found.columns), _ACROSS)],
        next=str(before + _DOWN) if found.more else "",
    )


PLACES: Final = {
    _MAP: Place(Permission.READ, show=_map, under=_MAP),
    _MATRIX: Place(Permission.READ, show=_matrix, under=_MAP),
}
