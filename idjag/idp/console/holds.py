"""Holds: everything that is stopped, and the kill switch of every page: stop with a reason, release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.api.refusals import appointed
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit, inside
from idjag.idp.facts import holds_of, string
from idjag.idp.holds import KINDS, Kind, Target, find, place, release
from idjag.idp.naming import names_of
from idjag.idp.questions import UnknownName
from idjag.ledger.entry import Key
from idjag.policy.explain import held_words
from idjag.policy.index import Policy
from idjag.policy.model import Hold, HoldKind
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_LIST: Final = "/admin/holds"
_KINDS: Final[dict[HoldKind, Kind]] = {
    HoldKind.USER: "user",
    HoldKind.USER_IN_APP: "user",
    HoldKind.APP: "app",
    HoldKind.CONNECTION: "connection",
    HoldKind.RESOURCE_APP: "resource-app",
}

_PAGES: Final[dict[HoldKind, tuple[str, str]]] = {
    HoldKind.USER: ("Person", "/admin/person"),
    HoldKind.USER_IN_APP: ("Person in an app", "/admin/person"),
    HoldKind.APP: ("App", "/admin/app"),
    HoldKind.CONNECTION: ("Connection", "/admin/connection"),
    HoldKind.RESOURCE_APP: ("Resource app", "/admin/resource-app"),
}
"""What is held in a word, and where it has its page."""


def _list(desk: Desk, visit: Visit) -> Reply:
    office = desk.office
    key, policy = Key("hold", "tenant_id", office.tenant), office.ledger.fresh(office.tenant).policy
    holds = sorted(holds_of(office.ledger.read((key,))(key)), key=lambda hold: -hold.since)
    people = [hold.target for hold in holds if hold.kind in (HoldKind.USER, HoldKind.USER_IN_APP)]
    placed = [hold.by.partition(" ")[2] for hold in holds if hold.by.startswith("person ")]
    names = names_of(office, (), people=[*people, *placed])
    shown = [
        (hold, held_words(hold, policy, names), names.person(hold.by.partition(" ")[2])) for hold in holds
    ]
    keys = {hold.id: _key(hold, desk, policy, names.people) for hold in holds}
    return desk.show("holds.html", visit, holds=shown, keys=keys, kinds=_KINDS, pages=_PAGES)


def _stop(desk: Desk, visit: Visit) -> Reply:
    """One click with a reason: from the next request on, on every node."""
    reason = visit.asked.words("reason")
    if not reason:
        raise Problem(422, "Say why it is stopped: whoever releases it wants to know.")
    target, may = _target(desk, visit), visit.administrator.permissions
    appointed(
        lambda: place(desk.office, target, actor=visit.actor, reason=reason, may=may, source=visit.source)
    )
    return desk.go(_back(visit), **_said(visit, "held"))


def _release(desk: Desk, visit: Visit) -> Reply:
    reason = visit.asked.words("reason")
    if not reason:
        raise Problem(422, "Say why it is released.")
    target, may = _target(desk, visit), visit.administrator.permissions
    appointed(
        lambda: release(desk.office, target, actor=visit.actor, reason=reason, may=may, source=visit.source)
    )
    return desk.go(_back(visit), **_said(visit, "released"))


def _target(desk: Desk, visit: Visit) -> Target:
    asked = visit.asked
    kind = next((each for each in KINDS if each == asked.one("kind")), None)
    if kind is None:
        raise Refused(Reason.PARAMETER_WRONG, parameter="kind")
    try:
        return find(desk.office, kind, asked.one("id"), app=asked.one("app") or None)
    except UnknownName as unknown:
        raise Problem(422, f"{unknown}.") from None


def _key(hold: Hold, desk: Desk, policy: Policy, people: Mapping[str, str]) -> tuple[str, str]:
    """By what names a form says what is held: its own, and that of the app for one person in one app."""
    match hold.kind:
        case HoldKind.USER | HoldKind.USER_IN_APP:
            app = policy.apps.get(hold.app)
            return people.get(hold.target, ""), app.key if app else ""
        case HoldKind.APP:
            found = policy.apps.get(hold.target)
            return (found.key if found else ""), ""
        case HoldKind.RESOURCE_APP:
            target = policy.resource_apps.get(hold.target)
            return (target.key if target else ""), ""
        case _:
            rows = desk.office.ledger.read((key := Key("connection", "id", hold.target),))(key)
            return next((string(row, "key") for row in rows), ""), ""


def _back(visit: Visit) -> str:
    """The page that the button was on; one of ours, or the list."""
    back = visit.asked.one("back")
    return back if inside(back) else _LIST


def _said(visit: Visit, done: str) -> dict[str, str]:
    """``done``, and the id of the page that it leads back to."""
    return {"id": visit.asked.one("back_id"), "done": done} if visit.asked.one("back_id") else {"done": done}


PLACES: Final = {
    _LIST: Place(Permission.READ, show=_list, under=_LIST),
    "/admin/hold": Place(Permission.HOLD, change=_stop, under=_LIST),
    "/admin/hold/release": Place(Permission.HOLD, change=_release, under=_LIST),
}
