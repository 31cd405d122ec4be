"""The ways to show who one is: a living session, a password, a passkey alone, or the answer to another page.

Each ends in ``Admission.decide``, which alone lets anybody in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.factors import passkeys
from idjag.idp.factors.ceremony import Ceremony
from idjag.idp.factors.proof import Proof, Wrong
from idjag.idp.factors.responses import Assertion
from idjag.idp.facts import PersonFacts, string
from idjag.idp.services import Services
from idjag.idp.signin import sessions
from idjag.idp.signin.admission import Admission, Asked, commit
from idjag.idp.signin.guesses import Attempt, Kind
from idjag.idp.signin.outcomes import Brought, Failed, Locked, Outcome
from idjag.idp.signin.sessions import SignedIn
from idjag.idp.signin.shown import Shown
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Facts, Key, OneTime, Row, Verdict
from idjag.protocol.errors import Reason

__all__ = ["by_passkey", "by_password", "by_session"]

Checked: TypeAlias = Callable[[Snapshot, Facts, PersonFacts | None], Proof | Wrong]


def by_session(
    services: Services, asked: Asked, carried: str, session: SignedIn, *, brought: Brought, source: Source
) -> Outcome:
    """Let the person of a living session go on, or ask for what it lacks; Failed when it lives no longer."""
    admission = Admission.make(services, asked, carried, brought=brought, source=source)

    def decide(snapshot: Snapshot, found: Facts) -> Verdict[Outcome]:
        person = facts.person(found, session.person_id)
        current = session.current(found, person, policy=snapshot.sign_in, now=source.now)
        if person is None or current is None:
            return Verdict(Failed(), (), succeeded=False)
        return admission.decide(snapshot, found, person, shown=Shown(base=current))

    reads = (*session.reads, *admission.reads(session.person_id))
    return commit(services, admission, decide, reads=reads)


def by_password(
    services: Services,
    asked: Asked,
    carried: str,
    *,
    username: str,
    password: str,
    brought: Brought,
    source: Source,
) -> Outcome:
    """Check a password, and let the person go on or ask for more; raises Busy.

    People who do not exist take the same way, with the same work, as those who do.
    """
    attempt = Attempt(services.tenant, username, source, brought.known)
    person_id, stored, found_before = _credential(services, username, attempt.reads)
    if wait := attempt.stopped(found_before):
        return Locked(wait)
    right = services.passwords.verify(string(stored, "secret") if stored else None, password)
    admission = Admission.make(services, asked, carried, brought=brought, source=source)

    def check(_snapshot: Snapshot, found: Facts, person: PersonFacts | None) -> Proof | Wrong:
        if person is None:
            return Wrong(Reason.SUBJECT_UNKNOWN)
        # the hash was read before the slow work: a password changed meanwhile counts as wrong
        now = {string(row, "secret") for row in _hashes(found, person_id)}
        if not right or stored is None or stored["secret"] not in now:
            return Wrong(Reason.PASSWORD_WRONG)
        return Proof("password", string(stored, "id"), attempt.succeeded(found))

    def decide(snapshot: Snapshot, found: Facts) -> Verdict[Outcome]:
        person = facts.person(found, person_id)
        return _guarded(admission, attempt, check, snapshot, found, person=person)

    reads = (_credential_key(person_id), *attempt.reads, *admission.reads(person_id))
    return commit(services, admission, decide, reads=reads)


def by_passkey(
    services: Services,
    asked: Asked,
    carried: str,
    assertion: Assertion,
    *,
    ceremony: Ceremony,
    brought: Brought,
    source: Source,
) -> Outcome:
    """Let in whoever owns this passkey: it has verified its user, and is a whole sign-in by itself.

    Nobody can guess one; but whoever tries all the same must not fill the log.
    """
    person_id = passkeys.owner(services.ledger, services.tenant, assertion) or ""
    owner = facts.person(services.ledger.read(facts.person_keys(person_id)), person_id)
    username = owner.person.username if owner else ""
    attempt = Attempt(services.tenant, username, source, brought.known, Kind.PASSKEY)
    found_before = services.ledger.read(attempt.reads)
    if wait := attempt.stopped(found_before):
        return Locked(wait)
    admission = Admission.make(services, asked, carried, brought=brought, source=source)

    def check(_snapshot: Snapshot, found: Facts, person: PersonFacts | None) -> Proof | Wrong:
        if person is None:
            return Wrong(Reason.SUBJECT_UNKNOWN)
        proof = passkeys.check(
            found, person_id, assertion, ceremony=ceremony, tenant=services.tenant, now=source.now
        )
        if isinstance(proof, Wrong):
            return proof
        return replace(proof, writes=(*proof.writes, *attempt.succeeded(found)))

    def decide(snapshot: Snapshot, found: Facts) -> Verdict[Outcome]:
        person = facts.person(found, person_id)
        return _guarded(admission, attempt, check, snapshot, found, person=person)

    def lost(_used: OneTime) -> Verdict[Outcome]:
        # counted as it stood before: who comes too late has no facts
        noted = attempt.failed(found_before, person_id or None)
        return admission.failed(Reason.FACTOR_REPLAYED, reply=Failed(), noted=noted)

    reads = (*attempt.reads, *admission.reads(person_id))
    always = assertion.once(now=source.now)
    return commit(services, admission, decide, reads=reads, always=always, lost=lost)


def _guarded(
    admission: Admission,
    attempt: Attempt,
    check: Checked,
    snapshot: Snapshot,
    found: Facts,
    *,
    person: PersonFacts | None,
) -> Verdict[Outcome]:
    """Something that can be guessed: counted when it is wrong, and refused when too many were."""
    if wait := attempt.stopped(found):  # many at once: the others were counted meanwhile
        return admission.refuse(snapshot, Reason.SIGN_IN_LOCKED, person, reply=Locked(wait))
    proof, locked = check(snapshot, found, person), attempt.locked(found)
    if person is None or locked or isinstance(proof, Wrong):
        noted = attempt.failed(found, person.person.id if person else None)
        reason = proof.reason if isinstance(proof, Wrong) and not locked else Reason.SIGN_IN_LOCKED
        return admission.refuse(snapshot, reason, person, writes=noted.writes, events=noted.events)
    if stopped := sessions.stopped(found, person, now=admission.source.now):
        return admission.refuse(snapshot, stopped, person)
    return admission.decide(snapshot, found, person, shown=Shown((proof,)))


def _credential(services: Services, username: str, also: tuple[Key, ...]) -> tuple[str, Row | None, Facts]:
    """(person id, row of the password): ("", None) for a name that nobody has, after the same two reads."""
    by_name = Key("person", "username", username)
    people = [
        string(row, "id")
        for row in services.ledger.read((by_name,))(by_name)
        if row["tenant_id"] == services.tenant
    ]
    person_id = people[0] if people else ""
    found = services.ledger.read((_credential_key(person_id), *also))
    hashes = _hashes(found, person_id)
    return person_id, hashes[0] if hashes else None, found


def _credential_key(person_id: str) -> Key:
    return Key("credential", "person_id", person_id)


def _hashes(found: Facts, person_id: str) -> list[Row]:
    return [row for row in found(_credential_key(person_id)) if row["kind"] == "password"]
