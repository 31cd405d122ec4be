"""How somebody becomes an administrator, gets another role, and ends being one.

Each change is one audited entry, and of two at once, on any nodes, the second is decided on what the first
has left.  All of them move the policy on, so that a plan to disable or delete people, which was made on the
owners of before, is made again: there is always an owner who can come in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, TypeAlias

from idjag.idp import facts
from idjag.idp.administration.administrators import TABLE, By, Everybody
from idjag.idp.administration.roles import MAY, Permission, Role
from idjag.idp.audit import Source
from idjag.idp.facts import PersonFacts, string
from idjag.idp.snapshot import Snapshot
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Delete, Entry, Event, Facts, Insert, Row, Update, Verdict, Write

__all__ = [
    "Denied",
    "LastOwner",
    "NoSuch",
    "Stale",
    "Unseen",
    "appointed",
    "check_an_owner_stays",
    "end",
    "ended",
    "event",
    "give",
    "given",
    "here",
]


class Denied(Exception):
    """Whoever asks may not do that; the message says why."""


class NoSuch(LookupError):
    """The person is not there, cannot be an administrator now, or is none; the message says which."""


class Stale(Exception):
    """The role is not the one that was seen."""

    def __init__(self) -> None:
        super().__init__("somebody else has changed this administrator: look again")


class LastOwner(Exception):
    """Nobody would be left who can make administrators."""

    def __init__(self) -> None:
        super().__init__("this is the last owner who can sign in: make somebody else an owner first")


class Unseen:
    """Nobody has looked at the role before."""


UNSEEN: Final = Unseen()

_No: TypeAlias = Denied | NoSuch | Stale | LastOwner


def give(
    store: Store,
    person_id: str,
    role: Role,
    *,
    by: By,
    seen: Role | Unseen | None = UNSEEN,
    source: Source | None = None,
) -> bool:
    """Make somebody an administrator, or give one another role; False when they have it already.

    ``seen``: the role that they had when somebody decided this, None for none.
    Raises Denied, NoSuch, Stale, LastOwner, Unavailable.
    """
    everybody = Everybody.of(store, person_id, by.person_id)
    source, row_id = source or here(store), store.new_id()

    def judged(found: Facts) -> _No | Verdict[bool | _No]:
        person, before = facts.person(found, person_id), everybody.role(found, person_id)
        if denied := _denied(_may(everybody, found, by, now=source.now), by, person_id, role):
            return denied
        if person is None:
            return NoSuch("the user was deleted just now")
        if before is None and not everybody.able(found, person_id, now=source.now):
            return NoSuch("the user is disabled or held, and could not sign in")
        if not isinstance(seen, Unseen) and seen is not before:
            return Stale()
        if before is role:
            return Verdict(False, ())
        if before is Role.OWNER and not everybody.owners(found, now=source.now) - {person_id}:
            return LastOwner()
        row = everybody.rows(found).get(person_id)
        write = given(store.tenant, row_id, person_id, role, before=row, by=by, now=source.now)
        told = appointed(person, role, before=row, by=by, source=source)
        return Verdict(True, (told,), (write,), policy_changed=True)

    return _committed(store, everybody, judged, source=source)


def end(
    store: Store,
    person_id: str,
    *,
    by: By,
    seen: Role | Unseen | None = UNSEEN,
    source: Source | None = None,
) -> None:
    """Somebody is no administrator from the next request on; their sessions here and API tokens end.

    Owners may end themselves.  Raises Denied, NoSuch, Stale, LastOwner, Unavailable.
    """
    everybody = Everybody.of(store, person_id, by.person_id)
    source = source or here(store)

    def judged(found: Facts) -> _No | Verdict[bool | _No]:
        person, before = facts.person(found, person_id), everybody.role(found, person_id)
        if Permission.ADMINISTRATORS not in _may(everybody, found, by, now=source.now):
            return Denied("only an owner ends administrators")
        if before is None:
            return NoSuch("this user is no administrator")
        if not isinstance(seen, Unseen) and seen is not before:
            return Stale()
        if before is Role.OWNER and not everybody.owners(found, now=source.now) - {person_id}:
            return LastOwner()
        told = event("admin.deleted", person_id, person, source=source, by=by, before={"role": before.value})
        return Verdict(True, (told,), ended(store.tenant, person_id, now=source.now), policy_changed=True)

    _committed(store, everybody, judged, source=source)


def check_an_owner_stays(store: Store, leaving: Collection[str]) -> None:
    """Raises LastOwner when these people, once disabled or deleted, would leave no owner who can come in.

    For changes that are committed on the policy that was looked at: appointments move it on.
    """
    everybody, now = Everybody.of(store), store.clock()
    owners = everybody.owners(store.ledger.read(everybody.keys), now=now)
    if owners and owners <= frozenset(leaving):
        raise LastOwner


def here(store: Store) -> Source:
    """Where a change comes from that came by no request."""
    return Source(store.new_id(), store.clock(), "", "")


def given(
    tenant: str, row_id: str, person_id: str, role: Role, *, before: Row | None, by: By, now: int
) -> Write:
    """What to write when a person gets a role; ``before`` is their row so far, ``row_id`` a new one's."""
    if before is not None:
        return Update(TABLE, {"id": string(before, "id")}, {"role": role.value, "updated": now})
    row: Row = {
        "id": row_id,
        "tenant_id": tenant,
        "person_id": person_id,
        "role": role.value,
        "by": f"{by.actor['kind']} {by.actor['id']}",
        "created": now,
        "updated": now,
    }
    return Insert(TABLE, row)


def ended(tenant: str, person_id: str, *, now: int) -> tuple[Write, ...]:
    """What to write when somebody is an administrator no more.

    Their tokens are revoked, and not only without effect: they would come back with a new appointment.
    """
    theirs = {"tenant_id": tenant, "person_id": person_id}
    return (
        Delete(TABLE, theirs),
        Delete("console_session", theirs),
        Update("api_token", {"tenant_id": tenant, "creator": person_id, "revoked": None}, {"revoked": now}),
    )


def event(
    name: str,
    person_id: str,
    person: PersonFacts | None,
    *,
    source: Source,
    by: By,
    **change: dict[str, object],
) -> Event:
    """An event about an administrator; ``change`` is before and after."""
    key = person.person.username if person else None
    said = {side: {"row": person_id, "key": key, **values} for side, values in change.items()}
    return Event(name, {**source.fields(), "actor": dict(by.actor), "subject": person_id, **said})


def appointed(person: PersonFacts, role: Role, *, before: Row | None, by: By, source: Source) -> Event:
    """The event of a person who gets a role."""
    after: dict[str, object] = {"role": role.value}
    if before is None:
        return event("admin.created", person.person.id, person, source=source, by=by, after=after)
    had: dict[str, object] = {"role": string(before, "role")}
    return event("admin.updated", person.person.id, person, source=source, by=by, before=had, after=after)


def _denied(may: frozenset[Permission], by: By, person_id: str, role: Role) -> Denied | None:
    """Why they may not give this person this role, if so."""
    if Permission.ADMINISTRATORS not in may:
        return Denied("only an owner gives roles")
    if by.person_id == person_id:
        return Denied("nobody changes their own role: another owner can")
    if not MAY[role] <= may:
        return Denied("nobody gives more than they have")
    return None


def _may(everybody: Everybody, found: Facts, by: By, *, now: int) -> frozenset[Permission]:
    """What they may do as of now: what a page or a token said a moment ago may be over."""
    if not by.person_id:
        return by.permissions
    return by.permissions & everybody.permissions(found, by.person_id, now=now)


def _committed(
    store: Store,
    everybody: Everybody,
    judged: Callable[[Facts], _No | Verdict[bool | _No]],
    *,
    source: Source,
) -> bool:
    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[bool | _No]:
        outcome = judged(found)
        return outcome if isinstance(outcome, Verdict) else Verdict(outcome, ())

    entry = Entry(store.tenant, source.decision_id, source.now, decide, reads=everybody.keys, urgent=True)
    outcome = store.ledger.commit(entry)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
