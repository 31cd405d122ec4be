"""Access map: the surroundings of one app, resource app or person, drawn; and the matrix for paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idjag.idp import facts
from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.places import Place
from idjag.idp.console.surroundings import (
    Link,
    around_app,
    around_person,
    around_resource_app,
    holds_on,
    matrix,
)
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.questions import UnknownName, find_app, find_person, find_resource_app
from idjag.policy.index import Policy
from idjag.protocol.http import Reply

__all__ = ["PLACES", "Drawing", "draw"]

_MAP: Final = "/admin/map"
_MATRIX: Final = "/admin/matrix"
_MOST: Final = 40
_STATES: Final = ("active", "draft", "paused", "expired", "held")
_ROW: Final = 44  # units of the drawing from one name to the next


@dataclass(frozen=True, slots=True)
class Node:
    """A name of the drawing: at which height its middle is, and what it leads to."""

    id: str
    key: str
    name: str
    y: int
    agent: bool = False


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
    policy, held = desk.office.ledger.fresh(desk.office.tenant).policy, frozenset(holds_on(desk))
    asked = visit.asked
    try:
        links, of = _chosen(desk, policy, visit, held=held)
    except UnknownName as unknown:
        raise Problem(404, f"{unknown}.") from None
    scope = asked.one("scope")
    if scope:
        links = [link for link in links if _allows(link, scope)]
    return desk.show(
        "map.html",
        visit,
        of=of,
        asked=asked,
        links=links[:_MOST],
        more=len(links) > _MOST,
        drawing=draw(links[:_MOST]),
        apps=sorted((app.key, app.name) for app in policy.apps.values() if policy.connected(app.id)),
        resource_apps=sorted((target.key, target.name) for target in policy.resource_apps.values()),
    )


def _chosen(desk: Desk, policy: Policy, visit: Visit, *, held: frozenset[str]) -> tuple[list[Link], str]:
    """The connections of what was chosen, and what it is called; raises UnknownName."""
    asked = visit.asked
    if asked.one("user"):
        person_id = find_person(desk.office, asked.one("user"))
        found = facts.person(desk.office.ledger.read(facts.person_keys(person_id)), person_id)
        return (around_person(desk, policy, found.person, held=held) if found else []), asked.one("user")
    if asked.one("app"):
        app = find_app(policy, asked.one("app"))
        return around_app(desk, policy, app, held=held), app.name
    if asked.one("to"):
        target = find_resource_app(policy, asked.one("to"))
        return around_resource_app(desk, policy, target, held=held), target.name
    if policy.size <= _MOST:
        every = matrix(desk, policy, text="", held=held, most=_MOST, statuses=frozenset())
        return list(every.cells.values()), ""
    return [], ""


def _allows(link: Link, scope: str) -> bool:
    """Whether a rule of the connection may give the scope, to somebody."""
    if link.scopes:
        return scope in link.scopes
    return any(rule.scopes.admits(scope) for rule in link.connection.rules)


def _matrix(desk: Desk, visit: Visit) -> Reply:
    policy, held = desk.office.ledger.fresh(desk.office.tenant).policy, frozenset(holds_on(desk))
    text, state = visit.asked.one("q"), visit.asked.one("status")
    statuses = frozenset({state}) & frozenset(_STATES)
    found = matrix(desk, policy, text=text, held=held, most=_MOST, statuses=statuses)
    states = [("", "any"), *((each, each.capitalize()) for each in _STATES)]
    return desk.show("matrix.html", visit, matrix=found, text=text, state=state, states=states)


PLACES: Final = {
    _MAP: Place(Permission.READ, show=_map, under=_MAP),
    _MATRIX: Place(Permission.READ, show=_matrix, under=_MAP),
}
