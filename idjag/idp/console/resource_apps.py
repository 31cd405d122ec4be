"""Resource apps: the apps whose APIs are called; list, page, and a form that discovery helps to fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.asked import Asked
from idjag.idp.console.changing import Proposal, opened, review
from idjag.idp.console.fields import NOTHING_WRONG, Wrong, wrong
from idjag.idp.console.forms import Field, filled, id_of, laid_over, paths
from idjag.idp.console.history import begins, history
from idjag.idp.console.places import Place
from idjag.idp.console.surroundings import around_resource_app, holds_on
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.discover.asking import Asker, TooOften, discovered
from idjag.idp.discover.plan import Plan, Undiscovered
from idjag.idp.lookups import Thing
from idjag.idp.questions import UnknownName, find_resource_app
from idjag.protocol.http import Reply

__all__ = ["FIELDS", "NEW", "PATHS", "PLACES", "Found", "looked_up", "resources_said", "resources_typed"]

_LIST: Final = "/admin/resource-apps"
_PAGE: Final = "/admin/resource-app"
_EDIT: Final = "/admin/resource-app/edit"
_MOST: Final = 100
_RECENT: Final = 10

FIELDS: Final = (
    Field("name"),
    Field("issuer"),
    Field("scopes", kind="lines"),
    Field("status"),
    Field("sso_app"),
    Field("aliases", kind="lines"),
    Field("resource_required", kind="flag"),
    Field("id_jag_alg"),
    Field("lifetime"),
    Field("release", kind="boxes"),
    Field("aud_sub", "aud_sub.attribute"),
    Field("aud_tenant"),
    Field("receipts_jwks_uri", "receipts.jwks_uri"),
)
PATHS: Final[Mapping[str, str]] = {
    **paths(FIELDS),
    "id": "id",
    "resources": "resources",
    "claims": "claims",
    "receipts": "receipts_jwks_uri",
}
NEW: Final[Mapping[str, Any]] = {"status": "active", "id_jag_alg": "ES256", "lifetime": "5m"}


@dataclass(frozen=True, slots=True)
class _Form:
    """What the form shows: the entry, and what discovery has said about it."""

    entry: Mapping[str, Any]
    seen: str = ""
    back: str = ""
    wrong: Wrong = NOTHING_WRONG
    plan: Plan | None = None


def _list(desk: Desk, visit: Visit) -> Reply:
    policy, text = desk.office.ledger.fresh(desk.office.tenant).policy, visit.asked.one("q").casefold()
    after = visit.asked.one("after")
    found = sorted(
        (
            target
            for target in policy.resource_apps.values()
            if text in f"{target.name}\0{target.key}\0{target.issuer}".casefold()
        ),
        key=lambda target: target.key,
    )
    shown = [target for target in found if target.key > after]
    held = frozenset(holds_on(desk))
    return desk.show(
        "resource_apps.html",
        visit,
        targets=shown[:_MOST],
        held=held,
        next=shown[_MOST - 1].key if len(shown) > _MOST else "",
        text=visit.asked.one("q"),
    )


def _page(desk: Desk, visit: Visit) -> Reply:
    policy, key = desk.office.ledger.fresh(desk.office.tenant).policy, visit.asked.one("id")
    try:
        target = find_resource_app(policy, key)
    except UnknownName as unknown:
        raise Problem(404, f"{unknown}.") from None
    there, held = opened(desk, "resource_app", key), holds_on(desk)
    thing = Thing("resource_app", target.id)
    return desk.show(
        "resource_app.html",
        visit,
        target=target,
        entry=there.entry,
        managed=there.managed,
        links=around_resource_app(desk, policy, target, held=frozenset(held)),
        hold=held.get(target.id),
        history=history(desk, thing, limit=_RECENT + 1, before_no=begins(visit)),
        recent=_RECENT,
    )


def _form(desk: Desk, visit: Visit) -> Reply:
    """A new one without an id, else the one of that id as it is now."""
    key, back = visit.asked.one("id"), visit.asked.one("back")
    if not key:
        return _shown(desk, visit, _Form(NEW, back=back))
    there = opened(desk, "resource_app", key)
    return _shown(desk, visit, _Form(there.entry, there.seen, back))


def _sent(desk: Desk, visit: Visit) -> Reply:
    """Look up, which fills in and saves nothing; or check the change."""
    asked = visit.asked
    seen = asked.one("seen")
    key = asked.one("id") if seen else id_of(asked)
    there = opened(desk, "resource_app", key) if seen else None
    entry = laid_over(there.entry if there else {}, FIELDS, asked) | {"id": key}
    entry |= {"resources": resources_said(asked), "claims": _claims(asked)}
    entry = {name: value for name, value in entry.items() if value or name == "id"}
    form = _Form(entry, seen, asked.one("back"))
    if asked.has("look"):
        return _look(desk, visit, form)
    back = form.back or f"{_PAGE}?{urlencode({'id': key})}"
    proposal = Proposal.of("resource_app", key, entry, seen, back, managed=bool(there and there.managed))
    try:
        return review(desk, visit, proposal)
    except Problem as problem:
        return _shown(desk, visit, replace(form, wrong=wrong(problem, PATHS)))


@dataclass(frozen=True, slots=True)
class Found:
    """The entry with what its authorization server publishes laid over it, or why nothing was filled in."""

    entry: Mapping[str, Any]
    plan: Plan | None = None
    wrong: Wrong = NOTHING_WRONG


def looked_up(desk: Desk, visit: Visit, entry: Mapping[str, Any]) -> Found:
    """Ask what the form names; recorded, and nothing is saved."""
    asked = visit.asked
    asker = Asker(store=desk.office, fetcher=desk.services.fetcher, actor=visit.actor, source=visit.source)
    try:
        plan = discovered(asker, asked.one("typed") or asked.one("issuer"), choice=asked.one("choice"))
    except Undiscovered as nothing:
        return Found(entry, wrong=Wrong("Nothing was filled in.", {"typed": nothing.detail}))
    except TooOften as often:
        return Found(entry, wrong=Wrong(f"That was asked often. Wait {often.wait} seconds."))
    filled_in = {**entry, **plan.fills}
    if "resources" in plan.fills:
        filled_in.pop("scopes", None)
    return Found(filled_in, plan)


def _look(desk: Desk, visit: Visit, form: _Form) -> Reply:
    found = looked_up(desk, visit, form.entry)
    return _shown(desk, visit, replace(form, entry=found.entry, plan=found.plan, wrong=found.wrong))


def resources_said(asked: Asked) -> list[dict[str, Any]]:
    """One resource indicator a line, its scopes behind it."""
    made = []
    for line in asked.lines("resources"):
        uri, *scopes = line.split()
        made.append({"uri": uri, **({"scopes": scopes} if scopes else {})})
    return made


def resources_typed(entry: Mapping[str, Any]) -> str:
    """The same as the form shows them."""
    return "\n".join(" ".join([one["uri"], *one.get("scopes", ())]) for one in entry.get("resources", ()))


def _claims(asked: Asked) -> dict[str, Any]:
    """One claim a line: its name, and the attribute that it comes from."""
    made = {}
    for line in asked.lines("claims"):
        name, _, attribute = line.partition(" ")
        made[name] = {"attribute": attribute.strip()}
    return made


def _remove(desk: Desk, visit: Visit) -> Reply:
    key = visit.asked.one("id")
    there = opened(desk, "resource_app", key)
    return review(
        desk, visit, Proposal.of("resource_app", key, None, there.seen, _LIST, managed=there.managed)
    )


def _shown(desk: Desk, visit: Visit, form: _Form) -> Reply:
    policy, entry = desk.office.ledger.fresh(desk.office.tenant).policy, form.entry
    claims = [f"{name} {one['attribute']}" for name, one in entry.get("claims", {}).items()]
    return desk.show(
        "resource_app_edit.html",
        visit,
        status=422 if form.wrong.problem else 200,
        form=form,
        key=entry.get("id", ""),
        values=filled(entry, FIELDS),
        resources=resources_typed(entry),
        claims="\n".join(claims),
        wrong=form.wrong,
        plan=form.plan,
        choices=[(each, each) for each in (form.plan.choices if form.plan else ())],
        typed=visit.asked.one("typed"),
        apps=[("", "not for sign-in here"), *sorted((app.key, app.name) for app in policy.apps.values())],
    )


PLACES: Final = {
    _LIST: Place(Permission.READ, show=_list, under=_LIST),
    _PAGE: Place(Permission.READ, show=_page, under=_LIST),
    _EDIT: Place(Permission.APPS, show=_form, change=_sent, under=_LIST),
    "/admin/resource-app/remove": Place(Permission.APPS, change=_remove, under=_LIST),
}
