"""What screens and the admin API look up in long tables: the port, and the lines it gives.

Everything is of one tenant, of one page at most, and read without a lock (idjag.idp.store.listing).  Ids are
surrogate ids, times NumericDate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from idjag.idp.neighbours import Neighbours
from idjag.ledger.entry import Row
from idjag.policy.model import Who

__all__ = [
    "NOBODY",
    "Audience",
    "Burst",
    "ConnectionLine",
    "ConnectionStatus",
    "Count",
    "GroupLine",
    "Lookups",
    "Pair",
    "PairUse",
    "PersonLine",
    "PersonName",
    "RuleLine",
    "Step",
    "Thing",
    "TooMuch",
    "Use",
]

Pair: TypeAlias = tuple[str, str]
"""(requesting app, resource app), by their ids."""

Step: TypeAlias = Literal["hour", "day"]
ConnectionStatus: TypeAlias = Literal["draft", "active", "paused", "expired"]


class TooMuch(Exception):
    """The question would take too long: ask for a shorter time, or for something in particular."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many events of a kind there were in the hour or day (UTC) that begins ``at``; ``reason`` or ""."""

    at: int
    event: str
    reason: str
    n: int


@dataclass(frozen=True, slots=True)
class Use:
    """What happened between two apps on one day (UTC): ``scopes`` and ``rules`` (ids) of what was issued."""

    day: int
    event: str
    reason: str
    scopes: tuple[str, ...]
    rules: tuple[str, ...]
    n: int


@dataclass(frozen=True, slots=True)
class PairUse:
    """ID-JAGs of one app for another: how many, when first and last; ``redeemed``: the last one reported."""

    requesting_app: str
    resource_app: str
    n: int
    first: int
    last: int
    redeemed: int | None = None


@dataclass(frozen=True, slots=True)
class Burst:
    """Denials between two apps on one day (UTC), and how many a day there were in the week before."""

    requesting_app: str
    resource_app: str
    n: int
    usual: float
    last: int
    day: int


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule of an active connection; ``last`` is when it last allowed something, None for never."""

    connection_id: str
    connection_key: str
    rule_id: str
    rule_key: str
    last: int | None


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A person in a list; ``groups`` is how many they are in."""

    id: str
    username: str
    email: str | None
    name: str
    status: str
    held: bool
    groups: int
    managed_by: str


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group in a list; ``members`` is how many people are in it, disabled ones included."""

    id: str
    name: str
    source: str
    members: int
    managed_by: str


@dataclass(frozen=True, slots=True)
class ConnectionLine:
    """A connection in a list.

    ``people`` is how many active people its rules and the assignments of both apps let through, ``last_used``
    when an ID-JAG was last issued; None where it was not asked for, or never.
    """

    id: str
    key: str
    requesting_app: str
    requesting_app_key: str
    requesting_app_name: str
    resource_app: str
    resource_app_key: str
    resource_app_name: str
    status: ConnectionStatus
    owner: str
    expires: int | None
    held: bool
    managed_by: str
    last_used: int | None
    people: int | None


@dataclass(frozen=True, slots=True)
class Thing:
    """Something whose changes are looked for: ``noun`` as events name it, ``id`` its surrogate id.

    A connection also says its two apps; its rules and holds are found by them.
    """

    noun: str
    id: str
    pair: Pair = ("", "")


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom at least one of ``rules`` means, each of ``within`` (assignments), and none of ``never``."""

    rules: Collection[Who]
    within: Collection[Who] = ()
    never: Collection[Who] = ()


NOBODY: Final = Audience(())


@dataclass(frozen=True, slots=True)
class PersonName:
    """A person as a sentence names them; ``name`` is the user name where they have no other."""

    username: str
    name: str


class Lookups(Neighbours, Protocol):
    """All raise SchemaRefused when the database cannot be read, TooMuch when it takes too long."""

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
        """Rows of the audit log (``trail.event_of``), the latest first: those before the row of a number.

        ``about`` has columns of ``listing.ABOUT``; ``text`` stands anywhere in the event and wants ``since``.
        """
        ...

    def export(
        self, *, about: Mapping[str, str], since: int | None, until: int | None, text: str = ""
    ) -> Iterator[Row]:
        """The same as ``audit``, to the end, read page by page."""
        ...

    def last_no(self) -> int:
        """The number of the latest row of the audit log, 0 for an empty one."""
        ...

    def log(self, *, after_no: int, limit: int) -> Sequence[Row]:
        """Rows of the audit log after a number, in the order of their numbers."""
        ...

    def thread(self, jti: str, *, limit: int = 200) -> Sequence[Row]:
        """Everything about one ID-JAG, in the order in which it happened."""
        ...

    def history(self, thing: Thing, *, before_no: int | None = None, limit: int = 50) -> Sequence[Row]:
        """Audit rows of what was changed about a thing, the latest first."""
        ...

    def changes(self, *, before_no: int | None = None, limit: int = 50) -> Sequence[Row]:
        """Audit rows of what was changed about anything, the latest first: no exchanges, no sign-ins."""
        ...

    def counts(self, *, since: int, until: int, step: Step) -> Sequence[Count]:
        """Events of each hour or day that begins in that time, in order; all kinds of events."""
        ...

    def uses(self, pair: Pair, *, since: int, until: int) -> Sequence[Use]:
        """What happened between two apps on each day that begins in that time, in order."""
        ...

    def rules_used(self, pair: Pair) -> Mapping[str, int]:
        """When each rule, by its id, last allowed something between two apps."""
        ...

    def pair_uses(self, pairs: Collection[Pair] | None = None, *, limit: int = 1_000) -> Sequence[PairUse]:
        """How much these pairs, or all, are used; the latest first, nothing of a pair that never was."""
        ...

    def first_seen(self, *, since: int, limit: int = 50) -> Sequence[PairUse]:
        """Pairs between which an ID-JAG was issued for the first time since then, the latest first."""
        ...

    def bursts(self, *, now: int, limit: int = 50) -> Sequence[Burst]:
        """Pairs with far more denials today (or yesterday, early in the day) than in the week before."""
        ...

    def people(self, *, begins: str, after: str, limit: int) -> Sequence[str]:
        """User names in their order."""
        ...

    def find_people(
        self, *, text: str = "", status: str | None = None, after: str = "", limit: int = 50, now: int = 0
    ) -> Sequence[PersonLine]:
        """People whose user name, address or name begins so, in any case; ``after`` a user name.

        ``now``: holds that ended by then hold nobody.
        """
        ...

    def groups(self, *, text: str = "", after: str = "", limit: int = 50) -> Sequence[GroupLine]:
        """Groups whose name begins so, in any case, in the order of names; ``after`` a name."""
        ...

    def members(
        self, group_id: str, *, text: str = "", after: str = "", limit: int = 50, now: int = 0
    ) -> Sequence[PersonLine]:
        """People of a group whose user name, address or name begins so; ``after`` a user name."""
        ...

    def groups_of(self, person_id: str, *, limit: int = 200) -> Sequence[GroupLine]:
        """The groups of a person, in the order of names."""
        ...

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
        """Connections in the order of their keys; ``text`` stands in the key, or in an app's key or name.

        ``owner``: who begins so, in any case.  ``requesting_app`` and ``resource_app`` are ids.  ``people``:
        also how many each reaches, which costs more than everything else here.
        """
        ...

    def expiring(self, *, now: int, until: int, limit: int = 50) -> Sequence[ConnectionLine]:
        """Connections that are not paused and end by then, the next first; without ``people``."""
        ...

    def unused(self, *, now: int, since: int, limit: int = 50) -> Sequence[ConnectionLine]:
        """Active connections, made before then and not used since; without ``people``."""
        ...

    def unused_rules(self, *, now: int, since: int, limit: int = 50) -> Sequence[RuleLine]:
        """Rules that allowed nothing since, of active connections that did and were made before then."""
        ...

    def reached(self, meant: Audience, *, but: Audience = NOBODY) -> int:
        """How many active people are meant, without those that ``but`` means."""
        ...

    def reached_people(
        self, meant: Audience, *, but: Audience = NOBODY, after: str = "", limit: int = 10
    ) -> Sequence[PersonName]:
        """The first of them by user name; the next ones are after the last."""
        ...
