"""What people call the groups and people that rules, guardrails and holds name by id."""

from __future__ import annotations

from collections.abc import Iterable

from idjag.idp.facts import string
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Facts, Key
from idjag.policy.model import Who
from idjag.policy.words import Names

__all__ = ["mentioned", "name_keys", "names_in", "names_of"]


def mentioned(whos: Iterable[Who]) -> tuple[frozenset[str], frozenset[str]]:
    """The ids of the groups and of the people that they name."""
    listed = list(whos)
    return (
        frozenset[str]().union(*(who.groups | who.except_groups for who in listed)),
        frozenset[str]().union(*(who.people | who.except_people for who in listed)),
    )


def name_keys(groups: Iterable[str], people: Iterable[str]) -> list[Key]:
    """What must be read to name them."""
    return [
        *(Key("person_group", "id", one) for one in groups),
        *(Key("person", "id", one) for one in people),
    ]


def names_in(found: Facts, groups: Iterable[str], people: Iterable[str]) -> Names:
    """Their names, from what was read."""
    return Names(
        groups={one: string(row, "name") for one in groups for row in found(Key("person_group", "id", one))},
        people={one: string(row, "username") for one in people for row in found(Key("person", "id", one))},
    )


def names_of(store: Store, whos: Iterable[Who], *, people: Iterable[str] = ()) -> Names:
    """The names of everything that these mention, and of ``people`` by id.  Raises Unavailable."""
    groups, named = mentioned(whos)
    everyone = named | frozenset(people)
    return names_in(store.ledger.read(name_keys(groups, everyone)), groups, everyone)
