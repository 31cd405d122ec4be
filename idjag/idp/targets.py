"""``POST /targets``: an app asks which ID-JAGs it could get for a person (MET-18).

The draft on target service discovery for token exchange.  The answer is what the rules would say to each
exchange now; it names nothing that this app and this person could not get.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from idjag.idp import facts
from idjag.idp.audit import Source, refusal_event
from idjag.idp.grants import GrantRequest, lost_reason
from idjag.idp.grants.subject_tokens import Standing, Subject, SubjectTokens, address, replayed
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Conflict, Entry, Event, Facts, Key, OneTime, Verdict
from idjag.policy.index import Policy
from idjag.policy.question import Question
from idjag.policy.reachable import Reachable, reachable
from idjag.protocol import custom_claims, names
from idjag.protocol import token_exchange as exchange
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, refusal_reply, token_reply
from idjag.protocol.token_exchange import SubjectToken

__all__ = ["Targets"]

# One answer is one turn of the ledger's writer: beyond this it must not keep the others waiting.
_MOST_TARGETS = 256
_MOST_ANSWERS = 1024


@dataclass(frozen=True, slots=True)
class _Case:
    """What one request turned out to ask, under one snapshot; ``targets`` are ids of resource apps."""

    snapshot: Snapshot
    client: RegisteredApp
    asked: SubjectToken
    subject: Subject
    targets: tuple[str, ...]
    jkt: str | None

    def held_at(self, target: str) -> tuple[str, ...]:
        """Whatever a hold on stops this app and person at that resource app."""
        connection = self.snapshot.policy.connection(self.client.app.id, target)
        ids = (self.subject.person_id, self.client.app.id, target)
        return (*ids, connection.id) if connection else ids

    @property
    def reads(self) -> tuple[Key, ...]:
        """The facts of the person, and every hold."""
        held = (
            self.subject.person_id,
            self.client.app.id,
            *chain.from_iterable(map(self.held_at, self.targets)),
        )
        person = facts.person_keys(self.subject.person_id)
        return (*person, *self.subject.reads, *facts.hold_keys(*held))

    @property
    def known(self) -> dict[str, object]:
        """The audit fields that the request tells before anything is decided."""
        return {
            "subject": self.subject.person_id,
            "subject_token_type": self.subject.type,
            "policy_seq": self.snapshot.policy.seq,
            "cnf_jkt": self.jkt,
        }


class Targets:
    """The operation of the endpoint."""

    def __init__(self, subjects: SubjectTokens) -> None:
        self._subjects = subjects

    async def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused as an exchange with this subject token does."""
        client, asked = _asked(request, snapshot)
        subject = await self._subjects.find(asked, client, snapshot, now=request.source.now)
        case, source = _case(request, snapshot, client, asked=asked, subject=subject), request.source

        def decide(current: Snapshot, found: Facts) -> Verdict[Reply]:
            now = case if current is snapshot else self._again(request, current, case)
            try:
                return _answer(now, source, found)
            except Refused as refused:
                return _refusal(refused, source, now)

        def lost(used: OneTime) -> Verdict[Reply]:
            return _refusal(lost_reason(used), source, case)

        return Entry(
            tenant=snapshot.tenant,
            holder=source.decision_id,
            now=source.now,
            decide=decide,
            lost=lost,
            reads=case.reads,
            consume_always=request.consume,
            client=client.app.id,
        )

    def refused_event(self, _form: Form) -> str:
        """The name of the event when an authenticated client is refused."""
        return "token.refused"

    def _again(self, request: GrantRequest, current: Snapshot, before: _Case) -> _Case:
        """Under rules that changed since; raises Conflict when it would have read other facts."""
        try:
            client, asked = _asked(request, current)
            subject = self._subjects.again(
                before.subject, asked, client, current, was=before.client, now=request.source.now
            )
        except Refused:
            raise Conflict("the policy was changed meanwhile") from None
        case = _case(request, current, client, asked=asked, subject=subject)
        if not set(case.reads) <= set(before.reads):
            raise Conflict("the policy was changed meanwhile")
        return case


def _asked(request: GrantRequest, snapshot: Snapshot) -> tuple[RegisteredApp, SubjectToken]:
    """The client, which may exchange, and whom it asks about."""
    client = request.client(snapshot)
    if client.registration.method == names.NO_AUTHENTICATION:
        raise Refused(Reason.CLIENT_PUBLIC)
    if "token_exchange" not in client.grants:
        raise Refused(Reason.GRANT_NOT_ALLOWED, grant="token_exchange")
    return client, exchange.subject_of(request.form)


def _case(
    request: GrantRequest, snapshot: Snapshot, client: RegisteredApp, *, asked: SubjectToken, subject: Subject
) -> _Case:
    targets = snapshot.policy.connected(client.app.id)[:_MOST_TARGETS]
    jkt = request.proof.jkt if request.proof else None
    return _Case(snapshot, client, asked, subject, targets, jkt)


def _answer(case: _Case, source: Source, found: Facts) -> Verdict[Reply]:
    """Inside the transaction, on facts as an exchange would find them; raises Refused."""
    person = facts.person(found, case.subject.person_id)
    standing = case.subject.standing(found, case.client, person, jkt=case.jkt, now=source.now)
    if person is None:
        raise Refused(Reason.SUBJECT_UNKNOWN)
    if not person.person.active:
        raise Refused(Reason.PERSON_DISABLED)
    if not standing.sign_in.alive or standing.ends <= source.now:
        raise Refused(Reason.SESSION_ENDED)
    reached = tuple(islice(_reached(case, source, person, found, standing=standing), _MOST_ANSWERS))
    members = exchange.targets((one.audience, one.resource, one.scopes) for one in reached)
    event = Event(
        "targets.listed",
        {
            **source.fields(),
            **case.known,
            "actor": {"kind": "app", "id": case.client.app.id},
            "requesting_app": case.client.app.id,
            "inputs": {"targets": len(reached), **case.subject.inputs},
        },
    )
    return Verdict(token_reply(members, decision_id=source.decision_id), (event,), standing.writes)


def _reached(
    case: _Case, source: Source, person: facts.PersonFacts, found: Facts, *, standing: Standing
) -> Iterator[Reachable]:
    for target in case.targets:
        if not _tellable(case.snapshot.policy, target, person):
            continue
        question = Question(
            app=case.client.app.id,
            resource_app=target,
            person=person.person,
            now=source.now,
            sign_in=standing.sign_in,
            holds=facts.holds(found, *case.held_at(target)),
            address=address(source.ip),
            key_bound=case.jkt is not None,
        )
        yield from reachable(case.snapshot.policy, question)


def _tellable(policy: Policy, target: str, person: facts.PersonFacts) -> bool:
    """Whether what the resource app would be told of this person can be told (JAG-27)."""
    try:
        custom_claims.check(policy.resource_apps[target].mapped(person.person))
    except Refused:
        return False
    return True


def _refusal(refused: Refused, source: Source, case: _Case) -> Verdict[Reply]:
    writes = replayed(refused, case.subject, now=source.now)
    name = "token.revoked" if writes else "token.refused"
    event = refusal_event(name, refused, source=source, client=case.client, fields=case.known)
    reply = refusal_reply(refused, decision_id=source.decision_id)
    return Verdict(reply, (event,), writes, succeeded=False)
