"""What a person answers for, and to whom it goes when they leave: the connections that name them as owner."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.changing import opened
from idjag.idp.console.places import Place
from idjag.idp.console.proposals import MOST
from idjag.idp.console.several import chosen, propose
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.lookups import ConnectionLine, TooMuch
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_LIST: Final = "/admin/people"
_HERE: Final = "/admin/person/owns"


def _show(desk: Desk, visit: Visit, *, problem: Problem | None = None) -> Reply:
    username = visit.asked.one("id")
    entry = opened(desk, "user", username).entry
    # an owner is a text: whoever is meant by it is known by one of these
    known = dict.fromkeys(str(entry.get(name) or "") for name in ("email", "username", "name"))
    owners = [one for one in known if one]
    found = _owned(desk, owners)
    return desk.show(
        "person_owns.html",
        visit,
        status=422 if problem else 200,
        problem=problem,
        username=username,
        name=entry.get("name") or username,
        owners=owners,
        found=found[:MOST],
        more=len(found) > MOST,
        ticked=visit.asked.every("one") if problem else [one.key for one in found],
        typed=visit.asked.one("new_owner"),
    )


def _owned(desk: Desk, owners: list[str]) -> list[ConnectionLine]:
    """Those whose owner is exactly one of these, in any case; one more than are changed at once."""
    found: dict[str, ConnectionLine] = {}
    try:
        for owner in owners:
            lines = desk.office.lookups.connections(now=desk.now, owner=owner, limit=MOST + 1, people=False)
            found |= {line.key: line for line in lines if line.owner.casefold() == owner.casefold()}
    except TooMuch:
        raise Problem(422, "This takes too long: search the list of connections by owner.") from None
    return sorted(found.values(), key=lambda line: line.key)[: MOST + 1]


def _give(desk: Desk, visit: Visit) -> Reply:
    username = visit.asked.one("id")
    try:
        keys = chosen(visit.asked, "connection", lambda _limit: [])
        return propose(desk, visit, "connection", keys, back=f"{_HERE}?{urlencode({'id': username})}")
    except Problem as problem:
        return _show(desk, visit, problem=problem)


PLACES: Final = {
    _HERE: Place(Permission.READ, show=_show, change=_give, changing=Permission.RULES, under=_LIST),
}
