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
    "Wanted",
    "around_app",
    "around_person",
    "around_resource_app",
    "everything",
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

    ``more``: other requesting apps follow.
    """

    rows: tuple[App, ...]
    columns: tuple[ResourceApp, ...]
    cells: dict[tuple[str, str], Link]
    more: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the matrix is narrowed by, and how many requesting apps stand before those that are shown."""

    text: str = ""
    statuses: frozenset[str] = frozenset()
    after: int = 0


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


def everything(desk: Desk, policy: Policy, *, held: frozenset[str]) -> list[Link]:
    """All connections."""
    pairs = (
        (app, policy.resource_apps[one]) for app in policy.apps.values() for one in policy.connected(app.id)
    )
    return _used(desk, list(_links(policy, pairs, now=desk.now, held=held)))


def matrix(desk: Desk, policy: Policy, wanted: Wanted, *, held: frozenset[str], most: int) -> Matrix:
    """The requesting apps that are connected as is wanted, with all that each of them is so connected to."""
    rows: list[tuple[App, list[Link]]] = []
    for app, targets in _fitting(policy, wanted.text.casefold()):
        if len(rows) > wanted.after + most:
            break
        # connections are decoded where they are shown, or where their status tells whether they are
        skipped = len(rows) < wanted.after or len(rows) == wanted.after + most
        pairs = ((app, each) for each in targets)
        links = list(_links(policy, pairs, now=desk.now, held=held)) if wanted.statuses or not skipped else []
        found = [link for link in links if not wanted.statuses or link.state in wanted.statuses]
        if found or (skipped and not wanted.statuses):
            rows.append((app, found))
    shown = rows[wanted.after : wanted.after + most]
    cells = {(link.app.id, link.resource_app.id): link for _, links in shown for link in links}
    across = {link.resource_app.id: link.resource_app for link in cells.values()}
    return Matrix(
        tuple(app for app, _ in shown),
        tuple(sorted(across.values(), key=_by_name)),
        cells,
        len(rows) > wanted.after + most,
    )


def _fitting(policy: Policy, text: str) -> Iterator[tuple[App, list[ResourceApp]]]:
    """By name, the apps that are connected, and where, as far as one of the two names has the text."""
    fits = {one.id for one in policy.resource_apps.values() if text in _said(one)}
    for app in sorted(policy.apps.values(), key=_by_name):
        here = text in _said(app)
        targets = [policy.resource_apps[one] for one in policy.connected(app.id) if here or one in fits]
        if targets:
            yield app, targets


def _by_name(one: App | ResourceApp) -> tuple[str, str]:
    return one.name.casefold(), one.key


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
