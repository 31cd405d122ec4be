"""Using a link from the host's terminal: a password is set, and its owner is an administrator."""

from __future__ import annotations

from typing import Final

from idjag.idp.administration.administrators import By, Everybody
from idjag.idp.administration.appointments import appointed, given
from idjag.idp.administration.links import Opened, link_of
from idjag.idp.audit import Source
from idjag.idp.facts import PersonFacts
from idjag.idp.limits import account_key
from idjag.idp.passwords.links import link_key, one_time
from idjag.idp.passwords.setting import NewPassword, credential_key
from idjag.idp.snapshot import Snapshot
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Delete, Entry, Event, Facts, OneTime, Verdict, Write
from idjag.protocol.errors import Reason

__all__ = ["arrive", "whose"]

_BY: Final = "admin_link"


def whose(store: Store, value: str, *, now: int) -> PersonFacts | None:
    """Who would use a link as of now; None for one that does nothing.  Raises Unavailable."""
    link = link_of(store.ledger.read((link_key(value),)), value, tenant=store.tenant)
    if link is None:
        return None
    everybody = Everybody.of(store, link.person_id)
    return link.alive(store.ledger.read(everybody.keys), everybody, now=now)


def arrive(
    store: Store, value: str, new: NewPassword, *, before: PersonFacts, source: Source
) -> PersonFacts | None:
    """Set the password and, by a first link, give the role; None when the link was dead.  Raises Unavailable.

    ``before``: the person for whom ``whose`` showed the form.
    """
    person_id, row_id = before.person.id, store.new_id()
    everybody = Everybody.of(store, person_id)

    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[PersonFacts | None]:
        link = link_of(found, value, tenant=store.tenant)
        person = link.alive(found, everybody, now=source.now) if link else None
        if link is None or person is None or link.person_id != person_id:
            return _too_late(source)
        told = new.event(person, shared=source.fields(), by=_BY)
        # whoever has the link is the person: what strangers have failed at keeps nobody out any more
        unlocked = Delete("throttle", {"account": account_key(store.tenant, person.person.username).value})
        writes = (
            Delete("link", {"person_id": person_id}),
            Delete("console_session", {"tenant_id": store.tenant, "person_id": person_id}),
            unlocked,
            *new.writes(found, person, tenant=store.tenant, now=source.now),
        )
        role, event = _role(store, link, person, found, everybody, row_id=row_id, source=source)
        # the second of two links, or of two uses, is decided on what the first has left
        return Verdict(person, (told, *event), (*writes, *role), policy_changed=True)

    def lost(_one_time: OneTime) -> Verdict[PersonFacts | None]:
        return _too_late(source)

    entry: Entry[Snapshot, PersonFacts | None] = Entry(
        store.tenant,
        source.decision_id,
        source.now,
        decide,
        lost,
        reads=(*everybody.keys, credential_key(person_id), link_key(value)),
        consume_on_success=(one_time(value, now=source.now),),
    )
    return store.ledger.commit(entry)


def _role(
    store: Store,
    link: Opened,
    person: PersonFacts,
    found: Facts,
    everybody: Everybody,
    *,
    row_id: str,
    source: Source,
) -> tuple[tuple[Write, ...], tuple[Event, ...]]:
    """The role that a first link gives; somebody who comes back has theirs."""
    before = everybody.rows(found).get(link.person_id)
    if link.role is None or (before is not None and before["role"] == link.role):
        return (), ()
    # it was the operator who gave it; the event says who took it up
    maker = By({"kind": "operator", "id": "link"}, frozenset())
    taker = By({"kind": "person", "id": link.person_id}, frozenset())
    write = given(store.tenant, row_id, link.person_id, link.role, before=before, by=maker, now=source.now)
    return (write,), (appointed(person, link.role, before=before, by=taker, source=source),)


def _too_late(source: Source) -> Verdict[PersonFacts | None]:
    stranger = {"kind": "stranger", "id": source.ip}
    said = {**source.fields(), "actor": stranger, "reason": Reason.LINK_DEAD.value, "inputs": {"by": _BY}}
    return Verdict(None, (Event("password.refused", said),), succeeded=False)
