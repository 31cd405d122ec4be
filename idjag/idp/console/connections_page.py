"""The page of one connection: what it allows in sentences, whom it reaches, its use, its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from idjag.idp import facts
from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.changing import Proposal, opened, review
from idjag.idp.console.connections_effect import audience, reached
from idjag.idp.console.connections_use import DAYS, usage
from idjag.idp.console.history import begins, history
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.discover.asking import Asker, TooOften
from idjag.idp.discover.check import Checked, Trial, checked
from idjag.idp.discover.plan import Undiscovered
from idjag.idp.discover.snippets import snippets, values_of
from idjag.idp.lookups import Thing, TooMuch
from idjag.idp.naming import names_of
from idjag.idp.questions import UnknownName
from idjag.policy.explain import guardrail_sentence, hold_sentence, rule_notes, rule_sentence
from idjag.policy.index import Policy
from idjag.policy.model import NO_RESOURCE, NO_SCOPE, App, Connection, Hold, ResourceApp, Rule
from idjag.policy.words import Names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply

__all__ = ["LIST", "PAGE", "PLACES", "Found", "find", "page_of", "status_of", "thing_of"]

LIST: Final = "/admin/connections"
PAGE: Final = "/admin/connection"
_STATUS: Final = "/admin/connection/status"
_REMOVE: Final = "/admin/connection/remove"
_CHECK: Final = "/admin/connection/check"
_PEOPLE: Final = "/admin/connection/people"
_MOST_PEOPLE: Final = 100
_RECENT: Final = 8
_MOST_COUNTS: Final = 8
_STATUSES: Final = frozenset({"draft", "active", "paused"})


@dataclass(frozen=True, slots=True)
class Found:
    """One connection as it is now: its entry, its policy value, and the two apps."""

    entry: Mapping[str, Any]
    seen: str
    managed: bool
    connection: Connection
    app: App
    target: ResourceApp
    policy: Policy


@dataclass(frozen=True, slots=True)
class Allowed:
    """A scope at a resource indicator, what allows it, and for how many people; None was not counted."""

    scope: str
    resource: str
    rules: tuple[str, ...]
    people: int | None


def page_of(key: str) -> str:
    """The path of a connection's page; an id needs no escaping."""
    return f"{PAGE}?id={key}"


def find(desk: Desk, key: str) -> Found:
    """Raises Problem 404."""
    there = opened(desk, "connection", key)
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    app = next((each for each in policy.apps.values() if each.key == there.entry["from"]), None)
    target = next((each for each in policy.resource_apps.values() if each.key == there.entry["to"]), None)
    connection = policy.connection(app.id, target.id) if app and target else None
    if app is None or target is None or connection is None:
        raise Problem(404, "There is no connection of this name.")
    return Found(there.entry, there.seen, there.managed, connection, app, target, policy)


def status_of(connection: Connection, *, now: int) -> str:
    """As the list says it: an expired one is expired, whatever else it is."""
    if connection.expires is not None and connection.expires <= now:
        return "expired"
    return connection.status.value


def _show(desk: Desk, visit: Visit, *, check: Checked | None = None, wrong: str = "") -> Reply:
    found = find(desk, visit.asked.one("id"))
    connection, policy = found.connection, found.policy
    guardrails = [one for one in policy.guardrails if _touches(one.apps, one.resource_apps, connection)]
    held, whos = _held(desk, connection), [rule.who for rule in connection.rules]
    placed = [hold.by.removeprefix("person ") for hold in held if hold.by.startswith("person ")]
    names = names_of(desk.office, [*whos, *(one.who for one in guardrails)], people=placed)
    pair, lookups = (connection.app, connection.resource_app), desk.office.lookups
    used = lookups.rules_used(pair)
    use = usage(lookups.uses(pair, since=desk.now - DAYS * 86_400, until=desk.now + 1), now=desk.now)
    rules = [
        (rule, rule_sentence(rule, app=found.app.name, names=names), rule_notes(rule), used.get(rule.id))
        for rule in sorted(connection.rules, key=lambda rule: rule.key)
    ]
    snapshot = desk.office.ledger.fresh(desk.office.tenant)
    people = _count(desk, connection, connection.rules)
    return desk.show(
        "connection.html",
        visit,
        status=422 if wrong else 200,
        found=found,
        connection=connection,
        standing=status_of(connection, now=desk.now),
        holds=[(hold, _said(hold, policy, names)) for hold in held],
        rules=rules,
        people=people,
        allowed=_allowed(desk, found, people),
        guardrails=[guardrail_sentence(one, policy=policy, names=names) for one in guardrails],
        use=use,
        history=history(desk, thing_of(connection), limit=_RECENT + 1, before_no=begins(visit)),
        recent=_RECENT,
        snippets=snippets(values_of(snapshot, connection)),
        check=check,
        wrong=wrong,
    )


def _people(desk: Desk, visit: Visit) -> Reply:
    """Everybody whom its rules and the assignments of both apps let through, a page at a time."""
    found = find(desk, visit.asked.one("id"))
    meant, after = audience(found.policy, found.connection), visit.asked.one("after")
    people = desk.office.lookups.reached_people(meant, after=after, limit=_MOST_PEOPLE + 1)
    return desk.show(
        "connection_people.html",
        visit,
        found=found,
        people=people[:_MOST_PEOPLE],
        next=people[_MOST_PEOPLE - 1].username if len(people) > _MOST_PEOPLE else "",
    )


def _touches(apps: frozenset[str] | None, targets: frozenset[str] | None, connection: Connection) -> bool:
    return (apps is None or connection.app in apps) and (
        targets is None or connection.resource_app in targets
    )


def _held(desk: Desk, connection: Connection) -> tuple[Hold, ...]:
    """What stops it now, or both of its ends."""
    held = (connection.id, connection.app, connection.resource_app)
    holds = facts.holds(desk.office.ledger.read(facts.hold_keys(*held)), *held)
    return tuple(one for one in holds if one.until is None or one.until > desk.now)


def _said(hold: Hold, policy: Policy, names: Names) -> str:
    """A sentence, with the name of whoever placed it."""
    kind, _, who = hold.by.partition(" ")
    by = names.person(who) if kind == "person" else hold.by
    sentence = hold_sentence(replace(hold, by=by), policy=policy, names=names)
    return sentence[:1].upper() + sentence[1:]


def _count(desk: Desk, connection: Connection, rules: tuple[Rule, ...]) -> int | None:
    try:
        policy = desk.office.ledger.fresh(desk.office.tenant).policy
        return reached(desk, policy, connection, rules)
    except TooMuch:
        return None


def _allowed(desk: Desk, found: Found, people: int | None) -> list[Allowed]:
    """Everything that the rules allow, before guardrails and conditions, with the people of those rules.

    ``people`` are those of all rules together.
    """
    connection, declared = found.connection, found.policy.declared(found.target)
    pairs = found.policy.rule_pairs(connection, declared)
    counted: dict[frozenset[str], int | None] = {frozenset(rule.id for rule in connection.rules): people}
    rows = []
    for scope, resource in sorted(declared.pairs):
        rules = tuple(
            rule for rule, allows in zip(connection.rules, pairs, strict=True) if (scope, resource) in allows
        )
        if not rules:
            continue
        which = frozenset(rule.id for rule in rules)
        if which not in counted:
            counted[which] = _count(desk, connection, rules) if len(counted) < _MOST_COUNTS else None
        spelt = "" if resource == NO_RESOURCE else declared.spelling[resource]
        named = tuple(sorted(rule.key for rule in rules))
        rows.append(Allowed("" if scope == NO_SCOPE else scope, spelt, named, counted[which]))
    return sorted(rows, key=lambda row: (row.resource, row.scope))


def _status(desk: Desk, visit: Visit) -> Reply:
    """Pause, resume, activate; shown before it is done, like every change."""
    key, to = visit.asked.one("id"), visit.asked.one("to")
    if to not in _STATUSES:
        raise Refused(Reason.PARAMETER_WRONG, parameter="to")
    there = opened(desk, "connection", key)
    entry = {**there.entry, "status": to}
    proposal = Proposal.of("connection", key, entry, there.seen, page_of(key), managed=there.managed)
    return review(desk, visit, proposal)


def _remove(desk: Desk, visit: Visit) -> Reply:
    key = visit.asked.one("id")
    there = opened(desk, "connection", key)
    return review(desk, visit, Proposal.of("connection", key, None, there.seen, LIST, managed=there.managed))


def _check(desk: Desk, visit: Visit) -> Reply:
    """Ask the other side what it says of itself; recorded, and nothing is exchanged or changed."""
    asked = visit.asked
    asker = Asker(desk.office, desk.services.fetcher, visit.actor, visit.source)
    trial = Trial(asked.one("user")) if asked.one("user") else None
    try:
        return _show(
            desk, visit, check=checked(asker, find(desk, asked.one("id")).connection.key, trial=trial)
        )
    except UnknownName as unknown:
        return _show(desk, visit, wrong=f"{str(unknown)[:1].upper()}{str(unknown)[1:]}.")
    except Undiscovered as refused:
        return _show(desk, visit, wrong=refused.detail)
    except TooOften as often:
        return _show(desk, visit, wrong=f"You have checked often: try again in {often.wait} seconds.")


def thing_of(connection: Connection) -> Thing:
    """As its history is looked up: with its rules and its holds."""
    return Thing("connection", connection.id, (connection.app, connection.resource_app))


PLACES: Final = {
    PAGE: Place(Permission.READ, show=_show, under=LIST),
    _PEOPLE: Place(Permission.READ, show=_people, under=LIST),
    _STATUS: Place(Permission.RULES, change=_status, under=LIST),
    _REMOVE: Place(Permission.RULES, change=_remove, under=LIST),
    _CHECK: Place(Permission.APPS, change=_check, under=LIST),
}
