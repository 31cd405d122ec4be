"""People: who they are, what may be done for them and by which apps; list, page, form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from idjag.idp import facts
from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.asked import Asked
from idjag.idp.console.changing import Proposal, opened, review
from idjag.idp.console.fields import NOTHING_WRONG, Wrong, wrong
from idjag.idp.console.forms import Field, filled, laid_over, paths
from idjag.idp.console.history import begins, history
from idjag.idp.console.people_accounts import account_of
from idjag.idp.console.places import Place
from idjag.idp.console.surroundings import around_person, holds_on
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.console.who import groups_offered
from idjag.idp.facts import PersonFacts
from idjag.idp.lookups import Thing
from idjag.idp.questions import UnknownName, find_person
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_LIST: Final = "/admin/people"
_PAGE: Final = "/admin/person"
_EDIT: Final = "/admin/person/edit"
_MOST: Final = 100
_RECENT: Final = 10

_FIELDS: Final = (
    Field("name"),
    Field("email"),
    Field("email_verified", kind="flag"),
    Field("status"),
    Field("sub"),
)
_PATHS: Final[Mapping[str, str]] = {
    **paths(_FIELDS),
    "username": "id",
    "groups": "groups",
    "attributes": "attributes",
}
_STATUSES: Final = ("active", "disabled")


def _list(desk: Desk, visit: Visit) -> Reply:
    asked = visit.asked
    status = next((one for one in _STATUSES if one == asked.one("status")), None)
    found = desk.office.lookups.find_people(
        text=asked.one("q"), status=status, after=asked.one("after"), limit=_MOST + 1, now=desk.now
    )
    return desk.show(
        "people.html",
        visit,
        people=found[:_MOST],
        next=found[_MOST - 1].username if len(found) > _MOST else "",
        text=asked.one("q"),
        chosen=status or "",
    )


def _page(desk: Desk, visit: Visit) -> Reply:
    office, username = desk.office, visit.asked.one("id")
    person = _found(desk, username)
    there, held = opened(desk, "user", username), holds_on(desk)
    policy = office.ledger.fresh(office.tenant).policy
    return desk.show(
        "person.html",
        visit,
        entry=there.entry,
        managed=there.managed,
        account=account_of(desk, person),
        groups=office.lookups.groups_of(person.person.id),
        links=around_person(desk, policy, person.person, held=frozenset(held)),
        hold=held.get(person.person.id),
        history=history(desk, Thing("user", person.person.id), limit=_RECENT + 1, before_no=begins(visit)),
        recent=_RECENT,
    )


def _found(desk: Desk, username: str) -> PersonFacts:
    try:
        person_id = find_person(desk.office, username)
    except UnknownName as unknown:
        raise Problem(404, f"{unknown}.") from None
    person = facts.person(desk.office.ledger.read(facts.person_keys(person_id)), person_id)
    if person is None:  # gone between two looks
        raise Problem(404, "The user was deleted just now.")
    return person


def _form(desk: Desk, visit: Visit) -> Reply:
    """Somebody new without an id, else the one of that user name as they are now."""
    username = visit.asked.one("id")
    if not username:
        group = visit.asked.one("group")
        return _shown(desk, visit, {"status": "active", "groups": [group] if group else []}, seen="")
    there = opened(desk, "user", username)
    return _shown(desk, visit, there.entry, seen=there.seen)


def _check(desk: Desk, visit: Visit) -> Reply:
    asked = visit.asked
    username, seen = asked.one("id"), asked.one("seen")
    there = opened(desk, "user", username) if seen else None
    entry = laid_over(there.entry if there else {}, _FIELDS, asked) | {"username": username}
    entry |= {"groups": _names(asked), "attributes": _attributes(asked)}
    back = f"{_PAGE}?{urlencode({'id': username})}"
    proposal = Proposal("user", username, entry, seen, back, managed=bool(there and there.managed))
    try:
        return review(desk, visit, proposal)
    except Problem as problem:
        return _shown(desk, visit, entry, seen=seen, wrong=wrong(problem, _PATHS))


def _names(asked: Asked) -> list[str]:
    """Boxes that are ticked, or lines of a text."""
    lines = [line.strip() for sent in asked.every("groups") for line in sent.splitlines()]
    return list(dict.fromkeys(line for line in lines if line))


def _attributes(asked: Asked) -> dict[str, str]:
    """One a line: its name, and the rest of the line."""
    made = {}
    for line in asked.lines("attributes"):
        name, _, value = line.partition(" ")
        made[name] = value.strip()
    return made


def _shown(
    desk: Desk, visit: Visit, entry: Mapping[str, Any], *, seen: str, wrong: Wrong = NOTHING_WRONG
) -> Reply:
    groups = [str(each) for each in entry.get("groups", ())]
    return desk.show(
        "person_edit.html",
        visit,
        status=422 if wrong.problem else 200,
        username=entry.get("username", ""),
        values=filled(entry, _FIELDS),
        groups=groups,
        offered=groups_offered(desk, *groups),
        attributes="\n".join(f"{name} {value}" for name, value in entry.get("attributes", {}).items()),
        seen=seen,
        wrong=wrong,
    )


def _remove(desk: Desk, visit: Visit) -> Reply:
    username = visit.asked.one("id")
    there = opened(desk, "user", username)
    return review(desk, visit, Proposal("user", username, None, there.seen, _LIST, managed=there.managed))


PLACES: Final = {
    _LIST: Place(Permission.READ, show=_list, under=_LIST),
    _PAGE: Place(Permission.READ, show=_page, under=_LIST),
    _EDIT: Place(Permission.PEOPLE, show=_form, change=_check, under=_LIST),
    "/admin/person/remove": Place(Permission.PEOPLE, change=_remove, under=_LIST),
}
