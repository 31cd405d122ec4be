"""Connections: every requesting app that may reach a resource app, searched and paged on the server."""

from __future__ import annotations

from typing import Any, Final

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.lookups import ConnectionStatus, TooMuch
from idjag.policy.index import Policy
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
_WORDS: Final = {"": "Any", "draft": "Draft", "active": "Active", "paused": "Paused", "expired": "Expired"}
_FILTERS: Final = ("q", "status", "owner", "from", "to")


def _list(desk: Desk, visit: Visit) -> Reply:
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    asked = {name: visit.asked.one(name) for name in _FILTERS}
    apps = {app.key: app for app in policy.apps.values()}
    targets = {target.key: target for target in policy.resource_apps.values()}
    try:
        found = desk.office.lookups.connections(
            now=desk.now,
            text=asked["q"],
            status=_STATUSES.get(asked["status"]),
            owner=asked["owner"],
            # a name that leads nowhere finds nothing, and not everything
            requesting_app=_id(apps, asked["from"]),
            resource_app=_id(targets, asked["to"]),
            after=visit.asked.one("after"),
            limit=_PAGE + 1,
        )
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


def _id(known: dict[str, Any], key: str) -> str | None:
    if not key:
        return None
    return str(known[key].id) if key in known else key


def _choices(policy: Policy, kind: str) -> list[tuple[str, str]]:
    each: Any = getattr(policy, kind).values()
    return [("", "Any"), *sorted(((one.key, one.name) for one in each), key=lambda pair: pair[1].lower())]


PLACES: Final = {_LIST: Place(Permission.READ, show=_list, under=_LIST)}
