"""Groups: what rules and assignments name; list, members, and who joins or leaves."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.catalog.group import LOCAL
from idjag.idp.console.changing import Proposal, opened, review
from idjag.idp.console.fields import NOTHING_WRONG, Wrong, wrong
from idjag.idp.console.history import begins, history
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.lookups import Thing
from idjag.ledger.entry import Key, Row
from idjag.protocol.http import Reply

__all__ = ["PLACES", "group_row"]

_LIST: Final = "/admin/groups"
_PAGE: Final = "/admin/group"
_EDIT: Final = "/admin/group/edit"
_MOST: Final = 100
_MOST_NAMED: Final = 50
_RECENT: Final = 10


def _list(desk: Desk, visit: Visit) -> Reply:
    asked = visit.asked
    found = desk.office.lookups.groups(text=asked.one("q"), after=asked.one("after"), limit=_MOST + 1)
    return desk.show(
        "groups.html",
        visit,
        groups=found[:_MOST],
        next=found[_MOST - 1].name if len(found) > _MOST else "",
        text=asked.one("q"),
    )


def _page(desk: Desk, visit: Visit, *, problem: Wrong = NOTHING_WRONG) -> Reply:
    asked, office = visit.asked, desk.office
    row = group_row(desk, asked.one("id"))
    group = str(row["id"])
    found = office.lookups.members(
        group, text=asked.one("q"), after=asked.one("after"), limit=_MOST + 1, now=desk.now
    )
    policy = office.ledger.fresh(office.tenant).policy
    return desk.show(
        "group.html",
        visit,
        status=422 if problem.problem else 200,
        name=str(row["name"]),
        local=row["source"] == LOCAL,
        managed=bool(row["managed_by"]),
        people=found[:_MOST],
        next=found[_MOST - 1].username if len(found) > _MOST else "",
        text=asked.one("q"),
        named=sorted(policy.naming(group), key=lambda one: one.key)[:_MOST_NAMED],
        apps=sorted(
            (app for app in policy.apps.values() if group in app.assigned.groups), key=lambda app: app.key
        )[:_MOST_NAMED],
        history=history(desk, Thing("group", group), limit=_RECENT + 1, before_no=begins(visit)),
        recent=_RECENT,
        wrong=problem,
        typed=asked.one("username") if problem.problem else "",
    )


def group_row(desk: Desk, name: str) -> Row:
    """The local group of this name before one of another source; raises Problem 404."""
    key = Key("person_group", "name", name)
    rows = [row for row in desk.office.ledger.read((key,))(key) if row["tenant_id"] == desk.office.tenant]
    if not rows:
        raise Problem(404, "There is no group of this name.")
    return min(rows, key=lambda row: row["source"] != LOCAL)


def _form(desk: Desk, visit: Visit) -> Reply:
    return desk.show("group_edit.html", visit, name="", wrong=NOTHING_WRONG)


def _check(desk: Desk, visit: Visit) -> Reply:
    """A new one: a group has a name and nothing else."""
    name = visit.asked.one("name")
    back = f"{_PAGE}?{urlencode({'id': name})}"
    try:
        return review(desk, visit, Proposal.of("group", name, {"name": name}, "", back))
    except Problem as problem:
        refused = wrong(problem, {"name": "name"})
        return desk.show("group_edit.html", visit, status=422, name=name, wrong=refused)


def _member(desk: Desk, visit: Visit) -> Reply:
    """Somebody joins, or leaves: a change of that person, which is reviewed as such."""
    name, username = visit.asked.one("id"), visit.asked.one("username")
    try:
        there = opened(desk, "user", username)
    except Problem:
        return _page(
            desk, visit, problem=Wrong("Nobody was added.", {"username": "Nobody has this user name."})
        )
    others = [each for each in there.entry.get("groups", ()) if each != name]
    groups = others if visit.asked.has("leaves") else [*others, name]
    entry = {**there.entry, "groups": groups}
    back = f"{_PAGE}?{urlencode({'id': name})}"
    return review(desk, visit, Proposal.of("user", username, entry, there.seen, back, managed=there.managed))


def _remove(desk: Desk, visit: Visit) -> Reply:
    name = visit.asked.one("id")
    there = opened(desk, "group", name)
    try:
        return review(desk, visit, Proposal.of("group", name, None, there.seen, _LIST, managed=there.managed))
    except Problem as problem:
        if not problem.errors:
            raise
        still = "; ".join(message.partition(": still ")[0] for _, message in problem.errors)
        refused = Wrong(f"It is still named by {still}: take it out there first.")
        return _page(desk, visit, problem=refused)


PLACES: Final = {
    _LIST: Place(Permission.READ, show=_list, under=_LIST),
    _PAGE: Place(Permission.READ, show=_page, under=_LIST),
    _EDIT: Place(Permission.PEOPLE, show=_form, change=_check, under=_LIST),
    "/admin/group/member": Place(Permission.PEOPLE, change=_member, under=_LIST),
    "/admin/group/remove": Place(Permission.PEOPLE, change=_remove, under=_LIST),
}
