"""Connections: every requesting app that may reach a resource app, searched and paged on the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.facts import holds_of
from idjag.idp.lookups import ConnectionLine, ConnectionStatus, TooMuch
from idjag.ledger.entry import Key
from idjag.policy.index import Policy
from idjag.policy.model import HoldKind
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_LIST: Final = "/admin/connections"
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


def _list(desk: Desk, visit: Visit) -> Reply:
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    asked = {name: visit.asked.one(name) for name in _FILTERS}
    apps = {app.key: app for app in policy.apps.values()}
    targets = {target.key: target for target in policy.resource_apps.values()}
    which = {
        "owner": asked["owner"],
        # a name that leads nowhere finds nothing, and not everything
        "requesting_app": _id(apps, asked["from"]),
        "resource_app": _id(targets, asked["to"]),
    }
    try:
        if asked["status"] == _HELD:
            found = list(_held(desk, asked["q"], which))
        else:
            status, after = _STATUSES.get(asked["status"]), visit.asked.one("after")
            found = list(_lines(desk, text=asked["q"], status=status, after=after, limit=_PAGE + 1, **which))
    except TooMuch:
        raise Problem(422, "This takes too long: search for something in particular.") from None
    return desk.show(
        "connection_rows.html" if visit.live else "connections.html",
        visit,
        found=found[:_PAGE],
        next=found[_PAGE - 1].key if len(found) > _PAGE else "",
        asked=asked,
        filters={name: value for name, value in asked.items() if value},
        any=bool(policy.size),
        kinds={app.key: app.kind for app in policy.apps.values()},
        apps=_choices(policy, "apps"),
        resource_apps=_choices(policy, "resource_apps"),
        statuses=list(_WORDS.items()),
    )


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


PLACES: Final = {_LIST: Place(Permission.READ, show=_list, under=_LIST)}
