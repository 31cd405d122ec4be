"""All of one tenant's rules behind look-ups whose cost does not grow with the number of rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from idjag.policy.model import (
    NO_RESOURCE,
    NO_SCOPE,
    App,
    Connection,
    Guardrail,
    Narrowing,
    Pair,
    Person,
    ResourceApp,
)
from idjag.protocol.resources import comparable, same_issuer_lookup

__all__ = ["Changes", "Declared", "Deferred", "Policy"]

T = TypeVar("T")


def _perhaps(_ids: Collection[str]) -> bool:
    return True


class Deferred(NamedTuple):
    """A connection whose rules are decoded when it is first asked for: most never are, in one process.

    ``names``: False when none of its rules names one of these groups and people, nor everyone.
    """

    id: str
    app: str
    resource_app: str
    decode: Callable[[], Connection]
    names: Callable[[Collection[str]], bool] = _perhaps


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different at ``seq``, by id; None is gone.  ``guardrails``: all of them, if any changed."""

    seq: int
    apps: Mapping[str, App | None] = field(default_factory=dict)
    resource_apps: Mapping[str, ResourceApp | None] = field(default_factory=dict)
    connections: Mapping[str, Deferred | None] = field(default_factory=dict)
    guardrails: tuple[Guardrail, ...] | None = None


class Policy:
    """All of one tenant's rules, indexed; immutable, made once per policy_seq.

    ``sign_ins`` are what the sign-in pages of this tenant can produce, weakest first: acr to amr.  A
    condition that none of them meets is linted and never yields a step-up.
    """

    __slots__ = (
        "_by_audience",
        "_by_loose",
        "_connected",
        "_connections",
        "_declared",
        "_named",
        "_rule_pairs",
        "apps",
        "guardrails",
        "issuers",
        "resource_apps",
        "seq",
        "sign_ins",
    )

    def __init__(
        self,
        *,
        apps: Iterable[App] = (),
        resource_apps: Iterable[ResourceApp] = (),
        connections: Iterable[Connection | Deferred] = (),
        guardrails: Iterable[Guardrail] = (),
        issuers: Iterable[str] = (),
        sign_ins: Mapping[str, frozenset[str]] | None = None,
        seq: int = 0,
    ) -> None:
        self.apps: Mapping[str, App] = {app.id: app for app in apps}
        self.resource_apps: Mapping[str, ResourceApp] = {ra.id: ra for ra in resource_apps}
        self.guardrails = tuple(guardrails)
        self.issuers = frozenset(same_issuer_lookup(issuer) for issuer in issuers)
        self.sign_ins: Mapping[str, frozenset[str]] = sign_ins or {}
        self.seq = seq
        self._connections: dict[tuple[str, str], Connection | Deferred] = {
            (c.app, c.resource_app): c if isinstance(c, Deferred) else self._identified(c)
            for c in connections
        }
        self._look_up_resource_apps()
        self._declared: dict[str, Declared] = {}
        self._rule_pairs: dict[str, tuple[frozenset[Pair], ...]] = {}
        self._connected: Mapping[str, tuple[str, ...]] | None = None
        # shared with what comes after: what is in it says which connection it is about
        self._named: dict[tuple[str, str], tuple[Connection, frozenset[str] | None]] = {}

    def _look_up_resource_apps(self) -> None:
        """Make the ways from an audience to resource apps."""
        self._by_audience = _audiences(self.resource_apps.values())
        names = [name for ra in self.resource_apps.values() for name in (ra.issuer, *ra.aliases)]
        self._by_loose = {_loose(name): name for name in reversed(names)}  # the first of several stays

    def after(self, changes: Changes) -> Policy | None:
        """This policy with changes, for the price of the changes; None when it must be made anew.

        Connections that nobody asked for stay undecoded.
        """
        if any(app is not None and app.by_document for app in self._around(changes.apps)):
            return None  # what their connections were decoded to depends on them
        guardrails = self.guardrails if changes.guardrails is None else changes.guardrails
        after = Policy(guardrails=guardrails, sign_ins=self.sign_ins, seq=changes.seq)
        after.issuers = self.issuers
        after.apps = _merged(self.apps, changes.apps)
        after.resource_apps = _merged(self.resource_apps, changes.resource_apps)
        after._by_audience, after._by_loose = self._by_audience, self._by_loose
        if changes.resource_apps:
            after._look_up_resource_apps()
        after._connections = self._connections_after(changes.connections)
        after._named = self._named
        return after

    def _around(self, apps: Mapping[str, App | None]) -> Iterable[App | None]:
        """Changed apps as they were and as they are."""
        return (*map(self.apps.get, apps), *apps.values())

    def _connections_after(
        self, changes: Mapping[str, Deferred | None]
    ) -> dict[tuple[str, str], Connection | Deferred]:
        after = dict(self._connections)
        made = {(each.app, each.resource_app): each for each in changes.values() if each is not None}
        stay = {each.id for place, each in made.items() if place in after and after[place].id == each.id}
        if gone := changes.keys() - stay:
            # Nobody looks a connection up by its id alone, so that there is no index of them; they go seldom.
            for place in [place for place, each in after.items() if each.id in gone]:
                del after[place]
        return after | made

    def connection(self, app: str, resource_app: str) -> Connection | None:
        """The one connection from this app to this resource app."""
        found = self._connections.get((app, resource_app))
        if isinstance(found, Deferred):
            # two threads may decode it at once: the outcome is the same value
            found = self._connections[app, resource_app] = self._identified(found.decode())
        return found

    def connected(self, app: str) -> tuple[str, ...]:
        """The ids of the resource apps that this app has connections to, whatever these say."""
        if self._connected is None:
            found: dict[str, list[str]] = {}
            for one, resource_app in tuple(self._connections):
                found.setdefault(one, []).append(resource_app)
            self._connected = {one: tuple(sorted(targets)) for one, targets in found.items()}
        return self._connected.get(app, ())

    def _identified(self, connection: Connection) -> Connection:
        """JAG-09: an app that is known by its address is known by it at the resource app too."""
        app = self.apps.get(connection.app)
        if connection.client_id or app is None or not app.by_document:
            return connection
        return replace(connection, client_id=app.client_id)

    @property
    def size(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    @property
    def connections(self) -> Mapping[str, Connection]:
        """All of them by id, decoded: for lint and explanation, never on the way of a request."""
        every = (self.connection(app, resource_app) for app, resource_app in tuple(self._connections))
        return {connection.id: connection for connection in every if connection is not None}

    def naming(self, group: str) -> tuple[Connection, ...]:
        """Those of which a rule names this group, be it to except it."""
        return tuple(
            connection
            for connection in self._about((group,))
            if any(group in rule.who.groups or group in rule.who.except_groups for rule in connection.rules)
        )

    def meaning(self, person: Person) -> tuple[Connection, ...]:
        """Those of which a rule means this person, whatever else they say."""
        return tuple(
            connection
            for connection in self._about((person.id, *person.groups))
            if any(rule.who.includes(person) for rule in connection.rules)
        )

    def _about(self, ids: Collection[str]) -> Iterable[Connection]:
        """Those that may name one of them; what names none stays undecoded."""
        for place, each in tuple(self._connections.items()):
            if isinstance(each, Deferred):
                if each.names(ids) and (found := self.connection(*place)) is not None:
                    yield found
                continue
            known = self._named.get(place)
            if known is None or known[0] is not each:
                known = self._named[place] = (each, _named(each))
            if known[1] is None or not known[1].isdisjoint(ids):
                yield each

    def audience(self, audience: str) -> tuple[ResourceApp, ...]:
        """Every resource app that an ``audience`` parameter may mean; an empty path equals "/"."""
        return self._by_audience.get(same_issuer_lookup(audience), ())

    def is_own_issuer(self, audience: str) -> bool:
        """Whether the audience is this very IdP (XCH-18)."""
        return same_issuer_lookup(audience) in self.issuers

    def near_miss(self, audience: str) -> str | None:
        """A registered issuer or alias that differs only by http, case, default port or final slash.

        In its exact spelling; for administrators, never for the client.
        """
        return self._by_loose.get(_loose(audience))

    def declared(self, resource_app: ResourceApp) -> Declared:
        """What the resource app declares, worked out on first use."""
        found = self._declared.get(resource_app.id)
        if found is None:
            found = self._declared[resource_app.id] = declare(resource_app)
        return found

    def rule_pairs(self, connection: Connection, declared: Declared) -> tuple[frozenset[Pair], ...]:
        """The declared pairs that each rule of the connection names, in the order of its rules."""
        found = self._rule_pairs.get(connection.id)
        if found is None:
            found = tuple(declared.within(rule.scopes, rule.resources) for rule in connection.rules)
            self._rule_pairs[connection.id] = found
        return found


@dataclass(frozen=True, slots=True)
class Declared:
    """A resource app's pairs; resources are in comparable form, ``spelling`` gives the registered one."""

    pairs: frozenset[Pair]
    spelling: Mapping[str, str]

    @property
    def resources(self) -> Iterable[str]:
        """The comparable forms in registered order."""
        return self.spelling

    def within(self, scopes: Narrowing, resources: Narrowing) -> frozenset[Pair]:
        """The declared pairs inside both narrowings.

        A rule that names resources, even to except them, says nothing about an app that has none: the grant
        could not carry what the rule narrowed to.
        """
        return frozenset(
            (scope, resource)
            for scope, resource in self.pairs
            if scopes.admits(scope)
            and (resources.admits(resource) if resource != NO_RESOURCE else resources.kind == "any")
        )


def declare(resource_app: ResourceApp) -> Declared:
    """The pairs of a resource app: its resources' scopes, or its own scopes when it has no resources.

    A resource without scopes has one pair that no request can name, so that it can be reached at all.
    """
    if not resource_app.resources:
        scopes = resource_app.scopes or {NO_SCOPE}
        return Declared(frozenset((s, NO_RESOURCE) for s in scopes), {NO_RESOURCE: ""})
    spelling = {comparable(resource.uri): resource.uri for resource in resource_app.resources}
    pairs = frozenset(
        (scope, comparable(resource.uri))
        for resource in resource_app.resources
        for scope in resource.scopes or (NO_SCOPE,)
    )
    return Declared(pairs, spelling)


def _named(connection: Connection) -> frozenset[str] | None:
    """The groups and people that its rules name, also to except them; None when one is for everyone."""
    whos = [rule.who for rule in connection.rules]
    if any(who.everyone for who in whos):
        return None
    return frozenset[str]().union(*(who.groups | who.people | who.except_groups for who in whos))


def _merged(before: Mapping[str, T], changes: Mapping[str, T | None]) -> Mapping[str, T]:
    if not changes:
        return before
    merged = {id_: each for id_, each in before.items() if id_ not in changes}
    return merged | {id_: each for id_, each in changes.items() if each is not None}


def _loose(name: str) -> str:
    lowered = name.lower().removesuffix("/")
    return lowered.removesuffix(":443").removeprefix("http://").removeprefix("https://")


def _audiences(resource_apps: Iterable[ResourceApp]) -> dict[str, tuple[ResourceApp, ...]]:
    index: dict[str, tuple[ResourceApp, ...]] = {}
    for resource_app in resource_apps:
        for name in {same_issuer_lookup(n) for n in (resource_app.issuer, *resource_app.aliases)}:
            index[name] = (*index.get(name, ()), resource_app)
    return index
