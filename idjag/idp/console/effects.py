"""What a change of a person or a guardrail does: who gains or loses which scopes, by connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from idjag.idp import facts
from idjag.idp.api.bodies import checked
from idjag.idp.catalog.guardrail import (
    GuardrailEntry,
    guardrail_columns,
    guardrail_model,
    guardrail_problems,
)
from idjag.idp.console.connections_effect import Effect, Shift, acting, effect, meant, shifts
from idjag.idp.console.connections_tried import group_ids, known, names_with
from idjag.idp.console.proposals import Proposal, Wanted
from idjag.idp.console.visit import Desk
from idjag.idp.lookups import PersonName
from idjag.idp.naming import names_of
from idjag.idp.questions import UnknownName, find_person
from idjag.policy.index import Policy
from idjag.policy.model import NO_SCOPE, Connection, Guardrail, Pair, Person, Who

__all__ = ["Effects", "Moved", "effects", "scopes_of"]

_MOST: Final = 8
_MOST_LOOKED_AT: Final = 500
"""Connections of which each is looked at: beyond that it would take too long."""

Meant = Mapping[Pair, tuple[frozenset[Who], frozenset[Who], frozenset[Who]]]


@dataclass(frozen=True, slots=True)
class Moved:
    """What moves at one connection."""

    app: str
    resource_app: str
    key: str
    shifts: tuple[Shift, ...]


@dataclass(frozen=True, slots=True)
class Effects:
    """``connection`` of a change of one connection; ``moved`` of a person or of a guardrail.

    ``looked``: whether that was looked at; ``more``: not all of it is shown.
    """

    connection: Effect | None = None
    moved: tuple[Moved, ...] = ()
    looked: bool = False
    more: bool = False


def effects(desk: Desk, proposal: Proposal) -> Effects:
    """Of a proposal that would be taken; raises Problem for entries that are none."""
    connections = [one for one in proposal.wanted if one.noun == "connection"]
    if len(connections) == 1:
        (one,) = connections
        new = {each.noun: each.entry for each in proposal.wanted if each.entry and each is not one}
        return Effects(effect(desk, one.key, one.entry, new))
    if len(proposal.wanted) != 1:
        return Effects()
    (one,) = proposal.wanted
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    if one.noun not in ("user", "guardrail") or policy.size > _MOST_LOOKED_AT:
        return Effects()
    found = _of_person(desk, policy, one) if one.noun == "user" else _of_guardrail(desk, policy, one)
    # each is a question to the database, or several: no more are asked than are shown
    moved = list(islice(found, _MOST + 1))
    shown = tuple(each for each in moved[:_MOST] if each.shifts)
    return Effects(None, shown, looked=True, more=len(moved) > _MOST)


def _of_person(desk: Desk, policy: Policy, wanted: Wanted) -> Iterator[Moved]:
    """What apps may do for somebody, before and after."""
    try:
        person_id = find_person(desk.office, wanted.key)
    except UnknownName:
        person_id = ""
    there = facts.person(desk.office.ledger.read(facts.person_keys(person_id)), person_id)
    before = there.person if there else None
    after = _person(desk, wanted.entry, before)
    name = str((wanted.entry or {}).get("name") or (there.name if there else "") or wanted.key)
    who = (PersonName(wanted.key, name),)
    for connection in _connections(desk, policy):
        by_pair = meant(policy, connection)
        had, has = scopes_of(by_pair, before), scopes_of(by_pair, after)
        moves = [(gain, scopes) for gain, scopes in ((True, has - had), (False, had - has)) if scopes]
        if moves:
            found = (Shift(gain, tuple(sorted(scopes - {NO_SCOPE})), 1, who) for gain, scopes in moves)
            yield _moved(policy, connection, tuple(found))


def _person(desk: Desk, entry: Mapping[str, Any] | None, before: Person | None) -> Person | None:
    """Somebody as the entry says; groups of other sources stay."""
    if entry is None:
        return None
    local = group_ids(desk, entry.get("groups") or ())
    old = {} if before is None else group_ids(desk, _names(desk, before.groups))
    groups = frozenset(local.values()) | ((before.groups if before else frozenset()) - set(old.values()))
    active = entry.get("status", "active") == "active"
    if before is None:
        return Person("new", groups, active=active, username=str(entry.get("username", "")))
    return replace(before, groups=groups, active=active)


def _names(desk: Desk, groups: Iterable[str]) -> list[str]:
    from_ids = names_of(desk.office, [Who(groups=frozenset(groups))])
    return [from_ids.group(one) for one in groups]


def scopes_of(by_pair: Meant, person: Person | None) -> frozenset[str]:
    """What may be done for somebody at most, "" where an API has no scopes."""
    if person is None or not person.active:
        return frozenset()
    return frozenset(
        scope
        for (scope, _), (rules, within, never) in by_pair.items()
        if any(who.includes(person) for who in rules)
        and all(who.includes(person) for who in within)
        and not any(who.includes(person) for who in never)
    )


def _of_guardrail(desk: Desk, policy: Policy, wanted: Wanted) -> Iterator[Moved]:
    others = [one for one in policy.guardrails if one.key != wanted.key]
    then = [*others, *_guardrail(desk, policy, wanted.entry)]
    for connection in _connections(desk, policy):
        now, later = meant(policy, connection), meant(policy, connection, then)
        if now != later:
            yield _moved(policy, connection, shifts(desk, now, later)[0])


def _guardrail(desk: Desk, policy: Policy, entry: Mapping[str, Any] | None) -> Iterator[Guardrail]:
    if entry is None:
        return
    typed = checked(dict(entry), GuardrailEntry)
    refs = names_with(desk, policy, [typed.who])
    known(guardrail_problems(typed, refs))
    yield guardrail_model({**guardrail_columns(typed, refs, before=None), "id": "new"})


def _connections(desk: Desk, policy: Policy) -> Iterator[Connection]:
    """Those by which something is issued, by the names of their apps."""
    for connection in sorted(policy.connections.values(), key=lambda one: one.key):
        if acting(desk, policy, connection) is not None:
            yield connection


def _moved(policy: Policy, connection: Connection, found: tuple[Shift, ...]) -> Moved:
    app, target = policy.apps[connection.app], policy.resource_apps[connection.resource_app]
    return Moved(app.name, target.name, connection.key, found)
