"""People: who they are, what may be done for them and by which apps; list, page, form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from idjag.idp import facts
from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.asked import Asked
from idjag.idp.console.audit_actors import lately
from idjag.idp.console.changing import Proposal, opened, review
from idjag.idp.console.fields import NOTHING_WRONG, Wrong, wrong
from idjag.idp.console.forms import Field, filled, laid_over, paths
from idjag.idp.console.history import begins, history
from idjag.idp.console.people_accounts import account_of
from idjag.idp.console.places import Place
from idjag.idp.console.several import DEEDS, chosen, propose
from idjag.idp.console.surroundings import around_person, holds_on
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.console.who import groups_offered
from idjag.idp.facts import PersonFacts
from idjag.idp.lookups import PersonLine, Thing
from idjag.idp.questions import UnknownName, find_person
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_LIST: Final = "/admin/people"
_SEVERAL: Final = "/admin/people/several"
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


def _list(desk: Desk, visit: Visit, *, problem: Problem | None = None) -> Reply:
    asked = visit.asked
    found = _searched(desk, asked, limit=_MOST + 1, after=asked.one("after"))
    return desk.show(
        "people.html",
        visit,
        status=422 if problem else 200,
        problem=problem,
        ticked=asked.every("one"),
        deeds=[(name, deed.words) for name, deed in DEEDS["user"].items()],
        # how many a search finds is known where one page has them all
        number=len(found) if len(found) <= _MOST and not asked.one("after") else None,
        people=found[:_MOST],
        next=found[_MOST - 1].username if len(found) > _MOST else "",
        text=asked.one("q"),
        chosen=_status(asked) or "",
    )


def _searched(desk: Desk, asked: Asked, *, limit: int, after: str = "") -> Sequence[PersonLine]:
    return desk.office.lookups.find_people(
        text=asked.one("q"), status=_status(asked), after=after, limit=limit, now=desk.now
    )


def _status(asked: Asked) -> str | None:
    return next((one for one in _STATUSES if one == asked.one("status")), None)


def _several(desk: Desk, visit: Visit) -> Reply:
    """Many of the list at once; what is wrong is said on the list, where the ticks still are."""
    asked = visit.asked
    filters = {name: value for name in ("q", "status") if (value := asked.one(name))}
    back = f"{_LIST}?{urlencode(filters)}" if filters else _LIST

    def every(limit: int) -> list[str]:
        return [one.username for one in _searched(desk, asked, limit=limit)]

    try:
        return propose(desk, visit, "user", chosen(asked, "user", every), back=back)
    except Problem as problem:
        return _list(desk, visit, problem=problem)


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
        did=lately(f"person:{person.person.id}", now=desk.now),
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
    proposal = Proposal.of("user", username, entry, seen, back, managed=bool(there and there.managed))
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
    return review(desk, visit, Proposal.of("user", username, None, there.seen, _LIST, managed=there.managed))


PLACES: Final = {
    _LIST: Place(Permission.READ, show=_list, under=_LIST),
    _SEVERAL: Place(Permission.PEOPLE, change=_several, under=_LIST),
    _PAGE: Place(Permission.READ, show=_page, under=_LIST),
    _EDIT: Place(Permission.PEOPLE, show=_form, change=_check, under=_LIST),
    "/admin/person/remove": Place(Permission.PEOPLE, change=_remove, under=_LIST),
}
