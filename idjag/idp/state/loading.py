"""The rows on which a file is planned: all of them, or those it is about and what would clash with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

from idjag.idp.catalog.documents import spec_of
from idjag.idp.facts import string
from idjag.idp.neighbours import Neighbours
from idjag.idp.state.current import Current, Further, Reads, load
from idjag.idp.state.file import StateFile
from idjag.idp.state.named import REFERRED_TO, named_connections, named_people
from idjag.ledger.entry import Key, Row

__all__ = ["rows_for"]

_MANY: Final = 1000
"""People for whom whoever is beside them is looked for; from there on everyone is read."""

Names = Mapping[str, Collection[str]]


class _Store(Protocol):
    @property
    def ledger(self) -> Reads: ...

    @property
    def tenant(self) -> str: ...


def rows_for(
    store: _Store, state: StateFile, *, prune: bool, unwanted: Names, near: Neighbours | None
) -> Current:
    """What must be read.

    ``near`` knows what is beside a few rows; without it, and for ``prune`` or many people, all are read.
    """
    if near is None or prune or len(state.users or ()) > _MANY:
        return _all(store, state, prune=prune, unwanted=unwanted)
    referred = {noun: unwanted[noun] for noun in REFERRED_TO if unwanted.get(noun)}
    others = {noun: names for noun, names in unwanted.items() if noun not in referred}
    known = near  # for the functions below, which are called later

    def beside(targets: Iterable[Row]) -> Collection[str]:
        return _beside(store, state, known, targets)

    return load(
        store.ledger,
        store.tenant,
        everyone=False,
        usernames={*_named(state), *unwanted.get("user", ())},
        connections=named_connections(state, others),
        further=Further(lambda: known.referring(referred) if referred else (), beside),
    )


def _all(store: _Store, state: StateFile, *, prune: bool, unwanted: Names) -> Current:
    """Everyone, if the file is about people or their attributes must be unique; else those it names."""
    attributes = any(target.aud_sub for target in state.resource_apps or ())
    return load(
        store.ledger,
        store.tenant,
        everyone=state.users is not None or attributes,
        usernames={*named_people(state), *unwanted.get("user", ())},
        connections=None if prune else named_connections(state, unwanted),
    )


def _named(state: StateFile) -> set[str]:
    return {*named_people(state), *(entry.username for entry in state.users or ())}


def _beside(store: _Store, state: StateFile, near: Neighbours, targets: Iterable[Row]) -> Collection[str]:
    """Whoever clashes (``uniqueness.clashes``) with people of the file, or makes its resource apps wrong."""
    users = state.users or ()
    unique = {str(name) for row in targets if (name := spec_of(row)["aud_sub"])}
    told = {pair for entry in users for pair in entry.attributes.items() if pair[0] in unique}
    new = {target.aud_sub.attribute for target in state.resource_apps or () if target.aud_sub}
    subs = {sub for entry in users for sub in entry.subs.values()}
    return {
        *near.alike([entry.username for entry in users]),
        *near.having(told),
        *near.sharing(new),
        *_holders(store, subs),
    }


def _holders(store: _Store, subs: Iterable[str]) -> Iterable[str]:
    """The user names of those who have one of these subs, in any sector."""
    keys = [Key("subject", "sub", sub) for sub in sorted(subs)]
    found = store.ledger.read(keys)
    people = {string(row, "person_id") for key in keys for row in found(key)}
    by_id = [Key("person", "id", one) for one in sorted(people)]
    rows = store.ledger.read(by_id)
    return [string(row, "username") for key in by_id for row in rows(key) if row["tenant_id"] == store.tenant]
