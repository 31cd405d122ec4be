"""Links from the host's terminal: by one the first owner comes to be, by one an administrator comes back.

256 random bits, of which the digest is stored; good for an hour, used up by a form, dead once an owner can
come in (unless it is to bring somebody back), and at two forms at once good for one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from idjag.idp import facts
from idjag.idp.administration.administrators import By, Everybody
from idjag.idp.administration.appointments import NoSuch, here
from idjag.idp.administration.roles import Role
from idjag.idp.audit import Source
from idjag.idp.catalog.user import PUBLIC, UserEntry, user_columns, user_entry
from idjag.idp.factors import operations
from idjag.idp.facts import PersonFacts, integer, string
from idjag.idp.passwords.links import link_key
from idjag.idp.snapshot import Snapshot
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Delete, Entry, Event, Facts, Insert, Key, Row, Verdict, Write
from idjag.protocol.errors import Refused

__all__ = ["LIFETIME", "AdminLink", "Kind", "Opened", "OwnerExists", "create", "link_of", "reset"]

LIFETIME: Final = 3600
"""Seconds."""

_FIRST: Final = "administrator:"
_BACK: Final = "administrator-back"


class OwnerExists(Exception):
    """There is an owner who can come in, and makes all further administrators."""

    def __init__(self) -> None:
        super().__init__("an owner exists, and makes further administrators in the console")


class Kind(StrEnum):
    """What a link is for."""

    FIRST = "first"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class AdminLink:
    """A link as the operator gets it, once; ``new``: nobody had that user name before."""

    url: str = field(repr=False)
    expires: int
    new: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A link as it is stored; ``role`` is the one it gives, None when it brings somebody back to theirs."""

    id: str = field(repr=False)
    person_id: str
    role: Role | None
    epoch: int
    expires: int

    @property
    def kind(self) -> Kind:
        """What it is for."""
        return Kind.BACK if self.role is None else Kind.FIRST

    def alive(self, found: Facts, everybody: Everybody, *, now: int) -> PersonFacts | None:
        """Whose it is, if it still does anything; ``found`` has the keys of ``everybody`` with its person."""
        person = facts.person(found, self.person_id)
        if person is None or person.epoch != self.epoch or now >= self.expires:
            return None
        if not everybody.able(found, self.person_id, now=now):
            return None
        if self.role is None:
            return person if everybody.role(found, self.person_id) else None
        return None if everybody.has_owner(found, now=now) else person


_Made: TypeAlias = AdminLink | NoSuch | OwnerExists


def create(store: Store, entry: UserEntry, role: Role, *, by: By, source: Source | None = None) -> AdminLink:
    """A link that makes somebody an administrator: who has this user name, or a new person as ``entry`` says.

    Earlier links of that person end.  Raises OwnerExists, NoSuch, Unavailable.
    """
    by_name = Key("person", "username", entry.username)
    known = _named(store.ledger.read((by_name,)), by_name, store.tenant)
    person_id, sub_row, sub = known or store.new_id(), store.new_id(), entry.sub or store.new_id()
    everybody, source, value = Everybody.of(store, person_id), source or here(store), _value(store)

    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[_Made]:
        if everybody.has_owner(found, now=source.now):
            return Verdict(OwnerExists(), ())
        if _named(found, by_name, store.tenant) != known:
            return Verdict(NoSuch("a user of this name came or went just now: try again"), ())
        person = facts.person(found, person_id)
        if person is not None and not everybody.able(found, person_id, now=source.now):
            return Verdict(NoSuch("the user is disabled or held, and could not sign in"), ())
        writes: list[Write] = []
        events: list[Event] = []
        if person is None:
            row, subject = _person(store, person_id, entry, now=source.now), (sub_row, sub)
            writes += _inserts(store, row, subject)
            events.append(_user_created(row, sub, source, by))
        epoch = person.epoch if person else 0
        said: dict[str, object] = {"role": role.value, "expires": source.now + LIFETIME}
        told = _told(person_id, entry.username, said, source=source, by=by)
        link = _row(store, value, person_id, _FIRST + role.value, epoch=epoch, now=source.now)
        writes += [Delete("link", {"person_id": person_id}), Insert("link", link)]
        made = AdminLink(_url(store, value), source.now + LIFETIME, person is None)
        return Verdict(made, (*events, told), writes)

    return _committed(store, decide, source=source, reads=(by_name, *everybody.keys))


def reset(store: Store, person_id: str, *, by: By, source: Source | None = None) -> AdminLink:
    """Bring an administrator back who lost password or second factors: these go, and a link is made.

    Raises NoSuch, Unavailable.
    """
    source, value = source or here(store), _value(store)
    everybody = Everybody.of(store, person_id)
    found = store.ledger.read(everybody.keys)
    if everybody.role(found, person_id) is None:
        raise NoSuch("this user is no administrator")
    if not everybody.able(found, person_id, now=source.now):
        raise NoSuch("the user is disabled or held, and could not sign in")
    try:
        operations.reset(store, person_id, source=source, actor=by.actor)
    except Refused:
        raise NoSuch("the user was deleted just now") from None

    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[_Made]:
        person, role = facts.person(found, person_id), everybody.role(found, person_id)
        if person is None or role is None:
            return Verdict(NoSuch("this user is no administrator"), ())
        said: dict[str, object] = {
            "role": role.value,
            "expires": source.now + LIFETIME,
            "password": "removed",
        }
        told = _told(person_id, person.person.username, said, source=source, by=by)
        link = _row(store, value, person_id, _BACK, epoch=person.epoch, now=source.now)
        # whoever knows the password would set up a factor of their own: the link alone leads back
        password = Delete("credential", {"person_id": person_id, "kind": "password"})
        writes = (password, Delete("link", {"person_id": person_id}), Insert("link", link))
        made = AdminLink(_url(store, value), source.now + LIFETIME, new=False)
        return Verdict(made, (told,), writes)

    # the reset before it had an entry, and an id, of its own
    return _committed(store, decide, source=here(store), reads=everybody.keys)


def link_of(found: Facts, value: str, *, tenant: str) -> Opened | None:
    """The link with this value, alive or not; None when there is none here.  ``found`` has ``link_key``."""
    for row in found(link_key(value)):
        kind = string(row, "kind")
        if row["tenant_id"] == tenant and (kind == _BACK or kind.startswith(_FIRST)):
            role = None if kind == _BACK else Role(kind.removeprefix(_FIRST))
            numbers = integer(row, "epoch"), integer(row, "expires")
            return Opened(string(row, "id"), string(row, "person_id"), role, *numbers)
    return None


def _named(found: Facts, key: Key, tenant: str) -> str | None:
    people = [string(row, "id") for row in found(key) if row["tenant_id"] == tenant]
    return people[0] if people else None


def _person(store: Store, person_id: str, entry: UserEntry, *, now: int) -> Row:
    own = {"id": person_id, "tenant_id": store.tenant, **user_columns(entry), "epoch": 0}
    return {**own, "managed_by": "", "created": now, "updated": now}


def _inserts(store: Store, row: Row, subject: tuple[str, str]) -> tuple[Write, ...]:
    """A person with the subject identifier that apps know them by."""
    own: Row = {"id": subject[0], "tenant_id": store.tenant, "person_id": row["id"], "sector": PUBLIC}
    return Insert("person", row), Insert("subject", {**own, "sub": subject[1]})


def _user_created(row: Row, sub: str, source: Source, by: By) -> Event:
    shown = user_entry(row, subs={PUBLIC: sub}, groups=())
    after = {"row": row["id"], "key": row["username"], **shown}
    known = {**source.fields(), "actor": dict(by.actor), "subject": row["id"]}
    return Event("user.created", {**known, "after": after})


def _told(person_id: str, username: str, said: dict[str, object], *, source: Source, by: By) -> Event:
    known = {**source.fields(), "actor": dict(by.actor), "subject": person_id}
    return Event("admin.link_made", {**known, "after": {"row": person_id, "key": username, **said}})


def _row(store: Store, value: str, person_id: str, kind: str, *, epoch: int, now: int) -> Row:
    return {
        "id": link_key(value).value,
        "tenant_id": store.tenant,
        "person_id": person_id,
        "kind": kind,
        "epoch": epoch,
        "created": now,
        "expires": now + LIFETIME,
    }


def _value(store: Store) -> str:
    return store.new_id() + store.new_id()


def _url(store: Store, value: str) -> str:
    """The value is behind the #: no server, proxy or log gets to see it before its owner sends it."""
    return f"{store.issuer.removesuffix('/')}/admin/first#{value}"


def _committed(
    store: Store,
    decide: Callable[[Snapshot, Facts], Verdict[_Made]],
    *,
    source: Source,
    reads: tuple[Key, ...],
) -> AdminLink:
    entry = Entry(store.tenant, source.decision_id, source.now, decide, reads=reads, urgent=True)
    outcome = store.ledger.commit(entry)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
