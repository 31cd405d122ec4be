"""Who is connected to whom around one app, one resource app or one person, and the sparse matrix of all.

Read from the policy in memory: connections are decoded only where something of them is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from idjag.idp.console.visit import Desk
from idjag.idp.facts import holds_of
from idjag.idp.lookups import PairUse
from idjag.idp.me.access import actors
from idjag.ledger.entry import Key
from idjag.policy.index import Policy
from idjag.policy.model import App, Connection, Hold, HoldKind, Person, ResourceApp

__all__ = [
    "Link",
    "Matrix",
    "around_app",
    "around_person",
    "around_resource_app",
    "holds_on",
    "matrix",
    "state_of",
]


@dataclass(frozen=True, slots=True)
class Link:
    """One connection as the map draws it: between whom, in which state, and how much it is used."""

    connection: Connection
    app: App
    resource_app: ResourceApp
    state: str
    use: PairUse | None = None
    scopes: tuple[str, ...] = ()

    @property
    def weight(self) -> int:
        """1 to 5: the order of magnitude of what was issued."""
        return min(5, len(str(self.use.n))) if self.use and self.use.n else 1


@dataclass(frozen=True, slots=True)
class Matrix:
    """Requesting apps down, resource apps across; ``cells`` by (row, column) id.

    ``more``: not everything is shown.
    """

    rows: tuple[App, ...]
    columns: tuple[ResourceApp, ...]
    cells: dict[tuple[str, str], Link]
    more: bool


def state_of(connection: Connection, *, now: int, held: frozenset[str]) -> str:
    """What a page calls it: held, expired, or the status that was given."""
    if {connection.id, connection.app, connection.resource_app} & held:
        return "held"
    if connection.expires is not None and connection.expires <= now:
        return "expired"
    return connection.status.value


def around_app(desk: Desk, policy: Policy, app: App, *, held: frozenset[str]) -> list[Link]:
    """Where an app may go."""
    pairs = ((app, policy.resource_apps[target]) for target in policy.connected(app.id))
    return _used(desk, list(_links(policy, pairs, now=desk.now, held=held)))


def around_resource_app(
    desk: Desk, policy: Policy, target: ResourceApp, *, held: frozenset[str]
) -> list[Link]:
    """Who may come to a resource app."""
    pairs = ((app, target) for app in policy.apps.values() if target.id in policy.connected(app.id))
    return _used(desk, list(_links(policy, pairs, now=desk.now, held=held)))


def around_person(desk: Desk, policy: Policy, person: Person, *, held: frozenset[str]) -> list[Link]:
    """Which apps can act as somebody, where and how far; asked of the one evaluator."""
    links = []
    for actor in actors(desk.services, person, now=desk.now, used=False):
        for reach in actor.reaches:
            connection = policy.connection(actor.app.id, reach.resource_app.id)
            if connection is not None:
                state = (
                    "held" if reach.stopped or actor.stops else state_of(connection, now=desk.now, held=held)
                )
                links.append(Link(connection, actor.app, reach.resource_app, state, scopes=reach.scopes))
    return _used(desk, links)


def matrix(
    desk: Desk, policy: Policy, *, text: str, held: frozenset[str], most: int, statuses: frozenset[str]
) -> Matrix:
    """Those requesting and resource apps whose name or id has the text, as far as they are connected."""
    wanted = text.casefold()
    rows: list[App] = []
    cells: dict[tuple[str, str], Link] = {}
    columns: dict[str, ResourceApp] = {}
    more = False
    for app in sorted(policy.apps.values(), key=lambda app: app.name.casefold()):
        targets = [policy.resource_apps[target] for target in policy.connected(app.id)]
        found = [each for each in targets if wanted in _said(app) or wanted in _said(each)]
        if not found:
            continue
        if len(rows) == most:
            more = True
            break
        fits = [each for each in found if each.id in columns or len(columns) < most]
        more = more or len(fits) < len(found)
        links = [
            link
            for link in _links(policy, ((app, each) for each in fits), now=desk.now, held=held)
            if not statuses or link.state in statuses
        ]
        columns |= {link.resource_app.id: link.resource_app for link in links}
        cells |= {(app.id, link.resource_app.id): link for link in links}
        rows += [app] if links else []
    across = tuple(sorted(columns.values(), key=lambda target: target.name.casefold()))
    used = {(link.app.id, link.resource_app.id): link for link in _used(desk, list(cells.values()))}
    return Matrix(tuple(rows), across, used, more)


def holds_on(desk: Desk) -> dict[str, Hold]:
    """What is held for everybody right now, by its id."""
    key = Key("hold", "tenant_id", desk.office.tenant)
    holds = holds_of(desk.office.ledger.read((key,))(key))
    alive = [hold for hold in holds if hold.until is None or hold.until > desk.now]
    return {hold.target: hold for hold in alive if hold.kind is not HoldKind.USER_IN_APP}


def _links(
    policy: Policy, pairs: Iterable[tuple[App, ResourceApp]], *, now: int, held: frozenset[str]
) -> Iterator[Link]:
    for app, target in pairs:
        if (connection := policy.connection(app.id, target.id)) is not None:
            yield Link(connection, app, target, state_of(connection, now=now, held=held))


def _used(desk: Desk, links: list[Link]) -> list[Link]:
    """The same with what was issued by each, in the order of their names."""
    pairs = [(link.app.id, link.resource_app.id) for link in links]
    uses = desk.office.lookups.pair_uses(pairs=pairs) if pairs else ()
    by_pair = {(use.requesting_app, use.resource_app): use for use in uses}
    whole = [replace(link, use=by_pair.get((link.app.id, link.resource_app.id))) for link in links]
    return sorted(whole, key=lambda link: (link.app.name.casefold(), link.resource_app.name.casefold()))


def _said(one: App | ResourceApp) -> str:
    return f"{one.name}\0{one.key}".casefold()
