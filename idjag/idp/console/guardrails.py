"""Guardrails: what nobody is allowed, whatever the connections say; the list and the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console import who as who_form
from idjag.idp.console.changing import Proposal, opened, review
from idjag.idp.console.fields import NOTHING_WRONG, Wrong, wrong
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.console.who import WhoForm, groups_offered
from idjag.idp.naming import names_of
from idjag.policy.explain import guardrail_sentence
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_LIST: Final = "/admin/guardrails"
_EDIT: Final = "/admin/guardrail/edit"
_REMOVE: Final = "/admin/guardrail/remove"
_FIELDS: Final[Mapping[str, str]] = {
    **who_form.FIELDS,
    "id": "id",
    "from": "from",
    "to": "to",
    "scopes": "scopes",
    "resources": "resources",
    "reason": "why",
}


def _list(desk: Desk, visit: Visit) -> Reply:
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    guardrails = sorted(policy.guardrails, key=lambda each: each.key)
    names = names_of(desk.office, (each.who for each in guardrails))
    shown = [
        (each, guardrail_sentence(replace(each, reason=""), policy=policy, names=names))
        for each in guardrails
    ]
    return desk.show("guardrails.html", visit, guardrails=shown)


def _form(desk: Desk, visit: Visit) -> Reply:
    """A new one without an id, else the one of that id as it is now."""
    key = visit.asked.one("id")
    if not key:
        return _shown(desk, visit, {}, seen="", new=True)
    there = opened(desk, "guardrail", key)
    return _shown(desk, visit, there.entry, seen=there.seen, new=False)


def _check(desk: Desk, visit: Visit) -> Reply:
    asked = visit.asked
    key, seen = asked.one("id"), asked.one("seen")
    there = opened(desk, "guardrail", key) if seen else None
    entry = dict(there.entry) if there else {}
    entry |= {"id": key, "who": WhoForm.sent(asked).entry, "reason": asked.one("why")}
    for name in ("from", "to"):
        entry[name] = list(asked.every(name)) or None
    for name in ("scopes", "resources"):
        entry[name] = list(asked.lines(name)) or None
    said = {name: value for name, value in entry.items() if value is not None}
    managed = bool(there and there.managed)
    try:
        return review(desk, visit, Proposal.of("guardrail", key, said, seen, _LIST, managed=managed))
    except Problem as problem:
        return _shown(desk, visit, said, seen=seen, new=there is None, wrong=wrong(problem, _FIELDS))


def _remove(desk: Desk, visit: Visit) -> Reply:
    there = opened(desk, "guardrail", visit.asked.one("id"))
    proposal = Proposal.of("guardrail", visit.asked.one("id"), None, there.seen, _LIST, managed=there.managed)
    return review(desk, visit, proposal)


def _shown(
    desk: Desk,
    visit: Visit,
    entry: Mapping[str, Any],
    *,
    seen: str,
    new: bool,
    wrong: Wrong = NOTHING_WRONG,
) -> Reply:
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    who = WhoForm.of(entry.get("who"))
    return desk.show(
        "guardrail_edit.html",
        visit,
        status=422 if wrong.problem else 200,
        entry=entry,
        seen=seen,
        new=new,
        wrong=wrong,
        who=who,
        groups=groups_offered(desk, *who.groups, *who.not_groups),
        apps=sorted((app.key, app.name) for app in policy.apps.values()),
        resource_apps=sorted((target.key, target.name) for target in policy.resource_apps.values()),
    )


PLACES: Final = {
    _LIST: Place(Permission.READ, show=_list, under=_LIST),
    _EDIT: Place(Permission.RULES, show=_form, change=_check, under=_LIST),
    _REMOVE: Place(Permission.RULES, change=_remove, under=_LIST),
}
