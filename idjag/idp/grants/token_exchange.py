"""The token exchange: an ID token of ours for an ID-JAG, if the administrators' rules allow it.

RFC 8693 as the draft's section 4.3 narrows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from idjag.idp import facts
from idjag.idp.audit import Source, refusal_event
from idjag.idp.grants import GrantRequest
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.idp.subjects import Origins, sub_in
from idjag.ledger.entry import Conflict, Entry, Event, Facts, Key, OneTime, Verdict, Write
from idjag.policy.decide import decide, find_resource_app
from idjag.policy.model import Address, ResourceApp
from idjag.policy.question import Decision, Question, SignIn
from idjag.protocol import id_jag, id_token, names
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
    token: id_token.IdToken
    target: ResourceApp
    person_id: str
    session_id: str

    @property
    def hold_targets(self) -> tuple[str, ...]:
        connection = self.snapshot.policy.connection(self.client.app.id, self.target.id)
        ids = (self.person_id, self.client.app.id, self.target.id)
        return (*ids, connection.id) if connection else ids

    @property
    def reads(self) -> tuple[Key, ...]:
        return (
            *facts.person_keys(self.person_id),
            facts.session_key(self.session_id),
            facts.sid_key(self.token.sid),
            *facts.hold_keys(*self.hold_targets),
        )


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """The grant; ``origins`` finds the person behind a sub, ``new_id`` makes jti values and subs."""

    issuer: str
    origins: Origins
    new_id: Callable[[], str]

    def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused when the request fails before any fact is needed."""
        case = self._read(request, snapshot)

        def decide_now(current: Snapshot, found: Facts) -> Verdict[Reply]:
            now = case if current is snapshot else self._again(request, current, case)
            try:
                return self._answer(now, request.source, found)
            except Refused as refused:
                return _refusal(refused, request.source, case, {})

        def lost(_assertion: OneTime) -> Verdict[Reply]:
            return _refusal(Refused(Reason.CLIENT_ASSERTION_REPLAY), request.source, case, {})

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
            case = self._read(request, current, before)
        except Refused:
            raise Conflict("the policy was changed meanwhile") from None
        if not set(case.reads) <= set(before.reads):
            raise Conflict("the policy was changed meanwhile")
        return case

    def _read(self, request: GrantRequest, snapshot: Snapshot, before: _Case | None = None) -> _Case:
        """Steps 3 to 5: the grant is allowed to the client, the parameters, the subject token, the target.

        ``before`` knows the person and the session of the same request: inside a transaction nobody looks.
        """
        client, now = request.client(snapshot), request.source.now
        if client.registration.method == names.NO_AUTHENTICATION:  # XCH-51
            raise Refused(Reason.CLIENT_PUBLIC)
        if "token_exchange" not in client.grants:  # XCH-52
            raise Refused(Reason.GRANT_NOT_ALLOWED, grant="token_exchange")
        asked = exchange.parse(request.form)
        token = id_token.subject_token(
            asked.subject_token,
            keys=snapshot.keys.verifying(),
            issuer=self.issuer,
            client_id=client.app.client_id,
            now=now,
        )
        target = _target(snapshot, asked.audience)
        if before is None:
            origin = self.origins.find(
                tenant=snapshot.tenant,
                sector=client.app.sector,
                sub=token.sub,
                app=client.app.id,
                sid=token.sid,
            )
        elif (before.client.app.id, before.client.app.sector) == (client.app.id, client.app.sector):
            origin = before.person_id, before.session_id
        else:
            raise Refused(Reason.SUBJECT_UNKNOWN)
        return _Case(snapshot, client, asked, token, target, *origin)

    def _answer(self, case: _Case, source: Source, found: Facts) -> Verdict[Reply]:
        """Steps 7 and 8, inside the transaction: the decision, the claims, the signature."""
        person = facts.person(found, case.person_id)
        question = _question(case, source, person, found)
        decision = decide(case.snapshot.policy, question)
        known = _known(case, question, decision)
        if decision.reason is not None or person is None or decision.connection is None:
            reason = decision.reason or Reason.SUBJECT_UNKNOWN
            return _refusal(Refused(reason, extra=_step_up(decision)), source, case, known)
        grant, writes = self._grant(case, decision, person, source.now)
        token = jws.sign(
            id_jag.claims(grant),
            key=case.snapshot.keys.signing(case.target.id_jag_alg),
            typ=names.ID_JAG_TYP,
        )
        members = exchange.success(
            token,
            lifetime=grant.exp - grant.iat,
            granted_scopes=grant.scopes,
            granted_resources=grant.resources,
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
        return Verdict(token_reply(members, decision_id=source.decision_id), (issued,), writes)

    def _grant(
        self, case: _Case, decision: Decision, person: facts.PersonFacts, now: int
    ) -> tuple[id_jag.IdJag, tuple[Write, ...]]:
        """The claims (draft section 3.1): ``sub`` is what the audience's own relying party gets (JAG-05)."""
        target, token, tenant = case.target, case.token, case.snapshot.tenant
        sso_app = case.snapshot.policy.apps.get(target.sso_app or "")
        sector = sso_app.sector if sso_app else ""
        sub, writes = sub_in(sector, person, tenant=tenant, new_id=self.new_id)
        lifetime = min(decision.lifetime, token.session_expiry - now)  # JAG-13
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
            auth_time=token.auth_time,
            acr=token.acr,
            amr=token.amr,
            email=person.email if "email" in release else None,
            email_verified=person.email_verified,
            name=(person.name or None) if "name" in release else None,
            tenant=tenant if target.multi_tenant else None,
            aud_tenant=target.aud_tenant,
            aud_sub=person.person.attributes.get(target.aud_sub) if target.aud_sub else None,
        )
        return grant, writes


def _target(snapshot: Snapshot, audience: str) -> ResourceApp:
    """The resource app; what is no URI at all may be a secret in the wrong place and is not recorded."""
    try:
        return find_resource_app(snapshot.policy, audience)
    except Refused as refused:
        if not is_resource(audience):
            refused.fact.pop("audience", None)
        raise


def _question(case: _Case, source: Source, person: facts.PersonFacts | None, found: Facts) -> Question:
    token = case.token
    session = facts.session(found, case.session_id, person=person, now=source.now) if person else None
    there = facts.reached(found, token.sid, session_id=case.session_id, app_id=case.client.app.id)
    return Question(
        app=case.client.app.id,
        resource_app=case.target.id,
        person=person.person if person else None,
        now=source.now,
        sign_in=SignIn(
            acr=token.acr,
            amr=frozenset(token.amr),
            auth_time=token.auth_time,
            alive=session is not None and there,
            address=_address(facts.string(session, "ip")) if session else None,
        ),
        scopes=case.asked.scopes,
        resources=case.asked.resources,
        holds=facts.holds(found, *case.hold_targets),
        address=_address(source.ip),
    )


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None  # no address is a missing fact, which fails a network condition


def _known(case: _Case, question: Question, decision: Decision) -> dict[str, object]:
    """The audit fields that a decision adds, granted or denied."""
    return {
        "subject": case.person_id,
        "subject_token_type": names.ID_TOKEN,
        "profile": question.profile,
        "requesting_app": question.app,
        "resource_app": case.target.id,
        "audience": case.target.issuer,
        "resources": list(question.resources),
        "scopes_requested": None if question.scopes is None else list(question.scopes),
        "rule_ids": [rule.id for rule in decision.rules],
        "rule_versions": [rule.version for rule in decision.rules],
        "guardrail_ids": [guardrail.id for guardrail in decision.guardrails],
        "policy_seq": case.snapshot.policy.seq,
        "inputs": question.inputs(),
        "acr": case.token.acr,
        "amr": list(case.token.amr),
        "auth_time": case.token.auth_time,
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
    event = refusal_event("id_jag.denied", refused, source=source, client=case.client, fields=known)
    reply = refusal_reply(refused, decision_id=source.decision_id)
    return Verdict(reply, (event,), succeeded=False)
