"""Administrators and API tokens: who may do what here, made, changed, ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from idjag.durations import parse_duration
from idjag.idp.administration import appointments, tokens
from idjag.idp.administration.administrators import find, listed
from idjag.idp.administration.roles import MAY, Permission, Role
from idjag.idp.api.problem import Problem
from idjag.idp.api.refusals import appointed
from idjag.idp.console.audit_actors import lately
from idjag.idp.console.fields import NOTHING_WRONG, Wrong
from idjag.idp.console.places import Place, kept
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.naming import names_of
from idjag.idp.questions import UnknownName, find_person
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_HERE: Final = "/admin/administrators"
_LONGEST_NAME: Final = 100
_NOTHING: Final = "Nothing was made or changed."
_WORDS: Final = {
    Role.VIEWER: "sees everything but the audit log, and asks",
    Role.RULE_EDITOR: "also changes connections, rules and guardrails, and stops things",
    Role.APP_ADMIN: "also registers apps and resource apps",
    Role.AUDITOR: "sees everything, the audit log too, and changes nothing",
    Role.OWNER: "does everything, this page included",
}


def _show(desk: Desk, visit: Visit) -> Reply:
    return _page(desk, visit, NOTHING_WRONG)


def _page(desk: Desk, visit: Visit, wrong: Wrong) -> Reply:
    every = listed(desk.office)
    living = [
        token for token in tokens.listed(desk.office) if token.revoked is None and token.expires > desk.now
    ]
    makers = [by.partition(" ")[2] for by in (*(one.by for one in every), *(one.by for one in living))]
    names = names_of(desk.office, (), people=makers)
    return desk.show(
        "administrators.html",
        visit,
        status=422 if wrong.problem else 200,
        wrong=wrong,
        asked=visit.asked,
        administrators=every,
        tokens=living,
        by=lambda text: names.people.get(text.partition(" ")[2], text),
        roles=[(role.value, f"{_name(role)}: {words}") for role, words in _WORDS.items()],
        given=[(role.value, _name(role)) for role in Role if MAY[role] <= visit.administrator.permissions],
        name=_name,
        did=partial(lately, now=desk.now),
    )


def _name(role: Role) -> str:
    return role.value.replace("_", " ").capitalize()


def _give(desk: Desk, visit: Visit) -> Reply:
    """Make somebody an administrator, or give one another role."""
    role, username = _role(visit), visit.asked.one("id")
    person, seen = _person(desk, username), visit.asked.one("seen")
    now = find(desk.office, person)
    # the form for somebody new says that they were none, the one in a row which role they had
    if seen and (now is None or now.role.value != seen):
        raise Problem(412, "Somebody else has changed this role meanwhile: look again.")
    if not seen and now is not None:
        said = f"{username} is an administrator already: change the role in the list."
        raise Problem(422, _NOTHING, (("id", said),))
    before, by = now.role if now else None, visit.caller.by
    appointed(lambda: appointments.give(desk.office, person, role, by=by, seen=before, source=visit.source))
    return desk.go(_HERE, done="saved")


def _end(desk: Desk, visit: Visit) -> Reply:
    person = _person(desk, visit.asked.one("id"))
    appointed(lambda: appointments.end(desk.office, person, by=visit.caller.by, source=visit.source))
    return desk.go(_HERE, done="removed")


def _make_token(desk: Desk, visit: Visit) -> Reply:
    """A token of at most one's own role, on a page of its own: its value is seen this once."""
    role, name = _role(visit, "token_role"), visit.asked.words("name")
    if not 0 < len(name) <= _LONGEST_NAME:
        raise Problem(422, _NOTHING, (("name", "Say what the token is for, in at most 100 characters."),))
    try:
        lifetime = parse_duration(visit.asked.one("lifetime"))
        made = tokens.issue(
            desk.office, visit.caller, name=name, role=role, lifetime=lifetime, source=visit.source
        )
    except tokens.TokenDenied as denied:
        raise Problem(403, f"Nothing was made: {denied}.") from None
    except ValueError as wrong:
        raise Problem(422, _NOTHING, (("lifetime", f"{wrong}."),)) from None
    return desk.show("token.html", visit, made=made)


def _end_token(desk: Desk, visit: Visit) -> Reply:
    if not tokens.revoke(desk.office, visit.asked.one("id"), actor=visit.actor, source=visit.source):
        raise Problem(404, "No living token has this handle.")
    return desk.go(_HERE, done="retired")


def _role(visit: Visit, field: str = "role") -> Role:
    try:
        return Role(visit.asked.one(field))
    except ValueError:
        raise Problem(422, "Choose a role.") from None


def _person(desk: Desk, username: str) -> str:
    try:
        return find_person(desk.office, username)
    except UnknownName:
        said = f"Nobody has the user name {username}. Make the person first, on the page People."
        raise Problem(422, _NOTHING, (("id", said),)) from None


def _place(change: Callable[[Desk, Visit], Reply]) -> Place:
    return Place(Permission.ADMINISTRATORS, change=kept(change, _page), recent=True, under=_HERE)


PLACES: Final = {
    _HERE: Place(Permission.ADMINISTRATORS, show=_show, under=_HERE),
    "/admin/administrators/give": _place(_give),
    "/admin/administrators/end": _place(_end),
    "/admin/tokens/new": _place(_make_token),
    "/admin/tokens/end": _place(_end_token),
}
