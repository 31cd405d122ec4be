"""The token exchange: a subject token of ours for an ID-JAG, if the administrators' rules allow it.

RFC 8693 as the draft's section 4.3 narrows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from idjag.idp import facts
from idjag.idp.audit import Source, refusal_event
from idjag.idp.grants import GrantRequest, lost_reason
from idjag.idp.grants.subject_tokens import Standing, Subject, SubjectTokens, address, replayed
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.idp.subjects import sub_in
from idjag.ledger.entry import Conflict, Entry, Event, Facts, Key, OneTime, Verdict, Write
from idjag.policy.decide import decide, find_resource_app
from idjag.policy.model import ResourceApp
from idjag.policy.question import Decision, Question
from idjag.protocol import id_jag, names
from idjag.protocol import token_exchange as exchange
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply, refusal_reply, token_reply
from idjag.protocol.jose import jws
from idjag.protocol.resources import is_resource

__all__ = ["TokenExchange"]


@dataclass(frozen=True, slots=True)
class _Case:
    """What one request turned out to ask, under one snapshot."""

    snapshot: Snapshot
    client: RegisteredApp
    asked: exchange.Exchange
    subject: Subject
    target: ResourceApp
    jkt: str | None

    @property
    def hold_targets(self) -> tuple[str, ...]:
        connection = self.snapshot.policy.connection(self.client.app.id, self.target.id)
        ids = (self.subject.person_id, self.client.app.id, self.target.id)
        return (*ids, connection.id) if connection else ids

    @property
    def reads(self) -> tuple[Key, ...]:
        return (
            *facts.person_keys(self.subject.person_id),
            *self.subject.reads,
            *facts.hold_keys(*self.hold_targets),
        )

    @property
    def known(self) -> dict[str, object]:
        """The audit fields that the request tells before anything is decided."""
        return {
            "subject": self.subject.person_id,
            "subject_token_type": self.subject.type,
            "resource_app": self.target.id,
            "audience": self.target.issuer,
            "resources": list(self.asked.resources),
            "scopes_requested": None if self.asked.scopes is None else list(self.asked.scopes),
            "cnf_jkt": self.jkt,
        }


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """The grant; ``new_id`` makes jti values and subs."""

    issuer: str
    subjects: SubjectTokens = field(repr=False)
    new_id: Callable[[], str]

    async def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused when the request fails before any fact is needed."""
        case = await self._read(request, snapshot)

        def decide_now(current: Snapshot, found: Facts) -> Verdict[Reply]:
            now = case if current is snapshot else self._again(request, current, case)
            try:
                return self._answer(now, request.source, found)
            except Refused as refused:
                return _refusal(refused, request.source, now, now.known)

        def lost(used: OneTime) -> Verdict[Reply]:
            return _refusal(lost_reason(used), request.source, case, case.known)

        return Entry(
            tenant=snapshot.tenant,
            holder=request.source.decision_id,
            now=request.source.now,
            decide=decide_now,
            lost=lost,
            reads=case.reads,
            consume_always=request.consume,
            client=case.client.app.id,
        )

    def _again(self, request: GrantRequest, current: Snapshot, before: _Case) -> _Case:
        """Everything once more under rules, keys or a client that changed since.

        Raises Conflict when the request is refused now, or would have read other facts: it starts over.
        """
        try:
            client, asked = _asked(request, current)
            subject = self.subjects.again(
                before.subject, asked, client, current, was=before.client, now=request.source.now
            )
            case = _case(request, current, client, asked=asked, subject=subject)
        except Refused:
            raise Conflict("the policy was changed meanwhile") from None
        if not set(case.reads) <= set(before.reads):
            raise Conflict("the policy was changed meanwhile")
        return case

    async def _read(self, request: GrantRequest, snapshot: Snapshot) -> _Case:
        """Steps 3 to 5: the grant is allowed to the client, the parameters, the subject token, the target."""
        client, asked = _asked(request, snapshot)
        subject = await self.subjects.find(asked, client, snapshot, now=request.source.now)
        return _case(request, snapshot, client, asked=asked, subject=subject)

    def _answer(self, case: _Case, source: Source, found: Facts) -> Verdict[Reply]:
        """Steps 7 and 8, inside the transaction: the decision, the claims, the signature."""
        person = facts.person(found, case.subject.person_id)
        standing = case.subject.standing(found, case.client, person, jkt=case.jkt, now=source.now)
        question = _question(case, source, person, found, standing=standing)
        decision = decide(case.snapshot.policy, question)
        known = _known(case, question, decision, standing=standing)
        if decision.reason is not None or person is None or decision.connection is None:
            reason = decision.reason or Reason.SUBJECT_UNKNOWN
            return _refusal(Refused(reason, extra=_step_up(decision)), source, case, known)
        grant, writes = self._grant(case, decision, person, standing=standing, now=source.now)
        token = jws.sign(
            id_jag.claims(grant),
            key=case.snapshot.keys.signing(case.target.id_jag_alg, now=source.now),
            typ=names.ID_JAG_TYP,
        )
        members = exchange.success(
            token,
            lifetime=grant.exp - grant.iat,
            granted_scopes=grant.scopes,
            granted_resources=grant.resources,
            jkt=grant.jkt,
        )
        issued = Event(
            "id_jag.issued",
            {
                **source.fields(),
                **known,
                "actor": {"kind": "app", "id": case.client.app.id},
                "jti": grant.jti,
                "client_id_at_resource": grant.client_id,
                "scopes_granted": list(grant.scopes),
                "resources": list(grant.resources),
            },
        )
        return Verdict(
            token_reply(members, decision_id=source.decision_id), (issued,), (*writes, *standing.writes)
        )

    def _grant(
        self, case: _Case, decision: Decision, person: facts.PersonFacts, *, standing: Standing, now: int
    ) -> tuple[id_jag.IdJag, tuple[Write, ...]]:
        """The claims (draft section 3.1): ``sub`` is what the audience's own relying party gets (JAG-05)."""
        target, tenant, sign_in = case.target, case.snapshot.tenant, standing.sign_in
        sso_app = case.snapshot.policy.apps.get(target.sso_app or "")
        sector = sso_app.sector if sso_app else ""
        sub, writes = sub_in(sector, person, tenant=tenant, new_id=self.new_id)
        lifetime = min(decision.lifetime, standing.ends - now)  # JAG-13
        if lifetime <= 0:
            raise Refused(Reason.SESSION_ENDED)
        release = target.release
        grant = id_jag.IdJag(
            iss=self.issuer,
            sub=sub,
            aud=target.issuer,
            client_id=(decision.connection.client_id if decision.connection else None) or "",
            jti=self.new_id(),
            iat=now,
            exp=now + lifetime,
            scopes=decision.scopes,
            resources=decision.resources,
            auth_time=sign_in.auth_time,
            acr=sign_in.acr,
            amr=standing.amr,
            email=person.email if "email" in release else None,
            email_verified=person.email_verified,
            name=(person.name or None) if "name" in release else None,
            tenant=tenant if target.multi_tenant else None,
            aud_tenant=target.aud_tenant,
            aud_sub=person.person.attributes.get(target.aud_sub) if target.aud_sub else None,
            jkt=case.jkt,
            custom=target.mapped(person.person),
        )
        return grant, writes


def _asked(request: GrantRequest, snapshot: Snapshot) -> tuple[RegisteredApp, exchange.Exchange]:
    """The client, which may use this grant, and its parameters."""
    client = request.client(snapshot)
    if client.registration.method == names.NO_AUTHENTICATION:  # XCH-51
        raise Refused(Reason.CLIENT_PUBLIC)
    if "token_exchange" not in client.grants:  # XCH-52
        raise Refused(Reason.GRANT_NOT_ALLOWED, grant="token_exchange")
    return client, exchange.parse(request.form)


def _case(
    request: GrantRequest,
    snapshot: Snapshot,
    client: RegisteredApp,
    *,
    asked: exchange.Exchange,
    subject: Subject,
) -> _Case:
    jkt = request.proof.jkt if request.proof else None
    return _Case(snapshot, client, asked, subject, _target(snapshot, asked.audience), jkt)


def _target(snapshot: Snapshot, audience: str) -> ResourceApp:
    """The resource app; what is no URI at all may be a secret in the wrong place and is not recorded."""
    try:
        return find_resource_app(snapshot.policy, audience)
    except Refused as refused:
        if not is_resource(audience):
            refused.fact.pop("audience", None)
        raise


def _question(
    case: _Case, source: Source, person: facts.PersonFacts | None, found: Facts, *, standing: Standing
) -> Question:
    return Question(
        app=case.client.app.id,
        resource_app=case.target.id,
        person=person.person if person else None,
        now=source.now,
        sign_in=standing.sign_in,
        scopes=case.asked.scopes,
        resources=case.asked.resources,
        holds=facts.holds(found, *case.hold_targets),
        address=address(source.ip),
        key_bound=case.jkt is not None,
    )


def _known(case: _Case, question: Question, decision: Decision, *, standing: Standing) -> dict[str, object]:
    """The audit fields that a decision adds, granted or denied."""
    return {
        **case.known,
        "profile": question.profile,
        "requesting_app": question.app,
        "rule_ids": [rule.id for rule in decision.rules],
        "rule_versions": [rule.version for rule in decision.rules],
        "guardrail_ids": [guardrail.id for guardrail in decision.guardrails],
        "policy_seq": case.snapshot.policy.seq,
        "inputs": {**question.inputs(), **case.subject.inputs},
        "acr": standing.sign_in.acr,
        "amr": list(standing.amr),
        "auth_time": standing.sign_in.auth_time,
        "actor_chain": list(question.actor_chain),
    }


def _step_up(decision: Decision) -> dict[str, str | int]:
    """What a better sign-in must bring: RFC 9470 names, ``acr_values`` a string and ``max_age`` a number."""
    extra: dict[str, str | int] = {}
    if decision.step_up and decision.step_up.acr_values:
        extra["acr_values"] = " ".join(decision.step_up.acr_values)
    if decision.step_up and decision.step_up.max_age is not None:
        extra["max_age"] = decision.step_up.max_age
    return extra


def _refusal(refused: Refused, source: Source, case: _Case, known: dict[str, object]) -> Verdict[Reply]:
    """The refusal; a rotated refresh token ends all that came from its sign-in (attack case 56)."""
    writes = replayed(refused, case.subject, now=source.now)
    name = "token.revoked" if writes else "id_jag.denied"
    event = refusal_event(name, refused, source=source, client=case.client, fields=known)
    reply = refusal_reply(refused, decision_id=source.decision_id)
    return Verdict(reply, (event,), writes, succeeded=False)
