"""Long tables of one tenant, looked up a page at a time: the port is idjag.idp.lookups."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from idjag.idp.lookups import (
    NOBODY,
    Audience,
    Burst,
    ConnectionLine,
    ConnectionStatus,
    Count,
    GroupLine,
    Pair,
    PairUse,
    PersonLine,
    PersonName,
    RuleLine,
    Step,
    Thing,
    Use,
)
from idjag.idp.store.lists import connections, counts, log, neighbours, people, reach
from idjag.idp.store.lists.asking import Asking
from idjag.ledger.entry import Row

__all__ = ["ABOUT", "Listing"]

ABOUT = log.ABOUT


class Listing:
    """The lookups of one tenant in the database of a URL; ``close`` it.  The port says what each gives."""

    def __init__(self, url: str, tenant: str, *, ask: Asking | None = None) -> None:
        self._ask = ask or Asking(url)
        self._tenant = tenant
        self._reach = reach.Reach(self._ask, tenant)

    def close(self) -> None:
        """Close the connections that are idle."""
        self._ask.close()

    def audit(
        self,
        *,
        about: Mapping[str, str],
        since: int | None,
        until: int | None,
        before_no: int | None,
        limit: int,
        text: str = "",
    ) -> Sequence[Row]:
        """Rows of the audit log, the latest first."""
        return log.audit(
            self._ask,
            self._tenant,
            about=about,
            since=since,
            until=until,
            before_no=before_no,
            limit=limit,
            text=text,
        )

    def export(
        self, *, about: Mapping[str, str], since: int | None, until: int | None, text: str = ""
    ) -> Iterator[Row]:
        """The same, to the end."""
        return log.export(self._ask, self._tenant, about=about, since=since, until=until, text=text)

    def last_no(self) -> int:
        """The number of the latest row of the audit log."""
        return log.last_no(self._ask, self._tenant)

    def log(self, *, after_no: int, limit: int) -> Sequence[Row]:
        """Rows after a number."""
        return log.after(self._ask, self._tenant, after_no=after_no, limit=limit)

    def thread(self, jti: str, *, limit: int = 200) -> Sequence[Row]:
        """Everything about one ID-JAG."""
        return log.thread(self._ask, self._tenant, jti, limit=limit)

    def history(self, thing: Thing, *, before_no: int | None = None, limit: int = 50) -> Sequence[Row]:
        """What was changed about a thing."""
        return log.history(self._ask, self._tenant, thing, before_no=before_no, limit=limit)

    def changes(self, *, before_no: int | None = None, limit: int = 50) -> Sequence[Row]:
        """What was changed about anything."""
        return log.changes(self._ask, self._tenant, before_no=before_no, limit=limit)

    def counts(self, *, since: int, until: int, step: Step) -> Sequence[Count]:
        """Events of each hour or day."""
        return counts.counts(self._ask, self._tenant, since=since, until=until, step=step)

    def uses(self, pair: Pair, *, since: int, until: int) -> Sequence[Use]:
        """What happened between two apps on each day."""
        return counts.uses(self._ask, self._tenant, pair, since=since, until=until)

    def rules_used(self, pair: Pair) -> Mapping[str, int]:
        """When each rule last allowed something."""
        return counts.rules_used(self._ask, self._tenant, pair)

    def pair_uses(self, pairs: Collection[Pair] | None = None, *, limit: int = 1_000) -> Sequence[PairUse]:
        """How much these pairs, or all, are used."""
        return counts.pair_uses(self._ask, self._tenant, pairs, limit=limit)

    def first_seen(self, *, since: int, limit: int = 50) -> Sequence[PairUse]:
        """Pairs that are new since then."""
        return counts.first_seen(self._ask, self._tenant, since=since, limit=limit)

    def bursts(self, *, now: int, limit: int = 50) -> Sequence[Burst]:
        """Pairs with far more denials than usual."""
        return counts.bursts(self._ask, self._tenant, now=now, limit=limit)

    def people(self, *, begins: str, after: str, limit: int) -> Sequence[str]:
        """User names."""
        return people.people(self._ask, self._tenant, begins=begins, after=after, limit=limit)

    def find_people(
        self, *, text: str = "", status: str | None = None, after: str = "", limit: int = 50, now: int = 0
    ) -> Sequence[PersonLine]:
        """People."""
        return people.find_people(
            self._ask, self._tenant, text=text, status=status, after=after, limit=limit, now=now
        )

    def groups(self, *, text: str = "", after: str = "", limit: int = 50) -> Sequence[GroupLine]:
        """Groups."""
        return people.groups(self._ask, self._tenant, text=text, after=after, limit=limit)

    def members(
        self, group_id: str, *, text: str = "", after: str = "", limit: int = 50, now: int = 0
    ) -> Sequence[PersonLine]:
        """People of a group."""
        return people.members(self._ask, self._tenant, group_id, text=text, after=after, limit=limit, now=now)

    def groups_of(self, person_id: str, *, limit: int = 200) -> Sequence[GroupLine]:
        """The groups of a person."""
        return people.groups_of(self._ask, self._tenant, person_id, limit=limit)

    def connections(
        self,
        *,
        now: int,
        text: str = "",
        status: ConnectionStatus | None = None,
        owner: str = "",
        requesting_app: str | None = None,
        resource_app: str | None = None,
        after: str = "",
        limit: int = 50,
        people: bool = True,
    ) -> Sequence[ConnectionLine]:
        """Connections in the order of their keys."""
        return connections.connections(
            self._ask,
            self._tenant,
            now=now,
            text=text,
            status=status,
            owner=owner,
            requesting_app=requesting_app,
            resource_app=resource_app,
            after=after,
            limit=limit,
            reach=self._reach if people else None,
        )

    def expiring(self, *, now: int, until: int, limit: int = 50) -> Sequence[ConnectionLine]:
        """Connections that end by then."""
        return connections.expiring(self._ask, self._tenant, now=now, until=until, limit=limit)

    def unused(self, *, now: int, since: int, limit: int = 50) -> Sequence[ConnectionLine]:
        """Active connections that are not used."""
        return connections.unused(self._ask, self._tenant, now=now, since=since, limit=limit)

    def unused_rules(self, *, now: int, since: int, limit: int = 50) -> Sequence[RuleLine]:
        """Rules that allow nothing to anybody who asks."""
        return connections.unused_rules(self._ask, self._tenant, now=now, since=since, limit=limit)

    def reached(self, meant: Audience, *, but: Audience = NOBODY) -> int:
        """How many active people are meant."""
        return reach.reached(self._ask, self._tenant, meant, but=but)

    def reached_people(
        self, meant: Audience, *, but: Audience = NOBODY, after: str = "", limit: int = 10
    ) -> Sequence[PersonName]:
        """Who they are."""
        return reach.people(self._ask, self._tenant, meant, but=but, after=after, limit=limit)

    def alike(self, usernames: Collection[str]) -> Sequence[str]:
        """User names that differ in case alone."""
        return neighbours.alike(self._ask, self._tenant, usernames)

    def having(self, attributes: Collection[tuple[str, str]]) -> Sequence[str]:
        """The user names of those who have one of these attributes."""
        return neighbours.having(self._ask, self._tenant, attributes)

    def sharing(self, attributes: Collection[str]) -> Sequence[str]:
        """The user names of those of whom another has the same value."""
        return neighbours.sharing(self._ask, self._tenant, attributes)

    def referring(self, named: Mapping[str, Collection[str]]) -> Sequence[str]:
        """The names of connections that refer to something."""
        return neighbours.referring(self._ask, self._tenant, named)

    def connection_names(self, *, begins: str, after: str, limit: int) -> Sequence[str]:
        """The names of connections."""
        return neighbours.connection_names(self._ask, self._tenant, begins=begins, after=after, limit=limit)
