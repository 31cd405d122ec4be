"""The answer to a further page of a sign-in: a factor shown, a factor set up, or going on without a wish.

No form says what was proven.  The row does, and it is read again in the transaction, with the person, their
factors and the session that is to be raised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.factors import passkeys, recovery, totp
from idjag.idp.factors.ceremony import Ceremony
from idjag.idp.factors.enrolled import Enrolment
from idjag.idp.factors.proof import Proof, Wrong
from idjag.idp.factors.responses import Assertion
from idjag.idp.facts import PersonFacts
from idjag.idp.services import Services
from idjag.idp.signin import sessions
from idjag.idp.signin.admission import Admission, Asked, commit
from idjag.idp.signin.guesses import Attempt, Kind
from idjag.idp.signin.needs import Next
from idjag.idp.signin.outcomes import Again, Brought, Ended, Enrolled, Failed, Locked, Outcome
from idjag.idp.signin.sessions import Session
from idjag.idp.signin.shown import Shown
from idjag.idp.signin.steps import Step
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Facts, OneTime, Verdict
from idjag.protocol.errors import Reason
from idjag.seal import Sealer

__all__ = ["DECLINED", "GO_ON", "Answer", "answered", "by_app", "by_passkey", "by_recovery", "setting_up"]

Check: TypeAlias = Callable[[Facts], Proof | Wrong]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: how to check it, and what it uses up whatever comes of it.

    ``guess``: it can be guessed, so that failures are counted.  ``enrolment``: what it sets up.
    """

    check: Check | None = field(default=None, repr=False)
    once: tuple[OneTime, ...] = ()
    guess: bool = False
    enrolment: Enrolment | None = None
    declines: bool = False
    remember: bool = False


GO_ON = Answer()
DECLINED = Answer(declines=True)


def by_app(step: Step, code: str, *, sealer: Sealer, remember: bool, now: int) -> Answer:
    """The code of an authenticator app."""

    def check(found: Facts) -> Proof | Wrong:
        return totp.check(found, step.person_id, code, sealer=sealer, now=now)

    return Answer(check, totp.once(step.person_id, code, now=now), guess=True, remember=remember)


def by_recovery(step: Step, code: str, *, now: int) -> Answer:
    """A recovery code."""

    def check(found: Facts) -> Proof | Wrong:
        return recovery.check(found, step.person_id, code)

    return Answer(check, recovery.once(step.person_id, code, now=now), guess=True)


def by_passkey(
    step: Step, assertion: Assertion, *, ceremony: Ceremony, tenant: str, remember: bool, now: int
) -> Answer:
    """A passkey, which has verified its user."""

    def check(found: Facts) -> Proof | Wrong:
        return passkeys.check(found, step.person_id, assertion, ceremony=ceremony, tenant=tenant, now=now)

    return Answer(check, assertion.once(now=now), remember=remember)


def setting_up(enrolment: Enrolment) -> Answer:
    """A factor that its owner has just shown to have."""
    return Answer(enrolment.enrol, enrolment.once, enrolment=enrolment)


def answered(
    services: Services, asked: Asked, step: Step, answer: Answer, *, brought: Brought, source: Source
) -> Outcome:
    """Check the answer, and let the person go on or ask for the rest.

    One answer to one page: of many at the same moment, on however many nodes, one is looked at.
    """
    admission = Admission.make(services, asked, step.request, brought=brought, source=source)
    attempt, codes = _attempt(services, step, brought, source), recovery.make()
    ids = tuple(services.new_id() for _ in codes)
    page = _Page(services.tenant, admission, step, answer, source, attempt, codes, ids)
    if answer.guess and (stopped := _stopped(page.attempt, services.ledger.read(page.attempt.reads))):
        return stopped
    enrolment = answer.enrolment.reads if answer.enrolment else ()
    reads = (step.key, *page.attempt.reads, *enrolment, *admission.reads(step.person_id))
    always = (step.attempt, *answer.once)
    return commit(services, admission, page.decide, reads=reads, always=always, lost=page.lost)


@dataclass(frozen=True, slots=True)
class _Page:
    """One page and its answer, inside the decision.

    ``codes`` are new recovery codes, and ``ids`` those of their rows, if they are needed.
    """

    tenant: str
    admission: Admission
    step: Step
    answer: Answer
    source: Source
    attempt: Attempt
    codes: tuple[str, ...] = field(repr=False)
    ids: tuple[str, ...]

    def decide(self, snapshot: Snapshot, found: Facts) -> Verdict[Outcome]:
        """Whether the step still stands, then the answer."""
        step, now = self.step, self.source.now
        person = facts.person(found, step.person_id)
        if person is None or not step.alive(found, person, now=now):
            return self.admission.failed(Reason.STEP_OVER, reply=Again())
        if reason := sessions.stopped(found, person, now=now):
            return self.admission.refuse(snapshot, reason, person, reply=Again(), writes=step.over())
        base = self._base(snapshot, found, person)
        if step.session and base is None:
            # the session that was to be raised has ended: nothing was proven here without it
            return self._over(snapshot, person)
        shown = Shown(step.proofs, base, step, declined=step.declined or self.answer.declines)
        if self.answer.check is None:
            return self.admission.decide(snapshot, found, person, shown=shown)
        return self._checked(snapshot, found, person, shown=shown)

    def lost(self, used: OneTime) -> Verdict[Outcome]:
        """The page was answered before, or the code was used before."""
        if used == self.step.attempt:
            return self.admission.failed(Reason.STEP_OVER, reply=Again())
        return self.admission.failed(Reason.FACTOR_REPLAYED, reply=Failed(), writes=self.step.failed())

    def _checked(
        self, snapshot: Snapshot, found: Facts, person: PersonFacts, *, shown: Shown
    ) -> Verdict[Outcome]:
        if self.answer.enrolment and not self._may_enrol(snapshot, found, person, shown=shown):
            return self._wrong(snapshot, found, person, Reason.FACTOR_WRONG)
        if self.answer.guess and (stopped := _stopped(self.attempt, found)):
            reason = Reason.FACTOR_ENDED if isinstance(stopped, Ended) else Reason.SIGN_IN_LOCKED
            return self.admission.refuse(snapshot, reason, person, reply=stopped, writes=self.step.failed())
        proof = self.answer.check(found) if self.answer.check else Wrong(Reason.FACTOR_WRONG)
        if self.answer.guess and self.attempt.locked(found):
            return self._wrong(snapshot, found, person, Reason.SIGN_IN_LOCKED)
        if isinstance(proof, Wrong):
            return self._wrong(snapshot, found, person, proof.reason)
        if self.answer.enrolment:
            return self._enrolled(snapshot, found, person, proof, shown=shown)
        known = self.attempt.succeeded(found) if self.answer.guess else ()
        proofs = (*shown.proofs, replace(proof, writes=(*proof.writes, *known)))
        shown = replace(shown, proofs=proofs, remember=self.answer.remember)
        return self.admission.decide(snapshot, found, person, shown=shown)

    def _may_enrol(self, snapshot: Snapshot, found: Facts, person: PersonFacts, *, shown: Shown) -> bool:
        """Whether this page asks for it: never of a person who has a factor that was not shown."""
        ways = self.admission.ways(snapshot, found, person, shown=shown)
        kind = self.answer.enrolment.kind if self.answer.enrolment else ""
        return ways is not None and ways.next is Next.ENROL and kind in ways.kinds

    def _enrolled(
        self, snapshot: Snapshot, found: Facts, person: PersonFacts, proof: Proof, *, shown: Shown
    ) -> Verdict[Outcome]:
        """The new factor is written; the code of an app proves it, making a passkey proves nothing yet."""
        if proof.kind == "totp":
            shown = replace(shown, proofs=(*shown.proofs, proof))
        else:
            shown = replace(shown, added=(proof,))
        if recovery.left(found, person.person.id):
            return self.admission.decide(snapshot, found, person, shown=shown)
        rows = recovery.replace(
            person.person.id, self.codes, tenant=self.tenant, ids=self.ids, now=self.source.now
        )
        shown = replace(shown, added=(*shown.added, Proof("recovery", "", tuple(rows))))
        reply = Enrolled(self.admission.step, self.codes)
        return self.admission.go_on(snapshot, person, shown=shown, reply=reply)

    def _wrong(
        self, snapshot: Snapshot, found: Facts, person: PersonFacts, reason: Reason
    ) -> Verdict[Outcome]:
        noted = self.attempt.failed(found, person.person.id) if self.answer.guess else None
        return self.admission.refuse(
            snapshot,
            reason,
            person,
            writes=(*self.step.failed(), *(noted.writes if noted else ())),
            events=noted.events if noted else (),
        )

    def _over(self, snapshot: Snapshot, person: PersonFacts) -> Verdict[Outcome]:
        return self.admission.refuse(
            snapshot, Reason.STEP_OVER, person, reply=Again(), writes=self.step.over()
        )

    def _base(self, snapshot: Snapshot, found: Facts, person: PersonFacts) -> Session | None:
        """The session of this browser, if it is the one that the step is to raise."""
        session = self.admission.brought.session
        if session is None or session.id != self.step.session:
            return None
        return session.current(found, person, policy=snapshot.sign_in, now=self.source.now)


def _stopped(attempt: Attempt, found: Facts) -> Ended | Locked | None:
    """Why a code is not even looked at."""
    if attempt.ended(found):
        return Ended()
    wait = attempt.stopped(found)
    return Locked(wait) if wait else None


def _attempt(services: Services, step: Step, brought: Brought, source: Source) -> Attempt:
    """Who is guessing at whose codes; the account is named as it is for passwords."""
    keys = facts.person_keys(step.person_id)
    person = facts.person(services.ledger.read(keys), step.person_id)
    username = person.person.username if person else ""
    return Attempt(services.tenant, username, source, brought.known, kind=Kind.SECOND_FACTOR)
