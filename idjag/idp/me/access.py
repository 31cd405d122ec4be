"""Which apps can act as a person, where and how far: asked of the one evaluator, never worked out again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from idjag.idp import facts
from idjag.idp.facts import integer
from idjag.idp.services import Services
from idjag.ledger.entry import Facts, Key
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


def actors(services: Services, person: Person, *, now: int, used: bool = True) -> tuple[Actor, ...]:
    """Every app that can act as this person, or could but for a hold; by name.  Raises Unavailable.

    ``used``: also when each did, which is a look into the log for each of their reaches.
    """
    return tuple(_actors(services, person, now=now, used=used))


def actor(services: Services, person: Person, app_id: str, *, now: int) -> Actor | None:
    """One of them; None when that app cannot act as this person."""
    return next((one for one in _actors(services, person, only=app_id, now=now)), None)


def mine(hold: Hold, person_id: str) -> bool:
    """Whether the person placed it, and may release it."""
    return hold.kind is HoldKind.USER_IN_APP and hold.by == f"person {person_id}"


def _actors(
    services: Services, person: Person, *, now: int, only: str | None = None, used: bool = True
) -> Iterator[Actor]:
    policy = services.ledger.fresh(services.tenant).policy
    meant = [
        connection
        for connection in policy.meaning(person)
        if only in (None, connection.app) and policy.apps[connection.app].assigned.includes(person)
    ]
    bare = _unconditional(policy, meant)
    found: dict[str, list[tuple[Connection, Reach]]] = {}
    for connection in meant:
        if reach := _reach(bare, connection, person, now=now):
            found.setdefault(connection.app, []).append(reach)
    known = _facts(services, person, [reach for reaches in found.values() for reach in reaches])
    for app in sorted((policy.apps[id_] for id_ in found), key=_by_name):
        reaches = sorted(found[app.id], key=lambda pair: _by_name(pair[1].resource_app))
        yield _actor(services, person, app, reaches, known=known, now=now, used=used)


def _facts(services: Services, person: Person, reaches: Iterable[tuple[Connection, Reach]]) -> Facts:
    """Holds on everything that is shown, and its rows, in one look."""
    connections = [one for one, _ in reaches]
    held = dict.fromkeys((person.id, *(id_ for one in connections for id_ in _held(one))))
    rows = [Key("connection", "id", one.id) for one in connections]
    return services.ledger.read((*facts.hold_keys(*held), *rows))


def _held(connection: Connection) -> tuple[str, str, str]:
    return connection.app, connection.id, connection.resource_app


def _by_name(one: App | ResourceApp) -> tuple[str, str]:
    return one.name.casefold(), one.id


def _unconditional(policy: Policy, connections: Iterable[Connection]) -> Policy:
    """These connections with the same rules, without their conditions, which are of the moment."""
    listed = list(connections)
    targets = {one.resource_app: policy.resource_apps[one.resource_app] for one in listed}
    apps = {*(one.app for one in listed), *(target.sso_app or "" for target in targets.values())}
    return Policy(
        apps=[policy.apps[id_] for id_ in apps if id_ in policy.apps],
        resource_apps=targets.values(),
        connections=[
            replace(one, rules=tuple(replace(rule, conditions=NO_CONDITIONS) for rule in one.rules))
            for one in listed
        ],
        guardrails=policy.guardrails,
        sign_ins=policy.sign_ins,
    )


def _reach(
    bare: Policy, connection: Connection, person: Person, *, now: int
) -> tuple[Connection, Reach] | None:
    """How far at most; ``bare`` has the connection without conditions."""
    app, target = bare.apps[connection.app], bare.resource_apps[connection.resource_app]
    question = Question(app.id, target.id, person, now, SignIn(auth_time=now))
    pairs = decide(bare, question).pairs
    if not pairs:
        return None
    scopes = tuple(sorted({scope for scope, _ in pairs if scope != NO_SCOPE}))
    conditional = any(
        rule.conditions != NO_CONDITIONS for rule in connection.rules if rule.who.includes(person)
    )
    return connection, Reach(target, scopes, conditional, since=0)


def _actor(
    services: Services,
    person: Person,
    app: App,
    reaches: Sequence[tuple[Connection, Reach]],
    *,
    known: Facts,
    now: int,
    used: bool,
) -> Actor:
    """The app with what the ledger knows: holds, since when, when used."""
    targets = dict.fromkeys((app.id, person.id, *(id_ for one, _ in reaches for id_ in _held(one))))
    holds = facts.holds(known, *targets)
    whole = [
        replace(
            reach,
            since=min((integer(row, "created") for row in known(Key("connection", "id", one.id))), default=0),
            used=_issued(services, person, one) if used else None,
            stopped=_stopped(holds, one, person, now=now),
        )
        for one, reach in reaches
    ]
    stops = tuple(hold for hold in holds if mine(hold, person.id) and hold.app == app.id)
    return Actor(app, tuple(whole), stops, all(reach.stopped for reach in whole))


def _issued(services: Services, person: Person, connection: Connection) -> tuple[int, int] | None:
    return services.ledger.issued(
        services.tenant,
        subject=person.id,
        requesting_app=connection.app,
        resource_app=connection.resource_app,
    )


def _stopped(holds: Iterable[Hold], connection: Connection, person: Person, *, now: int) -> bool:
    """Whether a hold that is not the person's own stops it."""
    question = Question(connection.app, connection.resource_app, person, now)
    return any(held(hold, question, connection) for hold in holds if not mine(hold, person.id))
