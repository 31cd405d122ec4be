"""What a change of a connection does: its rules in sentences, and who gains or loses which scopes by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from idjag.idp.catalog.connection import connection_model
from idjag.idp.console.connections_tried import NOTHING_NEW, New, connection_of, with_new
from idjag.idp.console.visit import Desk
from idjag.idp.lookups import NOBODY, Audience, PersonName, TooMuch
from idjag.idp.naming import names_of
from idjag.ledger.entry import Key
from idjag.policy.explain import rule_sentence
from idjag.policy.index import Policy
from idjag.policy.model import (
    NO_SCOPE,
    AppStatus,
    Connection,
    ConnectionStatus,
    Guardrail,
    Pair,
    Rule,
    Who,
)
from idjag.policy.words import Names

__all__ = ["Effect", "Shift", "acting", "audience", "effect", "meant", "reached", "served", "shifts"]

_MOST_SHIFTS: Final = 6
_MOST_NAMES: Final = 10

Meant = tuple[frozenset[Who], frozenset[Who], frozenset[Who]]
"""Rules, assignments and guardrails: the fields of an Audience, to be compared."""


@dataclass(frozen=True, slots=True)
class Shift:
    """People who gain the same scopes, or lose them.

    ``scopes`` is empty for an API that has none.  ``people`` are the first of them; ``n`` None: there are so
    many that counting takes too long.
    """

    gain: bool
    scopes: tuple[str, ...]
    n: int | None
    people: tuple[PersonName, ...] = ()

    @property
    def others(self) -> int:
        """How many are not named."""
        return (self.n or 0) - len(self.people)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change of a connection does: its rules as sentences, and how many people it reaches.

    A connection that is not active, has ended or has no client ID reaches nobody.  None was not counted.
    ``shifts`` are as far as conditions let them; ``more``: there are others.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    people_before: int | None
    people_after: int | None
    shifts: tuple[Shift, ...] = ()
    more: bool = False


def effect(desk: Desk, key: str, entry: Mapping[str, Any] | None, new: New = NOTHING_NEW) -> Effect:
    """Of saving this entry, with apps that are ``new``, or of removing it; raises Problem."""
    now, then = desk.office.ledger.fresh(desk.office.tenant).policy, with_new(desk, new).policy
    named = Key("connection", "key", key)
    rows = [row for row in desk.office.ledger.read((named,))(named) if row["tenant_id"] == desk.office.tenant]
    before = connection_model(rows[0]) if rows else None
    after = connection_of(desk, entry, new) if entry is not None else None
    both = [one for one in (before, after) if one is not None]
    names = names_of(desk.office, (rule.who for one in both for rule in one.rules))
    by = acting(desk, now, before), acting(desk, then, after)
    found, more = shifts(desk, meant(now, by[0]), meant(then, by[1]))
    return Effect(
        _sentences(now, before, names),
        _sentences(then, after, names),
        served(desk, now, by[0]),
        served(desk, then, by[1]),
        found,
        more,
    )


def reached(desk: Desk, policy: Policy, connection: Connection, rules: Sequence[Rule] | None = None) -> int:
    """How many active people its rules let through, or some of them; raises TooMuch."""
    return desk.office.lookups.reached(audience(policy, connection, rules))


def audience(policy: Policy, connection: Connection, rules: Sequence[Rule] | None = None) -> Audience:
    """Whom the rules mean, of those who are assigned to both apps."""
    rules = connection.rules if rules is None else rules
    return Audience([rule.who for rule in rules], _within(policy, connection))


def shifts(
    desk: Desk, before: Mapping[Pair, Meant], after: Mapping[Pair, Meant]
) -> tuple[tuple[Shift, ...], bool]:
    """Who gains and who loses what, by the same people together; and whether there is more."""
    kinds: dict[tuple[Meant, Meant], list[str]] = {}
    for scope, resource in sorted({*before, *after}):
        pair = (scope, resource)
        moved = before.get(pair, _NONE), after.get(pair, _NONE)
        if moved[0] != moved[1]:
            kinds.setdefault(moved, []).append(scope)
    found: list[Shift] = []
    for (was, becomes), scopes in list(kinds.items())[:_MOST_SHIFTS]:
        named = tuple(dict.fromkeys(scope for scope in scopes if scope != NO_SCOPE))
        found += [_shift(desk, becomes, was, named, gain=True), _shift(desk, was, becomes, named, gain=False)]
    moving = tuple(sorted((one for one in found if one.n != 0), key=lambda one: not one.gain))
    return moving, len(kinds) > _MOST_SHIFTS


_NONE: Final[Meant] = (frozenset(), frozenset(), frozenset())


def _shift(desk: Desk, meant: Meant, but: Meant, scopes: tuple[str, ...], *, gain: bool) -> Shift:
    lookups, these = desk.office.lookups, Audience(*meant)
    others = Audience(*but) if but[0] else NOBODY
    try:
        n = lookups.reached(these, but=others)
        people = lookups.reached_people(these, but=others, limit=_MOST_NAMES) if n else ()
    except TooMuch:
        return Shift(gain, scopes, None)
    return Shift(gain, scopes, n, tuple(people))


def meant(
    policy: Policy, connection: Connection | None, guardrails: Iterable[Guardrail] | None = None
) -> dict[Pair, Meant]:
    """Who may be acted for, by what the resource app declares; under other ``guardrails`` than there are."""
    if connection is None:
        return {}
    declared = policy.declared(policy.resource_apps[connection.resource_app])
    within = frozenset(_within(policy, connection))
    denying = policy.guardrails if guardrails is None else guardrails
    denying = [one for one in denying if _about(one, connection)]
    rules = [(rule.who, declared.within(rule.scopes, rule.resources)) for rule in connection.rules]
    found: dict[Pair, Meant] = {}
    for pair in declared.pairs:
        whos = frozenset(who for who, pairs in rules if pair in pairs)
        if whos:
            found[pair] = (whos, within, frozenset(one.who for one in denying if _removes(one, pair)))
    return found


def _about(guardrail: Guardrail, connection: Connection) -> bool:
    return (guardrail.apps is None or connection.app in guardrail.apps) and (
        guardrail.resource_apps is None or connection.resource_app in guardrail.resource_apps
    )


def _removes(guardrail: Guardrail, pair: Pair) -> bool:
    scope, resource = pair
    return (guardrail.scopes is None or scope in guardrail.scopes) and (
        guardrail.resources is None or resource in guardrail.resources
    )


def _within(policy: Policy, connection: Connection) -> tuple[Who, ...]:
    """Who is assigned to the requesting app, and to the app by which the resource app signs people in."""
    app, target = policy.apps.get(connection.app), policy.resource_apps.get(connection.resource_app)
    sso_app = policy.apps.get((target.sso_app if target else None) or "")
    return tuple(one.assigned for one in (app, sso_app) if one is not None)


def acting(desk: Desk, policy: Policy, connection: Connection | None) -> Connection | None:
    """The connection if anything is issued by it."""
    if connection is None or connection.status is not ConnectionStatus.ACTIVE:
        return None
    if connection.expires is not None and connection.expires <= desk.now:
        return None
    app, target = policy.apps.get(connection.app), policy.resource_apps.get(connection.resource_app)
    sso_app = policy.apps.get(target.sso_app) if target and target.sso_app else app
    if any(one is None or one.status is not AppStatus.ACTIVE for one in (app, target, sso_app)):
        return None
    return connection if connection.client_id or (app and app.by_document) else None


def served(desk: Desk, policy: Policy, connection: Connection | None) -> int | None:
    """How many active people get anything by it, if it is ``acting``; None takes too long to count.

    Guardrails that take a part each are not added up.
    """
    kinds = set(meant(policy, connection).values())
    if not kinds:
        return 0
    rules, within, never = zip(*kinds, strict=True)
    these = Audience(frozenset().union(*rules), within[0], frozenset.intersection(*never))
    try:
        return desk.office.lookups.reached(these)
    except TooMuch:
        return None


def _sentences(policy: Policy, connection: Connection | None, names: Names) -> tuple[str, ...]:
    app = policy.apps.get(connection.app) if connection else None
    rules: Iterable[Rule] = sorted(connection.rules, key=lambda rule: rule.key) if connection else ()
    return tuple(rule_sentence(rule, app=app.name if app else "", names=names) for rule in rules)
