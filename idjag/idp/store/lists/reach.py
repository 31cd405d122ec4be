"""How many people somebody means: members of groups, people by name, everyone, and who is not meant.

Many questions about few groups are answered together; a group is counted by an index alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from idjag.idp.lookups import NOBODY, Audience, PersonName
from idjag.idp.store.lists.asking import Asking
from idjag.idp.store.lists.indexes import CHANGE
from idjag.policy.model import Who

__all__ = ["Meant", "Reach", "people", "reached"]

Meant: TypeAlias = tuple[frozenset[Who], frozenset[Who]]
"""Whom one at least of the first means, and each of the second: rules, and assignments."""

_EVERYONE: Final = Who(everyone=True)
_ACTIVE: Final = "FROM person AS p WHERE p.tenant_id = :tenant AND p.status = 'active'"
# Whoever is not active is looked for, since there are few of them.
_INACTIVE: Final = "(SELECT d.id FROM person AS d WHERE d.tenant_id = :tenant AND d.status <> 'active')"
_LAST_CHANGE: Final = f"SELECT max(no) AS no FROM audit WHERE tenant = :tenant AND {CHANGE}"  # noqa: S608  # our own
_MOST_KNOWN: Final = 20_000
# One after the other, each in its own groups: to tell the people of all of them apart takes longer.
_TOGETHER: Final = (
    "SELECT w.n, (SELECT count(*) FROM (SELECT DISTINCT m.person_id FROM membership AS m "  # noqa: S608  # our own
    "WHERE m.tenant_id = :tenant AND m.group_id IN ({places})) AS each "
    f"WHERE each.person_id NOT IN {_INACTIVE}) AS people FROM ({{wanted}}) AS w"
)
_MOST_GROUPS: Final = 8


class Reach:
    """Counts of one tenant, kept as long as nobody there has changed anything."""

    def __init__(self, ask: Asking, tenant: str) -> None:
        self._ask, self._tenant = ask, tenant
        self._known: tuple[int | None, dict[Meant, int]] = (None, {})

    def each(self, meant: Collection[Meant]) -> Mapping[Meant, int]:
        """How many active people each of these reaches."""
        change = self._ask.value(_LAST_CHANGE, tenant=self._tenant)
        at, known = self._known
        if at != change or len(known) > _MOST_KNOWN:
            known = {}
            self._known = (change, known)
        missing = {one: _simple(one) for one in meant if one not in known}
        together = {one: groups for one, groups in missing.items() if groups}
        known |= _together(self._ask, self._tenant, together) if together else {}
        for one, groups in missing.items():
            if not groups:
                known[one] = reached(self._ask, self._tenant, Audience(*one))
        return known


def reached(ask: Asking, tenant: str, meant: Audience, *, but: Audience = NOBODY) -> int:
    """How many active people are meant, without those that ``but`` means."""
    values: dict[str, Any] = {}
    if not meant.rules:
        return 0
    which = _which(meant, values, but=but)
    return int(ask.value(f"SELECT count(*) {which}", tenant=tenant, **values))


def people(
    ask: Asking, tenant: str, meant: Audience, *, but: Audience, after: str, limit: int
) -> Sequence[PersonName]:
    """The first of them by user name."""
    values: dict[str, Any] = {"after": after, "limit": limit}
    if not meant.rules:
        return ()
    which = _which(meant, values, but=but)
    question = (
        "SELECT q.username, q.name FROM person AS q WHERE q.tenant_id = :tenant AND q.username > :after "  # noqa: S608  # our own
        f"AND q.id IN (SELECT p.id {which}) ORDER BY q.username LIMIT :limit"
    )
    rows = ask.rows(question, tenant=tenant, **values)
    return [PersonName(row["username"], row["name"] or row["username"]) for row in rows]


def _which(meant: Audience, values: dict[str, Any], *, but: Audience) -> str:
    """FROM and WHERE of the active people ``p`` who are meant; what it compares with goes into ``values``."""
    rules, conditions = tuple(meant.rules), list[str]()
    if any(rule.everyone for rule in rules):
        source = _ACTIVE
    else:
        values["some"] = frozenset(group for rule in rules for group in rule.groups)
        values["named"] = frozenset(person for rule in rules for person in rule.people)
        source = (
            "FROM (SELECT person_id AS id FROM membership "  # noqa: S608  # our own names
            "WHERE group_id IN :some AND tenant_id = :tenant "
            "UNION SELECT id FROM person WHERE id IN :named AND tenant_id = :tenant) AS p "
            f"WHERE p.id NOT IN {_INACTIVE}"
        )
    if any(rule.everyone or rule.except_groups or rule.except_people for rule in rules):
        conditions.append(_any(rules, values))
    conditions += _narrowed(meant, values)
    if but.rules:
        conditions.append(f"NOT ({' AND '.join([_any(but.rules, values), *_narrowed(but, values)])})")
    return " AND ".join([source, *conditions])


def _narrowed(meant: Audience, values: dict[str, Any]) -> list[str]:
    """Who is assigned, and whom no guardrail means."""
    assigned = [_means(each, values) for each in meant.within if each != _EVERYONE]
    return [*assigned, *(f"NOT {_means(each, values)}" for each in meant.never)]


def _any(rules: Iterable[Who], values: dict[str, Any]) -> str:
    return f"({' OR '.join(_means(rule, values) for rule in rules)})"


def _means(who: Who, values: dict[str, Any]) -> str:
    """A condition on the person ``p``; what it compares with goes into ``values``."""
    meant = ["1 = 1"] if who.everyone else [_in_groups(who.groups, values), _named(who.people, values)]
    condition = f"({' OR '.join(meant)})"
    if who.except_groups:
        condition += f" AND NOT {_in_groups(who.except_groups, values)}"
    if who.except_people:
        condition += f" AND NOT {_named(who.except_people, values)}"
    return f"({condition})"


def _in_groups(groups: frozenset[str], values: dict[str, Any]) -> str:
    name = _noted(groups, values)
    return (
        "EXISTS (SELECT 1 FROM membership AS m "  # noqa: S608  # the names of values are ours
        f"WHERE m.person_id = p.id AND m.group_id IN :{name} AND m.tenant_id = :tenant)"
    )


def _named(people: frozenset[str], values: dict[str, Any]) -> str:
    return f"p.id IN :{_noted(people, values)}"


def _noted(ids: frozenset[str], values: dict[str, Any]) -> str:
    name = f"ids{len(values)}"
    values[name] = ids
    return name


def _simple(meant: Meant) -> frozenset[str]:
    """The few groups whose members are all that it comes to; none when there is more to it."""
    rules, within = meant
    plain = all(
        not (rule.everyone or rule.people or rule.except_groups or rule.except_people) for rule in rules
    )
    if not plain or any(each != _EVERYONE for each in within):
        return frozenset()
    groups = frozenset(group for rule in rules for group in rule.groups)
    return groups if len(groups) <= _MOST_GROUPS else frozenset()


def _together(ask: Asking, tenant: str, by_groups: Mapping[Meant, frozenset[str]]) -> dict[Meant, int]:
    wanted: list[str] = []
    values: dict[str, str] = {}
    most = max(map(len, by_groups.values()))
    for number, groups in enumerate(by_groups.values()):
        # every row has the same columns, and no id is empty
        places = [*sorted(groups), *[""] * (most - len(groups))]
        names = {f"g{number}_{place}": group for place, group in enumerate(places)}
        values |= names
        columns = ", ".join(f":{name} AS g{place}" for place, name in enumerate(names))
        wanted.append(f"SELECT {number} AS n, {columns}")
    question = _TOGETHER.format(
        places=", ".join(f"w.g{place}" for place in range(most)), wanted=" UNION ALL ".join(wanted)
    )
    counted = {row["n"]: row["people"] for row in ask.rows(question, tenant=tenant, **values)}
    return {one: counted[number] for number, one in enumerate(by_groups)}
