"""Changing a connection: what it says of itself, and its rules one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.asked import Asked
from idjag.idp.console.changing import Opened, Proposal, opened, review
from idjag.idp.console.connections_forms import (
    CONNECTION_FIELDS,
    RULE_FIELDS,
    RuleForm,
    connection_said,
    date_said,
    plainly,
    rule_said,
)
from idjag.idp.console.connections_page import LIST, page_of
from idjag.idp.console.fields import NOTHING_WRONG, Wrong, wrong
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.console.who import groups_offered
from idjag.idp.console.words import AMR, level_said
from idjag.policy.model import ResourceApp
from idjag.protocol.http import Reply

__all__ = ["PLACES", "Offered", "offered"]

_EDIT: Final = "/admin/connection/edit"
_RULE: Final = "/admin/connection/rule"
_RULE_REMOVE: Final = "/admin/connection/rule/remove"
_STALE: Final = (
    "Somebody else has saved this connection since you opened the form. Nothing of yours is lost: it stands"
    " below, with what is different now beside it. Check it and send it again."
)
_NONE: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Offered:
    """What the form of a rule offers to choose from: pairs of value and words."""

    groups: list[str]
    scopes: list[tuple[str, str]]
    resources: list[tuple[str, str]]
    acr: list[tuple[str, str]]
    amr: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Again:
    """Why a form is shown again; ``differs`` are (field, as it is now, as it was typed)."""

    status: int = 200
    wrong: Wrong = NOTHING_WRONG
    differs: tuple[tuple[str, Any, Any], ...] = ()


_FRESH: Final = _Again()


def offered(desk: Desk, target: ResourceApp | None, form: RuleForm) -> Offered:
    """What is declared, and what the rule names already, declared or not."""
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    declared = {scope for one in (target.resources if target else ()) for scope in one.scopes}
    declared |= target.scopes if target else set()
    uris = [one.uri for one in (target.resources if target else ())]
    known = sorted({method for amr in policy.sign_ins.values() for method in amr})
    return Offered(
        groups=groups_offered(desk, *form.who.groups, *form.who.not_groups),
        scopes=[(one, one) for one in sorted({*declared, *form.scopes, *form.default_scopes})],
        resources=[(one, one) for one in dict.fromkeys([*uris, *form.resources])],
        acr=[(one, level_said(one)) for one in policy.sign_ins],
        amr=[(one, f"{dict(AMR).get(one, one)} ({one})") for one in known],
    )


def _show(desk: Desk, visit: Visit) -> Reply:
    there = opened(desk, "connection", visit.asked.one("id"))
    return _form(desk, visit, there, there.entry, _FRESH)


def _change(desk: Desk, visit: Visit) -> Reply:
    asked = visit.asked
    key = asked.one("id")
    there = opened(desk, "connection", key)
    entry = connection_said(asked, there.entry)
    if (again := _stale(there, asked, there.entry, entry)) is not None:
        return _form(desk, visit, there, entry, again)
    proposal = Proposal.of("connection", key, entry, there.seen, page_of(key), managed=there.managed)
    try:
        return review(desk, visit, proposal)
    except Problem as problem:
        again = _Again(_status(problem), _plain(wrong(problem, CONNECTION_FIELDS)))
        return _form(desk, visit, there, entry, again)


def _form(desk: Desk, visit: Visit, there: Opened, entry: Mapping[str, Any], again: _Again) -> Reply:
    return desk.show(
        "connection_edit.html",
        visit,
        status=again.status,
        there=there,
        entry=entry,
        expires=date_said(entry),
        again=again,
    )


def _show_rule(desk: Desk, visit: Visit) -> Reply:
    there = opened(desk, "connection", visit.asked.one("id"))
    name = visit.asked.one("rule")
    rule = _rule(there.entry, name)
    if name and not rule:
        raise Problem(404, "There is no rule of this name.")
    return _rule_form(desk, visit, there, rule, _FRESH)


def _change_rule(desk: Desk, visit: Visit) -> Reply:
    asked = visit.asked
    key, name = asked.one("id"), asked.one("rule")
    there = opened(desk, "connection", key)
    before = _rule(there.entry, name)
    rule = rule_said(asked, before)
    if (again := _stale(there, asked, before, rule)) is not None:
        return _rule_form(desk, visit, there, rule, again)
    if not name and _rule(there.entry, str(rule.get("id"))):
        said = {"rule_id": "A rule of this connection has this name already."}
        return _rule_form(desk, visit, there, rule, _Again(422, Wrong("Choose another name.", said)))
    rules = [one for one in there.entry.get("rules", ()) if one["id"] != name]
    entry = {**there.entry, "rules": [*rules, rule]}
    proposal = Proposal.of("connection", key, entry, there.seen, page_of(key), managed=there.managed)
    try:
        return review(desk, visit, proposal)
    except Problem as problem:
        about = _of_rule(problem, len(rules))
        again = _Again(_status(problem), _plain(wrong(about, RULE_FIELDS, depth=4)))
        return _rule_form(desk, visit, there, rule, again)


def _remove_rule(desk: Desk, visit: Visit) -> Reply:
    key, name = visit.asked.one("id"), visit.asked.one("rule")
    there = opened(desk, "connection", key)
    rules = [one for one in there.entry.get("rules", ()) if one["id"] != name]
    entry = {**there.entry, "rules": rules}
    return review(
        desk,
        visit,
        Proposal.of("connection", key, entry, there.seen, page_of(key), managed=there.managed),
    )


def _rule_form(desk: Desk, visit: Visit, there: Opened, rule: Mapping[str, Any], again: _Again) -> Reply:
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    target = next((one for one in policy.resource_apps.values() if one.key == there.entry["to"]), None)
    form = RuleForm(rule)
    return desk.show(
        "connection_rule.html",
        visit,
        status=again.status,
        there=there,
        name=visit.asked.one("rule"),
        form=form,
        offered=offered(desk, target, form),
        target=target,
        again=again,
    )


def _rule(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next((one for one in entry.get("rules", ()) if one["id"] == name), _NONE)


def _stale(there: Opened, asked: Asked, now: Mapping[str, Any], typed: Mapping[str, Any]) -> _Again | None:
    """What the second of two administrators is told; None for the first."""
    if asked.one("seen") == there.seen:
        return None
    names = [name for name in {**now, **typed} if name != "rules" and now.get(name) != typed.get(name)]
    differs = tuple((name, now.get(name), typed.get(name)) for name in names)
    return _Again(412, Wrong(_STALE), differs)


def _plain(found: Wrong) -> Wrong:
    return replace(found, problems=plainly(found.problems))


def _status(problem: Problem) -> int:
    return problem.status if problem.status in (403, 409, 412, 429) else 422


def _of_rule(problem: Problem, number: int) -> Problem:
    """With the places of the other rules taken away: their fields are not on this form."""
    paths = [path if path[2:4] == ("rules", number) else () for path in problem.paths]
    return replace(problem, paths=paths)


PLACES: Final = {
    _EDIT: Place(Permission.RULES, show=_show, change=_change, under=LIST),
    _RULE: Place(Permission.RULES, show=_show_rule, change=_change_rule, under=LIST),
    _RULE_REMOVE: Place(Permission.RULES, change=_remove_rule, under=LIST),
}
