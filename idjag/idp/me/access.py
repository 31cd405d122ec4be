"""Which apps can act as a person, where and how far: asked of the one evaluator, never worked out again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from idjag.idp import facts
from idjag.idp.facts import integer
from idjag.idp.services import Services
from idjag.ledger.entry import Key
from idjag.policy.decide import decide, held
from idjag.policy.index import Policy
from idjag.policy.model import (
    NO_CONDITIONS,
    NO_SCOPE,
    App,
    Connection,
    Hold,
    HoldKind,
    Person,
    ResourceApp,
)
from idjag.policy.question import Question, SignIn

__all__ = ["Actor", "Reach", "actor", "actors", "mine"]


@dataclass(frozen=True, slots=True)
class Reach:
    """What one app may do as the person at one resource app, at most.

    ``conditional``: only after some sign-ins, from some networks, at some hours.  ``since``: when the
    connection was made; ``used``: when it was first and last used for this person, None for never.
    """

    resource_app: ResourceApp
    scopes: tuple[str, ...]
    conditional: bool
    since: int
    used: tuple[int, int] | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Actor:
    """An app that can act as the person.

    ``stops`` are the person's own holds on it; ``stopped``: an administrator holds it for this person.
    """

    app: App
    reaches: tuple[Reach, ...]
    stops: tuple[Hold, ...] = ()
    stopped: bool = False

    @property
    def last(self) -> int | None:
        """When it acted last."""
        return max((one.used[1] for one in self.reaches if one.used), default=None)


def actors(services: Services, person: Person, *, now: int) -> tuple[Actor, ...]:
    """Every app that can act as this person, or could but for a hold; by name.  Raises Unavailable."""
    return tuple(_actors(services, person, now=now))


def actor(services: Services, person: Person, app_id: str, *, now: int) -> Actor | None:
    """One of them; None when that app cannot act as this person."""
    return next((one for one in _actors(services, person, only=app_id, now=now)), None)


def mine(hold: Hold, person_id: str) -> bool:
    """Whether the person placed it, and may release it."""
    return hold.kind is HoldKind.USER_IN_APP and hold.by == f"person {person_id}"


def _actors(services: Services, person: Person, *, now: int, only: str | None = None) -> Iterator[Actor]:
    policy = services.ledger.fresh(services.tenant).policy
    apps = [app for app in policy.apps.values() if only in (None, app.id) and app.assigned.includes(person)]
    for app in sorted(apps, key=_by_name):
        connections = [
            connection
            for target in sorted(policy.resource_apps, key=lambda id_: _by_name(policy.resource_apps[id_]))
            if (connection := policy.connection(app.id, target)) is not None
        ]
        found = [reach for one in connections if (reach := _reach(policy, one, person, now=now))]
        if found:
            yield _actor(services, person, app, found, now=now)


def _by_name(one: App | ResourceApp) -> tuple[str, str]:
    return one.name.casefold(), one.id


def _reach(
    policy: Policy, connection: Connection, person: Person, *, now: int
) -> tuple[Connection, Reach] | None:
    """How far at most: the same rules without their conditions, which are of the moment."""
    app, target = policy.apps[connection.app], policy.resource_apps[connection.resource_app]
    sso_app = policy.apps.get(target.sso_app or "")
    unconditional = [replace(rule, conditions=NO_CONDITIONS) for rule in connection.rules]
    alone = Policy(
        apps=[app, sso_app] if sso_app else [app],
        resource_apps=[target],
        connections=[replace(connection, rules=tuple(unconditional))],
        guardrails=policy.guardrails,
        sign_ins=policy.sign_ins,
    )
    question = Question(app.id, target.id, person, now, SignIn(auth_time=now))
    pairs = decide(alone, question).pairs
    if not pairs:
        return None
    scopes = tuple(sorted({scope for scope, _ in pairs if scope != NO_SCOPE}))
    conditional = any(
        rule.conditions != NO_CONDITIONS for rule in connection.rules if rule.who.includes(person)
    )
    return connection, Reach(target, scopes, conditional, since=0)


def _actor(
    services: Services, person: Person, app: App, reaches: Iterable[tuple[Connection, Reach]], *, now: int
) -> Actor:
    """The app with what the ledger knows: holds, since when, when used."""
    reaches = list(reaches)
    targets = [app.id, person.id, *(one.id for one, _ in reaches), *(r.resource_app.id for _, r in reaches)]
    rows = {one.id: Key("connection", "id", one.id) for one, _ in reaches}
    found = services.ledger.read((*facts.hold_keys(*targets), *rows.values()))
    holds = facts.holds(found, *dict.fromkeys(targets))
    whole = [
        replace(
            reach,
            since=min((integer(row, "created") for row in found(rows[one.id])), default=0),
            used=services.ledger.issued(
                services.tenant, subject=person.id, requesting_app=app.id, resource_app=one.resource_app
            ),
            stopped=_stopped(holds, one, person, now=now),
        )
        for one, reach in reaches
    ]
    stops = tuple(hold for hold in holds if mine(hold, person.id) and hold.app == app.id)
    return Actor(app, tuple(whole), stops, all(reach.stopped for reach in whole))


def _stopped(holds: Iterable[Hold], connection: Connection, person: Person, *, now: int) -> bool:
    """Whether a hold that is not the person's own stops it."""
    question = Question(connection.app, connection.resource_app, person, now)
    return any(held(hold, question, connection) for hold in holds if not mine(hold, person.id))
