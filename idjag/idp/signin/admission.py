"""Letting a person go on: the one decision that makes a session, its sid for the app, and a code.

Whatever was shown, and on whichever page, it ends here: what is wanted of the sign-in is worked out anew from
the facts of the transaction, and either all of it was proven or there is another page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from idjag.idp.audit import Source
from idjag.idp.factors import devices, enrolled
from idjag.idp.factors.proof import Proof
from idjag.idp.facts import PersonFacts
from idjag.idp.services import Services
from idjag.idp.signin import assigned, authorize, needs, remembering, sessions, steps
from idjag.idp.signin.authorize import AuthorizationRequest
from idjag.idp.signin.codes import LIFETIME, Code, code_key
from idjag.idp.signin.guesses import NOTHING, Attempt, Noted
from idjag.idp.signin.needs import Need, Ways
from idjag.idp.signin.outcomes import Admitted, Brought, Continued, Enrolled, Failed, Outcome
from idjag.idp.signin.own_pages import OF_FACTORS, OwnPage
from idjag.idp.signin.sessions import Authentication, NewSession, Session
from idjag.idp.signin.shown import NOBODY, Shown
from idjag.idp.signin.steps import Step
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Delete, Entry, Event, Facts, Key, OneTime, Value, Verdict, Write
from idjag.protocol.errors import Reason, Refused

__all__ = ["Admission", "Asked", "commit"]

_FAILED: Final = Failed()

Asked: TypeAlias = AuthorizationRequest | OwnPage


@dataclass(frozen=True, slots=True)
class Admission:
    """One admission, with its random values: they are made before the decision, which is pure.

    ``carried`` is the request as text, for the next page.
    """

    asked: Asked
    carried: str = field(repr=False)
    brought: Brought
    source: Source
    session: NewSession
    code: str = field(repr=False)
    row_id: str
    sid: str
    step: str = field(repr=False)
    device: str = field(repr=False)

    @classmethod
    def make(
        cls, services: Services, asked: Asked, carried: str, *, brought: Brought, source: Source
    ) -> Admission:
        """Of one request; a cookie and a code are secrets, 256 bits each."""
        new = services.new_id
        session = NewSession(services.tenant, new(), new() + new())
        code, step, device = new() + new(), new() + new(), new() + new()
        return cls(asked, carried, brought, source, session, code, new(), new(), step, device)

    @property
    def once(self) -> tuple[OneTime, ...]:
        """What is used up when the person is let in."""
        return self.asked.once if isinstance(self.asked, AuthorizationRequest) else ()

    def reads(self, person_id: str) -> tuple[Key, ...]:
        """What ``decide`` needs."""
        app = self._app_id
        people = assigned.keys(person_id, app) if app else assigned.keys(person_id, person_id)
        before = self.brought.session
        return (
            *people,
            *enrolled.keys(person_id),
            *devices.keys(self.brought.device, person_id),
            *(before.reads if before else ()),
            sessions.apps_key(self.session.id),
        )

    def decide(
        self, snapshot: Snapshot, found: Facts, person: PersonFacts, *, shown: Shown
    ) -> Verdict[Outcome]:
        """Let the person in if everything that is wanted was proven, else ask for the rest of it."""
        try:
            wanted = self._wanted(snapshot, found, person, declined=shown.declined)
        except Refused as refused:
            return self.refuse(snapshot, refused.reason, person, reply=refused)
        by = shown.by(wanted, now=self.source.now)
        if by is NOBODY:
            return self.refuse(snapshot, Reason.PASSWORD_WRONG, person)
        if needs.met(wanted, by.acr):
            return self._let_in(snapshot, found, person, by=by, shown=shown)
        if isinstance(self.asked, AuthorizationRequest) and self.asked.silent:
            told = Refused(Reason.LOGIN_REQUIRED)
            return self.refuse(snapshot, told.reason, person, reply=told)
        return self.go_on(snapshot, person, shown=shown, reply=Continued(self.step))

    def ways(self, snapshot: Snapshot, found: Facts, person: PersonFacts, *, shown: Shown) -> Ways | None:
        """What the next page asks for; None when nothing is missing."""
        wanted = self._wanted(snapshot, found, person, declined=shown.declined)
        given = shown.by(wanted, now=self.source.now).acr
        kinds = enrolled.kinds(found, person.person.id)
        if needs.met(wanted, given):
            return None
        return needs.ways(wanted, given, kinds=kinds, producible=snapshot.policy.sign_ins)

    def go_on(
        self, snapshot: Snapshot, person: PersonFacts, *, shown: Shown, reply: Continued | Enrolled
    ) -> Verdict[Outcome]:
        """Another page: a new row under a new cookie; it has all that was proven, and admits to nothing."""
        now, before = self.source.now, shown.step
        step = Step(
            id=steps.digest(self.step),
            person_id=person.person.id,
            epoch=person.epoch,
            expires=before.expires if before else now + steps.LIFETIME,
            request=self.carried,
            proven=tuple((proof.kind, proof.credential_id) for proof in shown.proofs),
            session=shown.base.id if shown.base else "",
            declined=shown.declined,
            # a page further on is no second chance
            failures=before.failures if before else 0,
        )
        event = Event(
            "login.continued",
            {
                **self.known(snapshot, person),
                "actor": _actor(person),
                "inputs": {"factors": [proof.said() for proof in shown.proofs], "declined": shown.declined},
            },
        )
        writes = (*shown.writes, *(before.over() if before else ()))
        events = (event, *shown.events)
        # nothing of the app's request is used up yet
        return Verdict(
            reply, events, (*writes, step.insert(tenant=snapshot.tenant, now=now)), succeeded=False
        )

    def refuse(
        self,
        snapshot: Snapshot,
        reason: Reason,
        person: PersonFacts | None,
        *,
        reply: Outcome = _FAILED,
        writes: tuple[Write, ...] = (),
        events: tuple[Event, ...] = (),
    ) -> Verdict[Outcome]:
        """Nobody is let in.  What was typed as a name is recorded only if it is one: it may be a password."""
        proven = person is not None and isinstance(reply, Refused)
        actor = _actor(person) if proven and person else {"kind": "stranger", "id": self.source.ip}
        event = Event(
            "login.failed", {**self.known(snapshot, person), "actor": actor, "reason": reason.value}
        )
        return Verdict(reply, (event, *events), writes, succeeded=False)

    def lost(self, _once: OneTime) -> Verdict[Outcome]:
        """The request that the app had pushed was answered at the same moment elsewhere (OIDC-23)."""
        return self.failed(Reason.REQUEST_URI_USED, reply=Refused(Reason.REQUEST_URI_USED))

    def failed(
        self, reason: Reason, *, reply: Outcome, writes: tuple[Write, ...] = (), noted: Noted = NOTHING
    ) -> Verdict[Outcome]:
        """A refusal that needs no facts."""
        event = Event(
            "login.failed",
            {
                **self.source.fields(),
                "actor": {"kind": "stranger", "id": self.source.ip},
                "requesting_app": self._app_id,
                "reason": reason.value,
            },
        )
        return Verdict(reply, (event, *noted.events), (*writes, *noted.writes), succeeded=False)

    def known(self, snapshot: Snapshot, person: PersonFacts | None) -> dict[str, object]:
        """The audit fields that every event of this admission shares."""
        asked = self.asked
        requested = list(asked.scopes_requested) if isinstance(asked, AuthorizationRequest) else None
        return {
            **self.source.fields(),
            "subject": person.person.id if person else None,
            "requesting_app": self._app_id,
            "scopes_requested": requested,
            "policy_seq": snapshot.policy.seq,
        }

    @property
    def _app_id(self) -> str | None:
        return self.asked.to.client.app.id if isinstance(self.asked, AuthorizationRequest) else None

    def _wanted(
        self, snapshot: Snapshot, found: Facts, person: PersonFacts, *, declined: bool
    ) -> tuple[Need, ...]:
        app = self.asked if isinstance(self.asked, AuthorizationRequest) else None
        return needs.needs(
            policy=snapshot.sign_in,
            producible=snapshot.policy.sign_ins,
            has_factor=bool(enrolled.kinds(found, person.person.id)),
            remembered=self._spared(snapshot, found, person),
            acr_values=app.acr_values if app else (),
            essential=self.asked.essential_acr,
            declined=declined,
        )

    def _spared(self, snapshot: Snapshot, found: Facts, person: PersonFacts) -> bool:
        """Whether this browser is remembered, and it is no page where one could make a factor of that."""
        of_factors = isinstance(self.asked, OwnPage) and self.asked.name in OF_FACTORS
        return not of_factors and self._device(snapshot, found, person) is not None

    def _device(self, snapshot: Snapshot, found: Facts, person: PersonFacts) -> Proof | None:
        return remembering.known(snapshot, found, person, self.brought.device, now=self.source.now)

    def _let_in(
        self, snapshot: Snapshot, found: Facts, person: PersonFacts, *, by: Authentication, shown: Shown
    ) -> Verdict[Outcome]:
        """The app's own checks, then a code; nothing is written, no session either, when they refuse."""
        source = self.source
        try:
            client = self._client(snapshot, found, person)
        except Refused as refused:
            return self.refuse(snapshot, refused.reason, person, reply=refused)
        session = shown.base if shown.base and not shown.proofs else None
        if session is None:
            session = self.session.open(
                found, person, by, before=self.brought.session, policy=snapshot.sign_in, source=source
            )
        reached = self._reach(snapshot, found, person, client=client, session=session)
        remembered, told = remembering.remember(snapshot, person, shown, cookie=self.device, source=source)
        device = self._device(snapshot, found, person)
        attempt = Attempt(snapshot.tenant, person.person.username, source, self.brought.known)
        writes = (
            *shown.writes,
            *(attempt.admitted() if session.cookie is not None else ()),
            *session.writes,
            *reached,
            *remembered,
            *(device.writes if device else ()),
            *(shown.step.over() if shown.step else ()),
            *(Delete(once.kind, {"id": once.value}) for once in self.once),
        )
        code = self.code if client is not None else ""
        reply = Admitted(
            code,
            session.cookie,
            self.device if remembered else None,
            device_lifetime=snapshot.sign_in.remember_device,
            stepped=shown.step is not None,
        )
        event = self._succeeded(snapshot, person, session, shown)
        return Verdict(reply, (event, *shown.events, *session.events, *told), writes)

    def _succeeded(self, snapshot: Snapshot, person: PersonFacts, session: Session, shown: Shown) -> Event:
        asked = self.asked
        factors = [proof.said() for proof in shown.proofs if proof.kind != "password"]
        inputs: dict[str, object] = {"new_sign_in": session.cookie is not None}
        return Event(
            "login.succeeded",
            {
                **self.known(snapshot, person),
                "actor": _actor(person),
                "scopes_granted": list(asked.scopes) if isinstance(asked, AuthorizationRequest) else None,
                "acr": session.by.acr,
                "amr": list(session.by.amr),
                "auth_time": session.by.auth_time,
                "inputs": {**inputs, "factors": factors} if factors else inputs,
            },
        )

    def _client(self, snapshot: Snapshot, found: Facts, person: PersonFacts) -> RegisteredApp | None:
        """The app, which may be used by this person; None for a page of ours.  Raises Refused."""
        asked = self.asked
        if not isinstance(asked, AuthorizationRequest):
            return None
        client = authorize.still_valid(asked, snapshot.clients)
        assigned.check(found, client.app, person, now=self.source.now)
        if asked.expected_sub not in (None, person.subs.get(client.app.sector)):
            raise Refused(Reason.LOGIN_REQUIRED, problem="another person than the app expects")
        return client

    def _reach(
        self,
        snapshot: Snapshot,
        found: Facts,
        person: PersonFacts,
        *,
        client: RegisteredApp | None,
        session: Session,
    ) -> tuple[Write, ...]:
        """The session reaches the app, which gets a code; nothing is written for a page of ours."""
        asked = self.asked
        if client is None or not isinstance(asked, AuthorizationRequest):
            return ()
        fresh: dict[str, Value] = {"id": self.row_id, "tenant_id": snapshot.tenant, "sid": self.sid}
        sid, reached = session.reach(found, client.app.id, fresh=fresh, now=self.source.now)
        code = Code(
            id=code_key(self.code).value,
            app_id=client.app.id,
            session_id=session.id,
            person_id=person.person.id,
            epoch=person.epoch,
            expires=self.source.now + LIFETIME,
            redirect_uri=asked.to.redirect_uri,
            code_challenge=asked.code_challenge,
            scopes=asked.scopes,
            nonce=asked.nonce,
            sid=sid,
            jkt=asked.jkt,
            claims=(asked.named.id_token, asked.named.userinfo),
            acr_values=(*asked.essential_acr, *asked.acr_values),
        )
        return (*reached, code.insert(snapshot.tenant))


def commit(
    services: Services,
    admission: Admission,
    decide: Callable[[Snapshot, Facts], Verdict[Outcome]],
    *,
    reads: tuple[Key, ...],
    always: tuple[OneTime, ...] = (),
    lost: Callable[[OneTime], Verdict[Outcome]] | None = None,
) -> Outcome:
    """Decide and record; ``always`` is used up whatever comes of it, ``lost``: what if it was before."""

    def lost_any(used: OneTime) -> Verdict[Outcome]:
        return admission.lost(used) if lost is None or used in admission.once else lost(used)

    entry = Entry(
        tenant=services.tenant,
        holder=admission.source.decision_id,
        now=admission.source.now,
        decide=decide,
        lost=lost_any,
        reads=reads,
        consume_always=always,
        consume_on_success=admission.once,
    )
    return services.ledger.commit(entry)


def _actor(person: PersonFacts) -> dict[str, str]:
    return {"kind": "person", "id": person.person.id}
