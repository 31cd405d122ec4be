"""Letting a person into an app: the decision that makes a session, its sid for the app, and a code.

Two ways in, one set of checks: ``by_session`` with a living session, ``by_password`` after a password.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.facts import PersonFacts, string
from idjag.idp.services import Services
from idjag.idp.signin import assigned, authorize, sessions
from idjag.idp.signin.authorize import AuthorizationRequest
from idjag.idp.signin.codes import LIFETIME, Code, code_key
from idjag.idp.signin.sessions import PASSWORD, Authentication, NewSession, Session, SignedIn
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Key, OneTime, Value, Verdict
from idjag.protocol.errors import Reason, Refused

__all__ = ["Admitted", "Failed", "Outcome", "by_password", "by_session"]


@dataclass(frozen=True, slots=True)
class Admitted:
    """The person may go to the app with this code; ``cookie`` is the session's new value, if it has one."""

    code: str = field(repr=False)
    cookie: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody is signed in; why is for the audit log alone, so that no page can say it (case 154)."""


Outcome: TypeAlias = Admitted | Failed | Refused
"""``Refused``: we know who it is, and the app is not for this person now."""


def by_session(
    services: Services, request: AuthorizationRequest, session: SignedIn, *, source: Source
) -> Outcome:
    """Let the person of a living session into the app; Failed when it lives no longer."""
    admission = _Admission.make(services, request, source)

    def decide(snapshot: Snapshot, found: Facts) -> Verdict[Outcome]:
        person = facts.person(found, session.person_id)
        current = session.current(found, person, now=source.now)
        if person is None or current is None:
            return Verdict(Failed(), (), succeeded=False)
        return admission.let_in(snapshot, found, person, session=current)

    return _commit(
        services, decide, reads=(*session.reads, *admission.reads(session.person_id)), source=source
    )


def by_password(
    services: Services,
    request: AuthorizationRequest,
    *,
    username: str,
    password: str,
    before: SignedIn | None,
    source: Source,
) -> Outcome:
    """Check a password and let the person into the app; raises Busy.

    ``before`` is the session that this browser has.  People who do not exist take the same way, with the
    same work, as those who do.
    """
    person_id, stored = _credential(services, username)
    right = services.passwords.verify(stored, password)
    admission = _Admission.make(services, request, source)

    def decide(snapshot: Snapshot, found: Facts) -> Verdict[Outcome]:
        person = facts.person(found, person_id)
        # the hash was read before the slow work: a password changed meanwhile counts as wrong
        unchanged = stored is not None and stored in _hashes(found, person_id)
        if person is None:
            return admission.refuse(snapshot, Reason.SUBJECT_UNKNOWN, person)
        if not (right and unchanged):
            return admission.refuse(snapshot, Reason.PASSWORD_WRONG, person)
        if reason := sessions.stopped(found, person, now=source.now):
            return admission.refuse(snapshot, reason, person)
        by = Authentication(*PASSWORD, auth_time=source.now)
        session = admission.session.open(found, person, by, before=before, source=source)
        return admission.let_in(snapshot, found, person, session=session)

    reads = (_credential_key(person_id), *(before.reads if before else ()), *admission.reads(person_id))
    return _commit(services, decide, reads=reads, source=source)


@dataclass(frozen=True, slots=True)
class _Admission:
    """One admission, with its random values: they are made before the decision, which is pure."""

    request: AuthorizationRequest
    source: Source
    session: NewSession
    code: str = field(repr=False)
    row_id: str
    sid: str

    @classmethod
    def make(cls, services: Services, request: AuthorizationRequest, source: Source) -> _Admission:
        new_id = services.new_id
        # a cookie and a code are secrets: 256 bits each
        session = NewSession(services.tenant, new_id(), new_id() + new_id())
        return cls(request, source, session, new_id() + new_id(), new_id(), new_id())

    def reads(self, person_id: str) -> tuple[Key, ...]:
        """What ``let_in`` needs."""
        app_id = self.request.to.client.app.id
        return (*assigned.keys(person_id, app_id), sessions.apps_key(self.session.id))

    def let_in(
        self, snapshot: Snapshot, found: Facts, person: PersonFacts, *, session: Session
    ) -> Verdict[Outcome]:
        """The app's own checks, then a code; nothing is written, no session either, when they refuse."""
        try:
            client = authorize.still_valid(self.request, snapshot.clients)
            assigned.check(found, client.app, person, now=self.source.now)
        except Refused as refused:
            return self.refuse(snapshot, refused.reason, person, reply=refused)
        fresh: dict[str, Value] = {"id": self.row_id, "tenant_id": snapshot.tenant, "sid": self.sid}
        sid, reached = session.reach(found, client.app.id, fresh=fresh, now=self.source.now)
        code = self._code(client, session, person, sid=sid)
        event = Event(
            "login.succeeded",
            {
                **self._known(snapshot, person),
                "actor": _person_actor(person),
                "scopes_granted": list(code.scopes),
                "acr": session.by.acr,
                "amr": list(session.by.amr),
                "auth_time": session.by.auth_time,
                "inputs": {"new_sign_in": session.cookie is not None},
            },
        )
        writes = (
            *session.writes,
            *reached,
            code.insert(snapshot.tenant),
        )
        return Verdict(Admitted(self.code, session.cookie), (event,), writes)

    def refuse(
        self,
        snapshot: Snapshot,
        reason: Reason,
        person: PersonFacts | None,
        *,
        reply: Failed | Refused = Failed(),
    ) -> Verdict[Outcome]:
        """Nobody is let in.  What was typed as a name is recorded only if it is one: it may be a password."""
        proven = person is not None and isinstance(reply, Refused)
        actor = _person_actor(person) if proven and person else {"kind": "stranger", "id": self.source.ip}
        event = Event(
            "login.failed", {**self._known(snapshot, person), "actor": actor, "reason": reason.value}
        )
        return Verdict(reply, (event,), succeeded=False)

    def _code(self, client: RegisteredApp, session: Session, person: PersonFacts, *, sid: str) -> Code:
        return Code(
            id=code_key(self.code).value,
            app_id=client.app.id,
            session_id=session.id,
            person_id=person.person.id,
            epoch=person.epoch,
            expires=self.source.now + LIFETIME,
            redirect_uri=self.request.to.redirect_uri,
            code_challenge=self.request.code_challenge,
            scopes=self.request.scopes,
            nonce=self.request.nonce,
            sid=sid,
        )

    def _known(self, snapshot: Snapshot, person: PersonFacts | None) -> dict[str, object]:
        return {
            **self.source.fields(),
            "subject": person.person.id if person else None,
            "requesting_app": self.request.to.client.app.id,
            "scopes_requested": list(self.request.scopes_requested),
            "policy_seq": snapshot.policy.seq,
        }


def _person_actor(person: PersonFacts) -> dict[str, str]:
    return {"kind": "person", "id": person.person.id}


def _credential(services: Services, username: str) -> tuple[str, str | None]:
    """(person id, password hash): ("", None) for a name that nobody has, after the same two reads."""
    by_name = Key("person", "username", username)
    people = [
        string(row, "id")
        for row in services.ledger.read((by_name,))(by_name)
        if row["tenant_id"] == services.tenant
    ]
    person_id = people[0] if people else ""
    stored = _hashes(services.ledger.read((_credential_key(person_id),)), person_id)
    return person_id, stored[0] if stored else None


def _credential_key(person_id: str) -> Key:
    return Key("credential", "person_id", person_id)


def _hashes(found: Facts, person_id: str) -> list[str]:
    rows = found(_credential_key(person_id))
    return [string(row, "secret") for row in rows if row["kind"] == "password"]


def _commit(
    services: Services,
    decide: Callable[[Snapshot, Facts], Verdict[Outcome]],
    *,
    reads: tuple[Key, ...],
    source: Source,
) -> Outcome:
    entry = Entry(
        tenant=services.tenant,
        holder=source.decision_id,
        now=source.now,
        decide=decide,
        lost=_nothing_is_consumed,
        reads=reads,
    )
    return services.ledger.commit(entry)


def _nothing_is_consumed(_one_time: OneTime) -> Verdict[Outcome]:
    raise AssertionError("an admission consumes nothing")
