"""Connections: every requesting app that may reach a resource app, searched and paged on the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.asked import Asked
from idjag.idp.console.places import Place
from idjag.idp.console.several import DEEDS, chosen, propose
from idjag.idp.console.surroundings import holds_on
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.facts import holds_of
from idjag.idp.lookups import ConnectionLine, ConnectionStatus, TooMuch
from idjag.ledger.entry import Key
from idjag.policy.index import Policy
from idjag.policy.model import HoldKind
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_LIST: Final = "/admin/connections"
_SEVERAL: Final = "/admin/connections/several"
_PAGE: Final = 50
_STATUSES: Final[dict[str, ConnectionStatus]] = {
    "draft": "draft",
    "active": "active",
    "paused": "paused",
    "expired": "expired",
}
_HELD: Final = "held"
_WORDS: Final = {"": "Any", **{name: name.capitalize() for name in (*_STATUSES, _HELD)}}
_FILTERS: Final = ("q", "status", "owner", "from", "to")


def _list(desk: Desk, visit: Visit, *, problem: Problem | None = None) -> Reply:
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    asked = {name: visit.asked.one(name) for name in _FILTERS}
    found = _found(desk, visit.asked, limit=_PAGE + 1, after=visit.asked.one("after"))
    return desk.show(
        "connection_rows.html" if visit.live else "connections.html",
        visit,
        status=422 if problem else 200,
        problem=problem,
        ticked=visit.asked.every("one"),
        deeds=[(name, deed.words) for name, deed in DEEDS["connection"].items()],
        # how many a search finds is known where one page has them all
        number=len(found) if len(found) <= _PAGE and not visit.asked.one("after") else None,
        found=found[:_PAGE],
        next=found[_PAGE - 1].key if len(found) > _PAGE else "",
        asked=asked,
        filters={name: value for name, value in asked.items() if value},
        held=frozenset(holds_on(desk)),
        any=bool(policy.size),
        kinds={app.key: app.kind for app in policy.apps.values()},
        apps=_choices(policy, "apps"),
        resource_apps=_choices(policy, "resource_apps"),
        statuses=list(_WORDS.items()),
    )


def _found(
    desk: Desk, asked: Asked, *, limit: int, after: str = "", people: bool = True
) -> Sequence[ConnectionLine]:
    """What the filters find; raises Problem 422."""
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    apps = {app.key: app for app in policy.apps.values()}
    targets = {target.key: target for target in policy.resource_apps.values()}
    which = {
        "owner": asked.one("owner"),
        # a name that leads nowhere finds nothing, and not everything
        "requesting_app": _id(apps, asked.one("from")),
        "resource_app": _id(targets, asked.one("to")),
        "people": people,
    }
    text, status = asked.one("q"), asked.one("status")
    try:
        if status == _HELD:
            return list(_held(desk, text, which))
        return _lines(desk, text=text, status=_STATUSES.get(status), after=after, limit=limit, **which)
    except TooMuch:
        raise Problem(422, "This takes too long: search for something in particular.") from None


def _several(desk: Desk, visit: Visit) -> Reply:
    """Many of the list at once; what is wrong is said on the list, where the ticks still are."""
    filters = {name: value for name in _FILTERS if (value := visit.asked.one(name))}
    back = f"{_LIST}?{urlencode(filters)}" if filters else _LIST

    def every(limit: int) -> list[str]:
        return [one.key for one in _found(desk, visit.asked, limit=limit, people=False)]

    try:
        keys = chosen(visit.asked, "connection", every)
        return propose(desk, visit, "connection", keys, back=back)
    except Problem as problem:
        return _list(desk, visit, problem=problem)


def _lines(desk: Desk, **asked: Any) -> Sequence[ConnectionLine]:
    return desk.office.lookups.connections(now=desk.now, **asked)


def _held(desk: Desk, text: str, which: Mapping[str, Any]) -> Iterator[ConnectionLine]:
    """Those that a hold stops; there are few of them, and each is looked up by its name."""
    every = Key("hold", "tenant_id", desk.office.tenant)
    holds = holds_of(desk.office.ledger.read((every,))(every))
    ids = dict.fromkeys(hold.target for hold in holds if hold.kind is HoldKind.CONNECTION)
    keys = [Key("connection", "id", one) for one in list(ids)[:_PAGE]]
    rows = desk.office.ledger.read(keys)
    for name in sorted(str(row["key"]) for key in keys for row in rows(key)):
        lines = _lines(desk, text=name, limit=_PAGE, **which)
        yield from (one for one in lines if one.key == name and one.held and text.lower() in name.lower())


def _id(known: dict[str, Any], key: str) -> str | None:
    if not key:
        return None
    return str(known[key].id) if key in known else key


def _choices(policy: Policy, kind: str) -> list[tuple[str, str]]:
    each: Any = getattr(policy, kind).values()
    return [("", "Any"), *sorted(((one.key, one.name) for one in each), key=lambda pair: pair[1].lower())]


PLACES: Final = {
    _LIST: Place(Permission.READ, show=_list, under=_LIST),
    _SEVERAL: Place(Permission.RULES, change=_several, under=_LIST),
}
