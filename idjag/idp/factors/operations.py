"""Changing the factors of a person: each change is one commit with its audit event.

Every change takes the set of factors from one version to the next, and of two that saw the same version one
looks again: an administrator's reset is never outrun by an enrolment on another node, and two removals never
take the last two factors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from idjag.idp import backchannel, facts
from idjag.idp.audit import Source
from idjag.idp.factors import devices, recovery
from idjag.idp.factors.enrolled import (
    TABLE,
    Enrolled,
    Enrolment,
    clean,
    enrolled,
    key,
    keys,
    next_version,
    version,
)
from idjag.idp.factors.proof import Proof, Wrong
from idjag.idp.facts import PersonFacts
from idjag.idp.limits import account_key
from idjag.idp.snapshot import Snapshot
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Delete, Entry, Event, Facts, Key, OneTime, Update, Verdict, Write
from idjag.protocol.errors import Reason, Refused

__all__ = [
    "add",
    "forget_device",
    "forget_devices",
    "regenerate",
    "remove",
    "rename",
    "reset",
]

R = TypeVar("R")
Actor: TypeAlias = Mapping[str, str]

_TRIES: Final = 4
# Longer than any transaction that has read the version before.
_REMEMBERED: Final = 3600


@dataclass(frozen=True, slots=True)
class _Done:
    """What a change leaves behind."""

    event: Event
    writes: tuple[Write, ...]


def add(store: Store, enrolment: Enrolment | Wrong, *, person: PersonFacts) -> Proof:
    """Add what ``totp.enrolment`` or ``passkeys.enrolment`` has made; its proof, to sign in with.

    ``person`` as the caller's session knows it.  Raises Refused: FACTOR_WRONG, FACTOR_EXPIRED,
    PASSKEY_INVALID, FACTOR_KNOWN, FACTOR_TOO_MANY, FACTOR_REPLAYED, SESSION_ENDED.
    """
    if isinstance(enrolment, Wrong):
        raise Refused(enrolment.reason)

    def change(found: Facts) -> _Done | Refused:
        proof = enrolment.enrol(found)
        if isinstance(proof, Wrong):
            return Refused(proof.reason)
        return _Done(proof.events[0], proof.writes)

    source = enrolment.new.source
    _commit(store, person, change, source=source, reads=enrolment.reads, once=enrolment.once)
    return Proof(enrolment.kind, enrolment.new.id)


def rename(store: Store, person: PersonFacts, factor_id: str, *, label: str, source: Source) -> None:
    """Give a factor another name; raises Refused FACTOR_UNKNOWN, SESSION_ENDED."""
    label = clean(label)

    def change(found: Facts) -> _Done | Refused:
        factor = _named(found, person, factor_id)
        if factor is None:
            return Refused(Reason.FACTOR_UNKNOWN)
        said = {"row": factor.id, "kind": factor.kind}
        event = _event(
            "factor.renamed",
            person.person.id,
            source,
            before={**said, "label": factor.label},
            after={**said, "label": label},
        )
        return _Done(event, (Update(TABLE, {"id": factor.id}, {"label": label}),))

    _commit(store, person, change, source=source)


def remove(store: Store, person: PersonFacts, factor_id: str, *, required: bool, source: Source) -> None:
    """Take a factor away; ``required``: one must be left, or Refused FACTOR_LAST.

    With the last one go the recovery codes and remembered devices that stood in for it.  Raises Refused:
    FACTOR_UNKNOWN, FACTOR_LAST, SESSION_ENDED.
    """
    person_id = person.person.id

    def change(found: Facts) -> _Done | Refused:
        factor = _named(found, person, factor_id)
        if factor is None:
            return Refused(Reason.FACTOR_UNKNOWN)
        last = len(enrolled(found, person_id)) == 1
        if last and required:
            return Refused(Reason.FACTOR_LAST)
        said = {"row": factor.id, "kind": factor.kind, "label": factor.label, "last": last}
        writes: tuple[Write, ...] = (Delete(TABLE, {"id": factor.id}),)
        if last:
            writes = (*writes, recovery.gone(person_id), devices.forget_all(person_id))
        return _Done(_event("factor.removed", person_id, source, before=said), writes)

    _commit(store, person, change, source=source)


def regenerate(store: Store, person: PersonFacts, *, source: Source) -> tuple[str, ...]:
    """New recovery codes in place of all old ones, to be shown once.

    Raises Refused: FACTOR_UNKNOWN for a person without a factor to recover from, SESSION_ENDED.
    """
    codes, person_id = recovery.make(), person.person.id
    ids = [store.new_id() for _ in codes]

    def change(found: Facts) -> _Done | Refused:
        if not enrolled(found, person_id):
            return Refused(Reason.FACTOR_UNKNOWN)
        before, after = {"codes": recovery.left(found, person_id)}, {"codes": len(codes)}
        event = _event("factor.codes_made", person_id, source, before=before, after=after)
        writes = recovery.replace(person_id, codes, tenant=store.tenant, ids=ids, now=source.now)
        return _Done(event, tuple(writes))

    _commit(store, person, change, source=source)
    return codes


def forget_device(store: Store, person: PersonFacts, device_id: str, *, source: Source) -> None:
    """Make one browser unknown; raises Refused FACTOR_UNKNOWN, SESSION_ENDED."""
    person_id = person.person.id

    def change(found: Facts) -> _Done | Refused:
        mine = [row for row in found(devices.key(person_id)) if row["id"] == device_id]
        if not mine:
            return Refused(Reason.FACTOR_UNKNOWN)
        gone = Delete(devices.TABLE, {"id": device_id, "person_id": person_id})
        return _Done(_event("device.forgotten", person_id, source, before={"row": device_id}), (gone,))

    _commit(store, person, change, source=source, reads=(devices.key(person_id),))


def forget_devices(store: Store, person: PersonFacts, *, source: Source) -> int:
    """Make every browser unknown, and say how many were; raises Refused SESSION_ENDED."""
    person_id, counted = person.person.id, [0]

    def change(found: Facts) -> _Done | Refused:
        counted[0] = len(found(devices.key(person_id)))
        event = _event("device.forgotten", person_id, source, before={"devices": counted[0]})
        return _Done(event, (devices.forget_all(person_id),))

    _commit(store, person, change, source=source, reads=(devices.key(person_id),))
    return counted[0]


def reset(store: Store, person_id: str, *, source: Source, actor: Actor) -> tuple[Enrolled, ...]:
    """An administrator takes all factors, codes and devices away and ends every session; what there was.

    The password stays.  Raises Refused SUBJECT_UNKNOWN.
    """
    removed: list[Enrolled] = []

    def change(found: Facts) -> _Done | Refused:
        person = facts.person(found, person_id)
        if person is None:
            return Refused(Reason.SUBJECT_UNKNOWN)
        removed[:] = enrolled(found, person_id)
        before = {
            "factors": [{"row": one.id, "kind": one.kind, "label": one.label} for one in removed],
            "codes": recovery.left(found, person_id),
            "devices": len(found(devices.key(person_id))),
        }
        epoch = {"epoch": person.epoch + 1, "updated": source.now}
        # what was guessed at the codes that were is of no account
        locked = account_key(store.tenant, person.person.username)
        writes: tuple[Write, ...] = (
            *(Delete(TABLE, {"id": one.id}) for one in removed),
            recovery.gone(person_id),
            devices.forget_all(person_id),
            Update("person", {"id": person_id, "epoch": person.epoch}, epoch),
            Delete(locked.table, {locked.column: locked.value}),
            backchannel.person_ended(person_id, tenant=store.tenant, now=source.now),
        )
        return _Done(_event("factor.reset", person_id, source, actor=actor, before=before), writes)

    reads = (devices.key(person_id),)
    _change(store, person_id, change, source=source, reads=reads, urgent=True)
    return tuple(removed)


def _commit(
    store: Store,
    person: PersonFacts,
    change: Callable[[Facts], _Done | Refused],
    *,
    source: Source,
    reads: tuple[Key, ...] = (),
    once: tuple[OneTime, ...] = (),
) -> None:
    """A change by the person, who must be the one that the session was opened for, and be active."""

    def mine(found: Facts) -> _Done | Refused:
        now = facts.person(found, person.person.id)
        if now is None or not now.person.active or now.epoch != person.epoch:
            return Refused(Reason.SESSION_ENDED)
        return change(found)

    _change(store, person.person.id, mine, source=source, reads=reads, once=once)


def _change(
    store: Store,
    person_id: str,
    change: Callable[[Facts], _Done | Refused],
    *,
    source: Source,
    reads: tuple[Key, ...] = (),
    once: tuple[OneTime, ...] = (),
    urgent: bool = False,
) -> None:
    """Commit a change of the set of factors, looking again when another one was quicker."""
    for _ in range(_TRIES):
        before = version(store.ledger.read((key(person_id),)), person_id)
        taken = OneTime("factors", person_id, before, source.now + _REMEMBERED)
        after = next_version(person_id, tenant=store.tenant, value=store.new_id(), now=source.now)
        entry = Entry(
            tenant=store.tenant,
            holder=source.decision_id,
            now=source.now,
            decide=_decision(person_id, change, before=before, after=after),
            lost=_lost,
            reads=tuple(dict.fromkeys((*facts.person_keys(person_id), *keys(person_id), *reads))),
            consume_on_success=(*once, taken),
            urgent=urgent,
        )
        outcome = store.ledger.commit(entry)
        if outcome is None:
            return
        if outcome.reason is not Reason.FACTOR_CHANGED:
            raise outcome
    raise Refused(Reason.FACTOR_CHANGED)


def _decision(
    person_id: str, change: Callable[[Facts], _Done | Refused], *, before: str, after: Write
) -> Callable[[Snapshot, Facts], Verdict[Refused | None]]:
    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[Refused | None]:
        if version(found, person_id) != before:
            return Verdict(Refused(Reason.FACTOR_CHANGED), (), succeeded=False)
        done = change(found)
        if isinstance(done, Refused):
            return Verdict(done, (), succeeded=False)
        return Verdict(None, (done.event,), (*done.writes, after))

    return decide


def _lost(one_time: OneTime) -> Verdict[Refused | None]:
    reason = Reason.FACTOR_CHANGED if one_time.kind == "factors" else Reason.FACTOR_REPLAYED
    return Verdict(Refused(reason), (), succeeded=False)


def _named(found: Facts, person: PersonFacts, factor_id: str) -> Enrolled | None:
    return next((one for one in enrolled(found, person.person.id) if one.id == factor_id), None)


def _event(
    name: str, person_id: str, source: Source, *, actor: Actor | None = None, **change: Mapping[str, object]
) -> Event:
    who = dict(actor) if actor else {"kind": "person", "id": person_id}
    return Event(name, {**source.fields(), "subject": person_id, "actor": who, **change})
