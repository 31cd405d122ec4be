"""The rows of a tenant as they are now, from one transaction, by the names that a file uses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from idjag.idp.catalog.documents import PEOPLE_LISTS, ids_in, spec_of
from idjag.idp.catalog.group import LOCAL
from idjag.idp.catalog.references import References
from idjag.ledger.entry import Facts, Key, Row

__all__ = ["Current", "Further", "Reads", "load"]

_POLICY_TABLES = ("app", "resource_app", "connection", "guardrail")
_OF_A_PERSON = ("membership", "subject", "credential")


class Reads(Protocol):
    """A ledger, as far as reading goes."""

    def read(self, keys: Sequence[Key]) -> Facts:
        """Fresh facts from one transaction."""
        ...


@dataclass(frozen=True)
class Current:
    """What is there.

    Groups by name (local ones), people by user name, the rest by key.  ``memberships`` and ``subs`` (by
    sector) are by person id, ``held`` has the ids of everything under a hold.  ``people`` may be only those
    that matter.  ``settings`` is the tenant's own row.
    """

    tenant: str
    policy_seq: int = 0
    settings: Row | None = None
    groups: Mapping[str, Row] = field(default_factory=dict)
    people: Mapping[str, Row] = field(default_factory=dict)
    apps: Mapping[str, Row] = field(default_factory=dict)
    resource_apps: Mapping[str, Row] = field(default_factory=dict)
    connections: Mapping[str, Row] = field(default_factory=dict)
    guardrails: Mapping[str, Row] = field(default_factory=dict)
    memberships: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    subs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    credentialed: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()

    @cached_property
    def references(self) -> References:
        """The names of what is there."""
        return References(
            groups=_ids(self.groups),
            people=_ids(self.people),
            apps=_ids(self.apps),
            resource_apps=_ids(self.resource_apps),
        )

    def local_groups(self, person_id: str) -> frozenset[str]:
        """The ids of the local groups that a person is in; those of other sources are not a file's to say."""
        rows = self.memberships.get(person_id, ())
        return frozenset(str(row["group_id"]) for row in rows if row["group_id"] in self._local)

    @cached_property
    def _local(self) -> frozenset[object]:
        return frozenset(row["id"] for row in self.groups.values())


@dataclass(frozen=True, slots=True)
class Further:
    """What else is read: the names of connections, and user names by the rows of all resource apps.

    Both are asked for when the policy has been read: what is added to it afterwards moves policy_seq.
    """

    connections: Callable[[], Collection[str]] = tuple
    people: Callable[[Iterable[Row]], Collection[str]] = lambda _resource_apps: ()


_NOTHING: Final = Further()


def load(
    ledger: Reads,
    tenant: str,
    *,
    everyone: bool,
    usernames: Iterable[str] = (),
    connections: Collection[tuple[str, str]] | None = None,
    further: Further = _NOTHING,
) -> Current:
    """Read a tenant: with every person, or with those alone whom the policy or ``usernames`` name.

    ``connections``: (id, requesting app) of those that matter, by their names; with them come those of the
    same apps, and no others.  None reads all of them, and there may be thousands.
    The head is read first: whatever moves the policy while the rest is read shows in ``policy_seq`` when the
    change is committed.
    """
    head = Key("ledger_head", "tenant", tenant)
    tables = [table for table in _POLICY_TABLES if table != "connection" or connections is None]
    whole = {table: Key(table, "tenant_id", tenant) for table in (*tables, "person_group", "hold")}
    own = Key("tenant", "id", tenant)
    facts = ledger.read((head, own, *whole.values()))
    rows = {table: facts(key) for table, key in whole.items()}
    if connections is not None:
        named = [*connections, *((key, "") for key in further.connections())]
        rows["connection"] = _around(ledger, tenant, rows["app"], named)
    if everyone:
        people = _everyone(ledger, tenant)
    else:
        ids = {person for table in _POLICY_TABLES for row in rows[table] for person in _people_in(row)}
        beside = further.people(rows["resource_app"])
        people = _some(ledger, tenant, ids=ids, usernames=frozenset((*usernames, *beside)))
    return Current(
        tenant=tenant,
        policy_seq=_seq(facts(head)),
        settings=next(iter(facts(own)), None),
        groups=_by("name", (row for row in rows["person_group"] if row["source"] == LOCAL)),
        people=_by("username", people.rows),
        apps=_by("key", rows["app"]),
        resource_apps=_by("key", rows["resource_app"]),
        connections=_by("key", rows["connection"]),
        guardrails=_by("key", rows["guardrail"]),
        memberships=_members(people.memberships),
        subs=_subs(people.subjects),
        credentialed=frozenset(str(row["person_id"]) for row in people.credentials),
        held=frozenset(str(row[name]) for row in rows["hold"] for name in ("target", "app")),
    )


def _around(
    ledger: Reads, tenant: str, apps: Iterable[Row], connections: Collection[tuple[str, str]]
) -> tuple[Row, ...]:
    """The connections of these names, and those of these apps: two of one pair would clash."""
    named = {app for _, app in connections}
    keys = [Key("connection", "key", key) for key in sorted({key for key, _ in connections})]
    keys += [Key("connection", "app_id", str(row["id"])) for row in apps if row["key"] in named]
    facts = ledger.read(keys)
    found = {row["id"]: row for key in keys for row in facts(key) if row["tenant_id"] == tenant}
    return tuple(found.values())


class _People(NamedTuple):
    rows: tuple[Row, ...]
    memberships: tuple[Row, ...]
    subjects: tuple[Row, ...]
    credentials: tuple[Row, ...]


def _everyone(ledger: Reads, tenant: str) -> _People:
    keys = [Key(table, "tenant_id", tenant) for table in ("person", *_OF_A_PERSON)]
    facts = ledger.read(keys)
    return _People(*(facts(key) for key in keys))


def _some(ledger: Reads, tenant: str, *, ids: Iterable[str], usernames: Iterable[str]) -> _People:
    by_id = [Key("person", "id", one) for one in sorted(ids)]
    by_name = [Key("person", "username", name) for name in sorted(usernames)]
    facts = ledger.read([*by_id, *by_name])
    found = {row["id"]: row for key in (*by_id, *by_name) for row in facts(key) if row["tenant_id"] == tenant}
    of_them = {table: [Key(table, "person_id", str(person)) for person in found] for table in _OF_A_PERSON}
    facts = ledger.read([key for keys in of_them.values() for key in keys])
    rest = (tuple(row for key in keys for row in facts(key)) for keys in of_them.values())
    return _People(tuple(found.values()), *rest)


def _people_in(row: Row) -> Iterator[str]:
    """The ids of people that a policy row names; almost no row names any."""
    text = str(row["spec"])
    if '"people":' in text or '"except_people":' in text:
        yield from ids_in(spec_of(row), PEOPLE_LISTS)


def _seq(heads: Sequence[Row]) -> int:
    for row in heads:
        if isinstance(seq := row["policy_seq"], int):
            return seq
    raise LookupError("the ledger has no such tenant")


def _by(column: str, rows: Iterable[Row]) -> dict[str, Row]:
    """By name, in the order of the names, so that whatever is made of it has one order too."""
    return {str(row[column]): row for row in sorted(rows, key=lambda row: str(row[column]))}


def _ids(rows: Mapping[str, Row]) -> dict[str, str]:
    return {name: str(row["id"]) for name, row in rows.items()}


def _members(rows: Iterable[Row]) -> dict[str, tuple[Row, ...]]:
    members: dict[str, list[Row]] = {}
    for row in rows:
        members.setdefault(str(row["person_id"]), []).append(row)
    return {person: tuple(of_them) for person, of_them in members.items()}


def _subs(rows: Iterable[Row]) -> dict[str, dict[str, str]]:
    subs: dict[str, dict[str, str]] = {}
    for row in rows:
        subs.setdefault(str(row["person_id"]), {})[str(row["sector"])] = str(row["sub"])
    return subs
