"""People: found, looked at, made, changed; what ends their access at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from idjag.idp import accounts, facts
from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.changing import Proposal, opened, review
from idjag.idp.console.fields import NOTHING_WRONG, Wrong, wrong
from idjag.idp.console.forms import Field, filled, laid_over, paths
from idjag.idp.console.history import begins, history
from idjag.idp.console.places import Place
from idjag.idp.console.surroundings import around_person, holds_on
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.console.who import groups_offered
from idjag.idp.factors import enrolled
from idjag.idp.lookups import Thing
from idjag.idp.me.browsers import browser_of
from idjag.idp.questions import UnknownName, find_person
from idjag.idp.signin import session_ends
from idjag.protocol.errors import Refused
from idjag.protocol.http import Reply

__all__ = ["PLACES", "person_of"]

_LIST: Final = "/admin/people"
_PAGE: Final = "/admin/person"
_EDIT: Final = "/admin/person/edit"
_MOST: Final = 50
_RECENT: Final = 10
_FIELDS: Final = (
    Field("name"),
    Field("email"),
    Field("email_verified", kind="flag"),
    Field("groups", kind="boxes"),
    Field("status"),
)
_PATHS: Final[Mapping[str, str]] = {**paths(_FIELDS), "username": "id", "attributes": "attributes"}


def _list(desk: Desk, visit: Visit) -> Reply:
    asked = visit.asked
    status = asked.one("status") if asked.one("status") in ("active", "disabled") else None
    found = desk.office.lookups.find_people(
        text=asked.one("q"), status=status, after=asked.one("after"), limit=_MOST + 1
    )
    return desk.show(
        "people.html",
        visit,
        people=found[:_MOST],
        next=found[_MOST - 1].username if len(found) > _MOST else "",
        text=asked.one("q"),
        status=status or "",
    )


def person_of(desk: Desk, username: str) -> str:
    """The id of a person; raises Problem 404."""
    try:
        return find_person(desk.office, username)
    except UnknownName as unknown:
        raise Problem(404, f"{unknown}.") from None


def _page(desk: Desk, visit: Visit) -> Reply:
    username = visit.asked.one("id")
    person_id = person_of(desk, username)
    office, now = desk.office, desk.now
    snapshot = office.ledger.fresh(office.tenant)
    found = office.ledger.read((*session_ends.listed_keys(person_id), *enrolled.keys(person_id)))
    person = facts.person(found, person_id)
    if person is None:
        raise Problem(404, "This person was deleted just now.")
    there, held = opened(desk, "user", username), holds_on(desk)
    sessions = session_ends.listed(found, person_id, policy=snapshot.sign_in, now=now)
    return desk.show(
        "person.html",
        visit,
        username=username,
        person=person,
        entry=there.entry,
        managed=there.managed,
        groups=office.lookups.groups_of(person_id),
        factors=enrolled.enrolled(found, person_id),
        sessions=[(one, browser_of(one.user_agent)) for one in sessions],
        links=around_person(desk, snapshot.policy, person.person, held=frozenset(held)),
        hold=held.get(person_id),
        history=history(desk, Thing("user", person_id), limit=_RECENT + 1, before_no=begins(visit)),
        recent=_RECENT,
    )


def _form(desk: Desk, visit: Visit) -> Reply:
    username = visit.asked.one("id")
    if not username:
        return _shown(desk, visit, {"status": "active"}, seen="")
    there = opened(desk, "user", username)
    return _shown(desk, visit, there.entry, seen=there.seen)


def _check(desk: Desk, visit: Visit) -> Reply:
    asked = visit.asked
    username, seen = asked.one("id"), asked.one("seen")
    there = opened(desk, "user", username) if seen else None
    entry = laid_over(there.entry if there else {}, _FIELDS, asked) | {"username": username}
    entry["groups"] = [name for value in asked.every("groups") for name in value.splitlines() if name.strip()]
    entry["attributes"] = _attributes(asked.lines("attributes"))
    back = f"{_PAGE}?{urlencode({'id': username})}"
    managed = bool(there and there.managed)
    try:
        return review(desk, visit, Proposal("user", username, entry, seen, back, managed=managed))
    except Problem as problem:
        return _shown(desk, visit, entry, seen=seen, wrong=wrong(problem, _PATHS))


def _attributes(lines: tuple[str, ...]) -> dict[str, str]:
    """One a line: name, equals sign, value; what has none is for the catalog to refuse."""
    pairs = (line.partition("=") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _shown(
    desk: Desk, visit: Visit, entry: Mapping[str, Any], *, seen: str, wrong: Wrong = NOTHING_WRONG
) -> Reply:
    groups = tuple(entry.get("groups", ()))
    attributes = entry.get("attributes", {})
    return desk.show(
        "person_edit.html",
        visit,
        status=422 if wrong.problem else 200,
        username=entry.get("username", ""),
        values=filled(entry, _FIELDS),
        attributes="\n".join(f"{name}={value}" for name, value in attributes.items()),
        seen=seen,
        wrong=wrong,
        groups=groups_offered(desk, *groups),
    )


def _remove(desk: Desk, visit: Visit) -> Reply:
    username = visit.asked.one("id")
    there = opened(desk, "user", username)
    return review(desk, visit, Proposal("user", username, None, there.seen, _LIST, managed=there.managed))


def _link(desk: Desk, visit: Visit) -> Reply:
    """A link that sets the password once, on a page of its own: it is seen this once."""
    username = visit.asked.one("id")
    try:
        link = accounts.password_link(desk.office, person_of(desk, username), actor=visit.actor)
    except accounts.Gone as gone:
        raise Problem(422, f"{gone}.") from None
    return desk.show("person_link.html", visit, username=username, link=link)


def _end_sessions(desk: Desk, visit: Visit) -> Reply:
    return _done(desk, visit, lambda person: accounts.end_sessions(desk.office, person, actor=visit.actor))


def _unlock(desk: Desk, visit: Visit) -> Reply:
    return _done(desk, visit, lambda person: accounts.unlock(desk.office, person, actor=visit.actor))


def _reset(desk: Desk, visit: Visit) -> Reply:
    def reset(person: str) -> object:
        return accounts.reset_factors(desk.office, person, actor=visit.actor, now=desk.now)

    return _done(desk, visit, reset)


def _done(desk: Desk, visit: Visit, change: Any) -> Reply:
    username = visit.asked.one("id")
    try:
        change(person_of(desk, username))
    except (accounts.Gone, Refused) as refused:
        raise Problem(422, f"{refused}.") from None
    return desk.go(_PAGE, id=username, done="done")



PLACES: Final = {
    _LIST: Place(Permission.READ, show=_list, under=_LIST),
    _PAGE: Place(Permission.READ, show=_page, under=_LIST),
    _EDIT: Place(Permission.PEOPLE, show=_form, change=_check, under=_LIST),
    "/admin/person/remove": Place(Permission.PEOPLE, change=_remove, under=_LIST),
    "/admin/person/link": Place(Permission.PEOPLE, change=_link, recent=True, under=_LIST),
    "/admin/person/end-sessions": Place(Permission.PEOPLE, change=_end_sessions, under=_LIST),
    "/admin/person/unlock": Place(Permission.PEOPLE, change=_unlock, under=_LIST),
    "/admin/person/reset": Place(Permission.PEOPLE, change=_reset, recent=True, under=_LIST),
}
