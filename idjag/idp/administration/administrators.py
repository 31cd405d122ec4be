"""Administrators: who they are now.  Becoming one and ending it is in appointments.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from idjag.idp import facts
from idjag.idp.administration.roles import MAY, Permission, Role
from idjag.idp.facts import integer, string
from idjag.idp.signin import sessions
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Facts, Key, Row

__all__ = ["TABLE", "Administrator", "By", "Everybody", "Listed", "find", "listed", "operator"]

TABLE: Final = "administrator"


@dataclass(frozen=True, slots=True)
class Administrator:
    """Somebody who is in the console; ``auth_time`` (NumericDate) is of the sign-in that they entered with.

    ``strong``: a second factor was shown.  ``secret`` is the cookie's value, the key of their form tokens.
    """

    person_id: str
    username: str
    name: str
    role: Role
    permissions: frozenset[Permission]
    strong: bool
    auth_time: int
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """An administrator as a list shows them.

    ``by`` made them one; times are NumericDate.  ``able``: neither disabled nor held; who is not may do
    nothing until that ends.
    """

    person_id: str
    username: str
    name: str
    role: Role
    by: str
    created: int
    updated: int
    able: bool


@dataclass(frozen=True, slots=True)
class By:
    """Who makes a change: as the audit log names them, what they may do, and which person that is.

    ``person_id`` is "" for the host's operator, who stands above tenants, and for what the operator made.
    """

    actor: Mapping[str, str]
    permissions: frozenset[Permission]
    person_id: str = ""


def operator(actor: Mapping[str, str]) -> By:
    """The host's operator, who may do everything."""
    return By(actor, frozenset(Permission))


@dataclass(frozen=True, slots=True)
class Everybody:
    """The administrators of a tenant and others that matter, with what to read to know each of them."""

    tenant: str
    people: frozenset[str]

    @classmethod
    def of(cls, store: Store, *also: str) -> Everybody:
        """Those of now; whoever becomes one later is not counted.  ``also``: further persons, or ""."""
        key = Key(TABLE, "tenant_id", store.tenant)
        known = {string(row, "person_id") for row in store.ledger.read((key,))(key)}
        return cls(store.tenant, frozenset({*known, *filter(None, also)}))

    @property
    def keys(self) -> tuple[Key, ...]:
        """What to name in ``reads``."""
        people = (key for person_id in sorted(self.people) for key in facts.person_keys(person_id))
        return (Key(TABLE, "tenant_id", self.tenant), *people, *facts.hold_keys(*sorted(self.people)))

    def rows(self, found: Facts) -> dict[str, Row]:
        """The rows of the table by person."""
        return {string(row, "person_id"): row for row in found(Key(TABLE, "tenant_id", self.tenant))}

    def role(self, found: Facts, person_id: str) -> Role | None:
        """The role of a person, whether they can come in or not."""
        row = self.rows(found).get(person_id)
        return None if row is None else Role(string(row, "role"))

    def able(self, found: Facts, person_id: str, *, now: int) -> bool:
        """Whether the person is there, neither disabled nor held."""
        person = facts.person(found, person_id) if person_id in self.people else None
        return person is not None and sessions.stopped(found, person, now=now) is None

    def permissions(self, found: Facts, person_id: str, *, now: int) -> frozenset[Permission]:
        """What a person may do: nothing, when they are no administrator or not able."""
        role = self.role(found, person_id)
        return MAY[role] if role and self.able(found, person_id, now=now) else frozenset()

    def owners(self, found: Facts, *, now: int) -> frozenset[str]:
        """The owners of whom is known that they can come in: what is left when somebody goes."""
        return frozenset(each for each in self._owners(found) if self.able(found, each, now=now))

    def has_owner(self, found: Facts, *, now: int) -> bool:
        """Whether an owner may come in: one who came to be just now counts, whoever they are."""
        return any(each not in self.people or self.able(found, each, now=now) for each in self._owners(found))

    def _owners(self, found: Facts) -> list[str]:
        return [each for each, row in self.rows(found).items() if row["role"] == Role.OWNER]


def listed(store: Store) -> list[Listed]:
    """Every administrator of the tenant by user name; raises Unavailable."""
    everybody, now = Everybody.of(store), store.clock()
    found = store.ledger.read(everybody.keys)
    rows = everybody.rows(found).values()
    people = [_listed(found, row, everybody, now=now) for row in rows if row["person_id"] in everybody.people]
    return sorted((one for one in people if one is not None), key=lambda one: one.username)


def find(store: Store, person_id: str) -> Listed | None:
    """One of them; None for somebody who is none.  Raises Unavailable."""
    return next((one for one in listed(store) if one.person_id == person_id), None)


def _listed(found: Facts, row: Row, everybody: Everybody, *, now: int) -> Listed | None:
    """None for the row of somebody who was deleted."""
    person_id = string(row, "person_id")
    person = facts.person(found, person_id)
    if person is None:
        return None
    return Listed(
        person_id,
        person.person.username,
        person.name,
        Role(string(row, "role")),
        by=string(row, "by"),
        created=integer(row, "created"),
        updated=integer(row, "updated"),
        able=everybody.able(found, person_id, now=now),
    )
