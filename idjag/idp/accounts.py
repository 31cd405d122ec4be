"""What administrators do to people's accounts: each is one audited entry, effective for the next request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from idjag.idp import facts
from idjag.idp.administration.appointments import LastOwner
from idjag.idp.administration.standing import Standing
from idjag.idp.audit import Source
from idjag.idp.factors import operations
from idjag.idp.factors.enrolled import Enrolled
from idjag.idp.facts import PersonFacts, integer
from idjag.idp.limits import account_key
from idjag.idp.passwords.links import LIFETIMES, LinkKind, new_link
from idjag.idp.passwords.setting import risen
from idjag.idp.snapshot import Snapshot
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Delete, Entry, Event, Facts, Key, Update, Verdict, Write

__all__ = [
    "Gone",
    "Link",
    "Status",
    "end_sessions",
    "password_link",
    "reset_factors",
    "set_status",
    "unlock",
]

R = TypeVar("R")
Actor: TypeAlias = Mapping[str, str]
Status: TypeAlias = Literal["active", "disabled"]


class Gone(Exception):
    """The person is not there any more, or cannot have this now; the message says which."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link that sets somebody's password, once, until ``expires``."""

    url: str = field(repr=False)
    expires: int


@dataclass(frozen=True, slots=True)
class _Done:
    """What a change comes to; no event and no writes: it was so already."""

    reply: object
    event: str = ""
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)
    writes: Sequence[Write] = ()
    policy_changed: bool = False


def set_status(
    store: Store, person_id: str, status: Status, *, actor: Actor, source: Source | None = None
) -> bool:
    """Disable or enable; False when it was so already.  Raises Gone, LastOwner, Unavailable.

    Disabling ends every session, code and refresh family; enabling revives none of them.
    """
    now, standing = store.clock(), Standing.of(store, person_id)

    def change(person: PersonFacts, found: Facts) -> _Done:
        was: Status = "active" if person.person.active else "disabled"
        if was == status:
            return _Done(False)
        if status == "disabled" and (last := standing.gone(found, now=now)):
            raise last
        told = Update("person", {"id": person_id}, {"status": status, "updated": now})
        ended = risen(person, tenant=store.tenant, now=now) if status == "disabled" else ()
        owner = standing.is_owner(found)
        return _Done(
            True, "user.updated", {"status": was}, {"status": status}, (told, *ended), policy_changed=owner
        )

    return bool(_change(store, person_id, change, actor=actor, now=now, source=source, reads=standing.keys))


def end_sessions(store: Store, person_id: str, *, actor: Actor, source: Source | None = None) -> int:
    """End all sessions, refresh families, remembered browsers and links; how many sessions were alive."""
    now, key = store.clock(), Key("session", "person_id", person_id)

    def change(person: PersonFacts, found: Facts) -> _Done:
        alive = [
            row
            for row in found(key)
            if row["ended"] is None
            and row["revoked"] is None
            and row["epoch"] == person.epoch
            and integer(row, "expires") > now
        ]
        writes = risen(person, tenant=store.tenant, now=now)
        return _Done(len(alive), "session.ended", {"sessions": len(alive)}, {}, writes)

    return int(str(_change(store, person_id, change, actor=actor, now=now, source=source, reads=(key,))))


def unlock(store: Store, person_id: str, *, actor: Actor, source: Source | None = None) -> int:
    """Forget everything that was failed at this account; how many failures were counted together."""
    now = store.clock()
    username = _username(store, person_id)
    key = account_key(store.tenant, username)

    def change(person: PersonFacts, found: Facts) -> _Done:
        if person.person.username != username:
            raise Gone("the user was renamed just now: try again")
        # one failure stands in several counts: at its network, and wherever it came from
        failures = max((integer(row, "failures") for row in found(key)), default=0)
        if not failures:
            return _Done(0)
        forgotten = Delete("throttle", {key.column: key.value})
        return _Done(failures, "user.unlocked", {"failures": failures}, {}, (forgotten,))

    return int(str(_change(store, person_id, change, actor=actor, now=now, source=source, reads=(key,))))


def password_link(store: Store, person_id: str, *, actor: Actor, source: Source | None = None) -> Link:
    """A new link, for whoever tells it to the person; earlier ones end.  Raises Gone when disabled."""
    now = store.clock()

    def change(person: PersonFacts, _found: Facts) -> _Done:
        if not person.person.active:
            raise Gone("the user is disabled, and could not sign in: enable them first")
        value, row = new_link(
            person_id, LinkKind.SET, epoch=person.epoch, tenant=store.tenant, now=now, new_id=store.new_id
        )
        expires = now + LIFETIMES[LinkKind.SET]
        link = Link(f"{store.issuer.removesuffix('/')}/password/set/{value}", expires)
        writes = (Delete("link", {"person_id": person_id}), row)
        return _Done(link, "password.link_made", {}, {"expires": expires}, writes)

    link = _change(store, person_id, change, actor=actor, now=now, source=source)
    if not isinstance(link, Link):
        raise TypeError("no link was made")
    return link


def reset_factors(
    store: Store, person_id: str, *, actor: Actor, now: int, source: Source | None = None
) -> tuple[Enrolled, ...]:
    """Take all second factors away and end every session; what there was.  Raises Refused SUBJECT_UNKNOWN."""
    source = source or Source(store.new_id(), now, "", "")
    return operations.reset(store, person_id, source=source, actor=actor)


def _change(
    store: Store,
    person_id: str,
    change: Callable[[PersonFacts, Facts], _Done],
    *,
    actor: Actor,
    now: int,
    source: Source | None,
    reads: tuple[Key, ...] = (),
) -> object:
    source = source or Source(store.new_id(), now, "", "")

    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[object]:
        person = facts.person(found, person_id)
        if person is None:
            return Verdict(Gone("the user was deleted just now"), ())
        try:
            done = change(person, found)
        except (Gone, LastOwner) as refused:
            return Verdict(refused, ())
        if not done.event:
            return Verdict(done.reply, ())
        what = {"row": person_id, "key": person.person.username}
        about = {**source.fields(), "actor": dict(actor), "subject": person_id}
        said = {"before": {**what, **done.before}, "after": {**what, **done.after}}
        event = Event(done.event, {**about, **said})
        return Verdict(done.reply, (event,), done.writes, policy_changed=done.policy_changed)

    keys = tuple(dict.fromkeys((*facts.person_keys(person_id), *reads)))
    reply = store.ledger.commit(Entry(store.tenant, source.decision_id, now, decide, reads=keys, urgent=True))
    if isinstance(reply, Gone | LastOwner):
        raise reply
    return reply


def _username(store: Store, person_id: str) -> str:
    person = facts.person(store.ledger.read(facts.person_keys(person_id)), person_id)
    if person is None:
        raise Gone("the user was deleted just now")
    return person.person.username
