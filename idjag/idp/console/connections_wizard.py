"""Connecting two apps in eight steps; every step is checked, nothing is saved before the last one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.changing import Proposal, Wanted, review
from idjag.idp.console.connections_draft import (
    LAST,
    STEPS,
    WIZARD,
    Draft,
    opened,
    said_at,
    wrong_by_step,
)
from idjag.idp.console.connections_edit import offered
from idjag.idp.console.connections_forms import RuleForm, date_said
from idjag.idp.console.connections_new import NOUNS, Offer, entry_said, offer, whole, wrong_with
from idjag.idp.console.connections_page import LIST, page_of
from idjag.idp.console.connections_trial import Trial, trial
from idjag.idp.console.connections_tried import connection_of, with_new
from idjag.idp.console.places import Place
from idjag.idp.console.resource_apps import Found, looked_up
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Key
from idjag.policy.index import Policy
from idjag.policy.model import App, ResourceApp
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_CHECK: Final = 7
_MISSING: Final[Mapping[int, tuple[str, str]]] = {
    1: ("from", "Choose the app that wants to act on people's behalf."),
    2: ("to", "Choose the app whose API it calls."),
}


@dataclass(frozen=True, slots=True)
class _Shown:
    """One step as it is to be shown; ``problems`` by field."""

    step: int
    draft: Draft
    problems: Mapping[str, str] = field(default_factory=dict)
    exists: str = ""
    trial: Trial | None = None
    found: Found | None = None


def _begin(desk: Desk, visit: Visit) -> Reply:
    """The first step; an address may have chosen one app or both already."""
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    chosen = {name: visit.asked.one(name) for name in ("from", "to")}
    known = {
        "from": {app.key for app in policy.apps.values()},
        "to": {target.key for target in policy.resource_apps.values()},
    }
    entry = {name: key for name, key in chosen.items() if key in known[name]}
    return _show(desk, visit, _Shown(1, Draft(entry)))


def _go(desk: Desk, visit: Visit) -> Reply:
    """What was pressed on a step: on, back, to a step, ask, or the end."""
    asked, draft = visit.asked, opened(visit)
    step = _number(asked.one("step"))
    if (to := asked.one("jump")) and _number(to) <= draft.furthest:
        draft = said_at(step, asked, draft)
        return _at(desk, visit, _number(to), draft)
    draft = said_at(step, asked, draft)
    if (draft.typed or asked.one("go") == "look-up") and not visit.may_now(Permission.APPS):
        raise Problem(403, "Registering an app takes the role app admin.")
    match asked.one("go"):
        case "look-up" if step in NOUNS:
            return _look_up(desk, visit, step, draft)
        case "ask" | "look" if step == _CHECK:
            return _at(desk, visit, step, draft)
        case "draft" | "active" as status if step == LAST:
            return _finish(desk, visit, draft, status)
        case _:
            return _next(desk, visit, step, draft)


def _look_up(desk: Desk, visit: Visit, step: int, draft: Draft) -> Reply:
    """The step again, its fields filled in with what an authorization server publishes."""
    found = looked_up(desk, visit, entry_said(NOUNS[step], visit.asked))
    return _show(desk, visit, _Shown(step, draft, found.wrong.problems, found=found))


def _next(desk: Desk, visit: Visit, step: int, draft: Draft) -> Reply:
    """The step after this one, if this one is right."""
    if (shown := _wrong(desk, visit, step, draft)) is not None:
        return _show(desk, visit, shown)
    return _at(desk, visit, min(step + 1, LAST), draft)


def _at(desk: Desk, visit: Visit, step: int, draft: Draft) -> Reply:
    """A step; the check only when everything before it is right."""
    if step == _CHECK:
        for before in range(1, _CHECK):
            if (shown := _wrong(desk, visit, before, draft)) is not None:
                return _show(desk, visit, shown)
        tried = trial(desk, visit, draft.checkable(step), draft.new)
        return _show(desk, visit, _Shown(step, draft.at(step), trial=tried))
    return _show(desk, visit, _Shown(step, draft.at(step)))


def _wrong(desk: Desk, visit: Visit, step: int, draft: Draft) -> _Shown | None:
    """What is wrong at a step, as the step is to be shown again."""
    if step in _MISSING and not draft.entry.get(_MISSING[step][0]):
        return _Shown(step, draft, dict([_MISSING[step]]))
    if (new := draft.new.get(NOUNS.get(step, ""))) is not None:
        found = wrong_with(desk, visit, NOUNS[step], new)
        if found.problem:
            return _Shown(step, draft, found.problems or {"": found.problem})
    if step == 2 and (key := _there(desk, draft)):
        return _Shown(step, draft, {"to": "These two are connected already."}, exists=key)
    try:
        connection_of(desk, draft.checkable(step), draft.new)
    except Problem as problem:
        if here := wrong_by_step(problem, depth=0).get(step):
            return _Shown(step, draft, here)
    return None


def _finish(desk: Desk, visit: Visit, draft: Draft, status: str) -> Reply:
    """Show what it changes, and from there it is saved, with a reason."""
    entry = {**draft.whole, "status": status}
    key = str(entry.get("id", ""))
    if not key:
        return _show(desk, visit, _Shown(LAST, draft, {"id": "Give it a name."}))
    if _taken(desk, key):
        said = {"id": "There is a connection of this name already: choose another one."}
        return _show(desk, visit, _Shown(LAST, draft, said))
    new = (Wanted(noun, str(each["id"]), whole(noun, each), "") for noun, each in draft.new.items())
    proposal = Proposal((*new, Wanted("connection", key, entry, "")), page_of(key))
    try:
        return review(desk, visit, proposal, again=(WIZARD, draft.carried(visit, LAST)))
    except Problem as problem:
        found = wrong_by_step(problem, depth=2)
        return _show(desk, visit, _Shown(min(found), draft, found[min(found)]))


def _taken(desk: Desk, key: str) -> bool:
    named = Key("connection", "key", key)
    return any(row["tenant_id"] == desk.office.tenant for row in desk.office.ledger.read((named,))(named))


def _show(desk: Desk, visit: Visit, shown: _Shown) -> Reply:
    snapshot = _snapshot(desk, shown.draft)
    policy, entry, form = snapshot.policy, shown.draft.entry, RuleForm(shown.draft.rule)
    app, target = _apps(policy, entry)
    looked = shown.found.wrong.problem if shown.found else ""
    problem = looked or ("Something must be changed before the next step." if shown.problems else "")
    return desk.show(
        "connection_wizard.html",
        visit,
        status=422 if problem else 200,
        step=shown.step,
        steps=STEPS,
        draft=shown.draft,
        seal=shown.draft.seal(visit),
        entry=_named(policy, entry),
        expires=date_said(entry),
        form=form,
        app=app,
        target=target,
        offered=offered(desk, target, form) if shown.step in (4, 5, 6) else None,
        problem=problem,
        problems=shown.problems,
        exists=shown.exists,
        trial=shown.trial,
        offer=_offer(desk, visit, shown),
        new=shown.draft.new,
        **_choices(desk, shown.draft),
    )


def _snapshot(desk: Desk, draft: Draft) -> Snapshot:
    """With the apps that are new, as soon as they are right."""
    try:
        return with_new(desk, draft.new)
    except Problem:
        return with_new(desk)


def _offer(desk: Desk, visit: Visit, shown: _Shown) -> Offer | None:
    """The fields by which this step registers an app; at once where there is none to choose."""
    noun = NOUNS.get(shown.step, "")
    if not noun or not visit.may_now(Permission.APPS):
        return None
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    known = policy.apps if noun == "app" else policy.resource_apps
    found = shown.found
    entry = found.entry if found else shown.draft.typed.get(noun, {})
    plan = found.plan if found else None
    return offer(noun, entry, visit.asked, plan=plan, shown=not known or found is not None)


def _choices(desk: Desk, draft: Draft) -> dict[str, list[tuple[str, str]]]:
    snapshot = desk.office.ledger.fresh(desk.office.tenant)
    apps = [
        (
            app.key,
            app.name
            if "token_exchange" in snapshot.clients[app.client_id].grants
            else f"{app.name} (signs in only)",
        )
        for app in snapshot.policy.apps.values()
    ]
    targets = [(target.key, target.name) for target in snapshot.policy.resource_apps.values()]
    return {"apps": _sorted(apps, draft, "app"), "resource_apps": _sorted(targets, draft, "resource_app")}


def _sorted(pairs: list[tuple[str, str]], draft: Draft, noun: str) -> list[tuple[str, str]]:
    """By name; what was typed here comes first, and may be chosen again."""
    typed = [draft.typed[noun]] if noun in draft.typed else []
    new = [(str(one["id"]), f"{one.get('name') or one['id']} (new)") for one in typed]
    known = [pair for pair in pairs if pair[0] not in dict(new)]
    return [("", "Choose one"), *new, *sorted(known, key=lambda pair: (pair[1].lower(), pair[0]))]


def _apps(policy: Policy, entry: Mapping[str, Any]) -> tuple[App | None, ResourceApp | None]:
    app = next((one for one in policy.apps.values() if one.key == entry.get("from")), None)
    target = next((one for one in policy.resource_apps.values() if one.key == entry.get("to")), None)
    return app, target


def _there(desk: Desk, draft: Draft) -> str:
    """The name of the connection that these two have already, "" for none."""
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    app, target = _apps(policy, draft.entry)
    found = policy.connection(app.id, target.id) if app and target else None
    return found.key if found else ""


def _named(policy: Policy, entry: Mapping[str, Any]) -> dict[str, Any]:
    """With a name to begin with, and the client ID that an app with a metadata document has everywhere."""
    app, _ = _apps(policy, entry)
    named = f"{entry.get('from', '')}-{entry.get('to', '')}"[:64]
    known = {"client_id": app.client_id} if app and app.by_document else {}
    return {"id": named, **known, **entry}


def _number(text: str) -> int:
    """Of a step; raises Refused PARAMETER_WRONG."""
    if text not in {str(number) for number in range(1, LAST + 1)}:
        raise Refused(Reason.PARAMETER_WRONG, parameter="step")
    return int(text)


PLACES: Final = {WIZARD: Place(Permission.RULES, show=_begin, change=_go, under=LIST)}
