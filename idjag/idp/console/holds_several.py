"""The kill switch for many at once: each hold is a change of its own, since stopping most beats none."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from idjag.idp.administration.roles import Permission
from idjag.idp.administration.turned_down import Why, turned_down
from idjag.idp.api.problem import Problem
from idjag.idp.api.refusals import appointed
from idjag.idp.console.places import Place
from idjag.idp.console.proposals import MOST
from idjag.idp.console.visit import Desk, Visit, inside
from idjag.idp.holds import Kind, find, place
from idjag.idp.questions import UnknownName
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_LIST: Final = "/admin/holds"
_HERE: Final = "/admin/hold/several"
_KINDS: Final[dict[str, Kind]] = {"user": "user", "connection": "connection"}


def _stop(desk: Desk, visit: Visit) -> Reply:
    """Stop everything that is named; who may not be stopped is named back, and the others are."""
    asked = visit.asked
    kind, keys = _KINDS.get(asked.one("noun")), dict.fromkeys(asked.every("one"))
    if kind is None or not 0 < len(keys) <= MOST:
        raise Refused(Reason.PARAMETER_WRONG, parameter="one")
    reason, back = asked.words("reason"), asked.one("back")
    if not reason:
        raise Problem(422, "Say why they are stopped: whoever releases them wants to know.")
    left = [(key, f"{key}: {why}") for key in keys if (why := _left(desk, visit, kind, key, reason=reason))]
    if left:
        raise Problem(409, f"{len(keys) - len(left)} of {len(keys)} are stopped now. These are not:", left)
    return desk.go(back if inside(back) else _LIST, done="held")


def _left(desk: Desk, visit: Visit, kind: Kind, key: str, *, reason: str) -> str:
    """Why it goes on, "" when it is stopped."""
    may, office = visit.administrator.permissions, desk.office
    source = replace(visit.source, decision_id=office.new_id())  # each is a change of its own
    try:
        target = find(office, kind, key)
        appointed(lambda: place(office, target, actor=visit.actor, reason=reason, may=may, source=source))
    except UnknownName as unknown:
        return f"{unknown}"
    except Problem as problem:
        if problem.status == 403:  # recorded, as where one alone is stopped
            turned_down(office, Why.ROLE, actor=visit.actor, source=source, method="POST", path=visit.path)
        return problem.detail
    return ""


PLACES: Final = {_HERE: Place(Permission.HOLD, change=_stop, under=_LIST)}
