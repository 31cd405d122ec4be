"""How somebody signs in: what there is of it, and what an administrator may do when something is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idjag.idp import accounts
from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.factors.enrolled import Enrolled, enrolled, keys
from idjag.idp.facts import PersonFacts, integer
from idjag.idp.limits import account_key
from idjag.idp.passwords.setting import credential_key
from idjag.idp.questions import UnknownName, find_person
from idjag.ledger.entry import Key
from idjag.protocol.errors import Refused
from idjag.protocol.http import Reply

__all__ = ["PLACES", "Account", "account_of"]

_PAGE: Final = "/admin/person"
_LIST: Final = "/admin/people"


@dataclass(frozen=True, slots=True)
class Account:
    """Never what proves anything: whether there is a password, which factors, how many sessions and failures.

    ``last`` is the latest sign-in of a living session.
    """

    password: bool
    factors: tuple[Enrolled, ...]
    sessions: int
    last: int | None
    failures: int


def account_of(desk: Desk, person: PersonFacts) -> Account:
    """As it is now; raises Unavailable."""
    person_id, office, now = person.person.id, desk.office, desk.now
    sessions, locked = (
        Key("session", "person_id", person_id),
        account_key(office.tenant, person.person.username),
    )
    wanted = (*keys(person_id), credential_key(person_id), sessions, locked)
    found = office.ledger.read(tuple(dict.fromkeys(wanted)))
    alive = [
        integer(row, "auth_time")
        for row in found(sessions)
        if row["ended"] is None
        and row["revoked"] is None
        and row["epoch"] == person.epoch
        and integer(row, "expires") > now
    ]
    failed = [integer(row, "failures") for row in found(locked) if integer(row, "until") > now]
    return Account(
        password=any(row["kind"] == "password" for row in found(credential_key(person_id))),
        factors=enrolled(found, person_id),
        sessions=len(alive),
        last=max(alive, default=None),
        failures=max(failed, default=0),
    )


def _link(desk: Desk, visit: Visit) -> Reply:
    """On a page of its own: whoever has the link sets the password, so that it is seen this once."""
    try:
        link = accounts.password_link(
            desk.office, _person(desk, visit), actor=visit.actor, source=visit.source
        )
    except accounts.Gone as gone:
        raise Problem(422, f"{gone}.") from None
    return desk.show("person_link.html", visit, username=visit.asked.one("id"), link=link)


def _sign_out(desk: Desk, visit: Visit) -> Reply:
    try:
        accounts.end_sessions(desk.office, _person(desk, visit), actor=visit.actor, source=visit.source)
    except accounts.Gone as gone:
        raise Problem(422, f"{gone}.") from None
    return _back(desk, visit, "signed_out")


def _unlock(desk: Desk, visit: Visit) -> Reply:
    try:
        accounts.unlock(desk.office, _person(desk, visit), actor=visit.actor, source=visit.source)
    except accounts.Gone as gone:
        raise Problem(422, f"{gone}.") from None
    return _back(desk, visit, "unlocked")


def _factors(desk: Desk, visit: Visit) -> Reply:
    try:
        accounts.reset_factors(
            desk.office, _person(desk, visit), actor=visit.actor, now=desk.now, source=visit.source
        )
    except Refused:
        raise Problem(422, "The user was deleted just now.") from None
    return _back(desk, visit, "factors_gone")


def _person(desk: Desk, visit: Visit) -> str:
    try:
        return find_person(desk.office, visit.asked.one("id"))
    except UnknownName as unknown:
        raise Problem(404, f"{unknown}.") from None


def _back(desk: Desk, visit: Visit, done: str) -> Reply:
    return desk.go(_PAGE, id=visit.asked.one("id"), done=done)


PLACES: Final = {
    f"{_PAGE}/link": Place(Permission.PEOPLE, change=_link, recent=True, under=_LIST),
    f"{_PAGE}/sign-out": Place(Permission.PEOPLE, change=_sign_out, under=_LIST),
    f"{_PAGE}/unlock": Place(Permission.PEOPLE, change=_unlock, under=_LIST),
    f"{_PAGE}/factors": Place(Permission.PEOPLE, change=_factors, recent=True, under=_LIST),
}
