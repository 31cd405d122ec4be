"""The authorization code grant: a code and its PKCE verifier for an ID token.

RFC 6749 section 4.1.3, RFC 7636 section 4.5, OpenID Connect Core section 3.1.3.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from idjag.idp import facts
from idjag.idp.audit import Source, refusal_event
from idjag.idp.facts import PersonFacts, integer, string
from idjag.idp.grants import GrantRequest
from idjag.idp.signin import assigned
from idjag.idp.signin.codes import Code, challenge_of, code_key, one_time
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.idp.subjects import sub_in
from idjag.ledger.entry import (
    Conflict,
    Delete,
    Entry,
    Event,
    Facts,
    Insert,
    Key,
    Ledger,
    OneTime,
    Update,
    Verdict,
    Write,
)
from idjag.protocol import id_token, names, scopes
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply, refusal_reply, token_reply
from idjag.protocol.jose import jws
from idjag.protocol.jose.json import JsonValue

__all__ = ["ACCESS_TOKEN_LIFETIME", "ID_TOKEN_LIFETIME", "AuthorizationCode"]

ID_TOKEN_LIFETIME = 3600  # seconds; an ID token is exchange material (OIDC-28)
ACCESS_TOKEN_LIFETIME = 300

_ABOUT_THE_PERSON = frozenset({Reason.SUBJECT_UNKNOWN, Reason.PERSON_DISABLED, Reason.SESSION_ENDED})
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")  # RFC 7636 section 4.1


@dataclass(frozen=True, slots=True)
class _Case:
    """One redemption: what was presented, and the stored code that it names."""

    code: Code
    redirect_uri: str
    verifier: str = field(repr=False)

    @property
    def reads(self) -> tuple[Key, ...]:
        code = self.code
        return (
            *assigned.keys(code.person_id, code.app_id),
            facts.session_key(code.session_id),
            Key("session_app", "session_id", code.session_id),
            self.family,
        )

    @property
    def family(self) -> Key:
        """What the first use of the code has produced."""
        return Key("family", "code_id", self.code.id)

    @property
    def known(self) -> dict[str, object]:
        """The audit fields that the code itself tells."""
        return {"subject": self.code.person_id, "scopes_requested": list(self.code.scopes)}


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """The grant; ``new_id`` makes subs, row ids and access tokens."""

    issuer: str
    ledger: Ledger[Snapshot]
    new_id: Callable[[], str]

    def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused when the request fails before any fact is needed."""
        client, source = _client(request, snapshot), request.source
        case = self._read(request, snapshot.tenant)

        def decide(current: Snapshot, found: Facts) -> Verdict[Reply]:
            if found(case.family):  # remembered for longer than the one-time id
                return _replayed(case, client, source)
            now = client if current is snapshot else _again(request, current)
            try:
                person, session = _check(case, now, found, source)
                return self._issue(case, now, current, person=person, session=session, source=source)
            except Refused as refused:
                return _refusal(refused, case, client, source)

        def lost(used: OneTime) -> Verdict[Reply]:
            if used != one_time(case.code):
                return _refusal(Refused(Reason.CLIENT_ASSERTION_REPLAY), case, client, source)
            return _replayed(case, client, source)

        return Entry(
            tenant=snapshot.tenant,
            holder=source.decision_id,
            now=source.now,
            decide=decide,
            lost=lost,
            reads=case.reads,
            # the code first: a request replayed whole is a code replayed, whatever else it is
            consume_always=(one_time(case.code), *request.consume),
            client=client.app.id,
        )

    def _read(self, request: GrantRequest, tenant: str) -> _Case:
        """The parameters, and the row of the code, which is written once and never changes."""
        form = request.form
        key = code_key(form.required("code"))
        rows = [row for row in self.ledger.read((key,))(key) if row["tenant_id"] == tenant]
        if not rows:
            raise Refused(Reason.CODE_UNKNOWN)
        # what is missing is wrong: it burns the code, as anything else that a thief may try
        redirect_uri, verifier = form.one("redirect_uri") or "", form.one("code_verifier") or ""
        return _Case(Code.of(rows[0]), redirect_uri, verifier)

    def _issue(
        self,
        case: _Case,
        client: RegisteredApp,
        snapshot: Snapshot,
        *,
        person: PersonFacts,
        session: _Session,
        source: Source,
    ) -> Verdict[Reply]:
        """The tokens, the family that they belong to, and the person's sub at its first use."""
        code, now = case.code, source.now
        # opaque, and accepted nowhere yet: decision 0020
        members: dict[str, object] = {
            "access_token": self.new_id() + self.new_id(),
            "token_type": "Bearer",
            "expires_in": ACCESS_TOKEN_LIFETIME,
        }
        if code.scopes:
            members["scope"] = scopes.join(code.scopes)
        writes: tuple[Write, ...] = (_family(code, snapshot.tenant, row_id=self.new_id(), now=now),)
        if "openid" in code.scopes:
            sub, first_use = sub_in(client.app.sector, person, tenant=snapshot.tenant, new_id=self.new_id)
            token = self._id_token(code, client, person, session=session, sub=sub, now=now)
            key = snapshot.keys.signing(client.id_token_alg)
            members["id_token"] = jws.sign(id_token.claims(token), key=key, typ="JWT")
            writes += first_use
        event = _issued(case, client, snapshot, session=session, source=source)
        return Verdict(token_reply(members, decision_id=source.decision_id), (event,), writes)

    def _id_token(
        self,
        code: Code,
        client: RegisteredApp,
        person: PersonFacts,
        *,
        session: _Session,
        sub: str,
        now: int,
    ) -> id_token.IdToken:
        return id_token.IdToken(
            iss=self.issuer,
            sub=sub,
            aud=client.app.client_id,
            iat=now,
            exp=min(now + ID_TOKEN_LIFETIME, session.expires),
            auth_time=session.auth_time,
            acr=session.acr,
            amr=session.amr,
            sid=session.sid,
            session_expiry=session.expires,
            nonce=code.nonce,
            profile=_profile(code, person),
        )


@dataclass(frozen=True, slots=True)
class _Session:
    """The living session behind a code, as its app may know it."""

    sid: str
    acr: str
    amr: tuple[str, ...]
    auth_time: int
    expires: int


def _client(request: GrantRequest, snapshot: Snapshot) -> RegisteredApp:
    """The authenticated client, which may use this grant."""
    client = request.client(snapshot)
    if names.AUTHORIZATION_CODE not in client.grants:
        raise Refused(Reason.GRANT_NOT_ALLOWED, grant=names.AUTHORIZATION_CODE)
    return client


def _again(request: GrantRequest, current: Snapshot) -> RegisteredApp:
    """The client under rules that changed since; raises Conflict when it is refused now and starts over."""
    try:
        return _client(request, current)
    except Refused:
        raise Conflict("the policy was changed meanwhile") from None


def _check(case: _Case, client: RegisteredApp, found: Facts, source: Source) -> tuple[PersonFacts, _Session]:
    """Everything that binds a code (OIDC-06), then everything that may have changed since (case 160)."""
    code, now = case.code, source.now
    if now >= code.expires:
        raise Refused(Reason.CODE_EXPIRED, expired=code.expires, now=now)
    if client.app.id != code.app_id:
        raise Refused(Reason.CODE_CLIENT_MISMATCH, expected=code.app_id)
    if case.redirect_uri != code.redirect_uri:
        raise Refused(Reason.REDIRECT_URI_MISMATCH)
    if not _VERIFIER.fullmatch(case.verifier) or not hmac.compare_digest(
        challenge_of(case.verifier), code.code_challenge
    ):
        raise Refused(Reason.PKCE_WRONG)
    person = _person(code, client, found, now=now)
    return person, _session(code, person, found, now=now)


def _person(code: Code, client: RegisteredApp, found: Facts, *, now: int) -> PersonFacts:
    person = facts.person(found, code.person_id)
    if person is None:
        raise Refused(Reason.SUBJECT_UNKNOWN)
    if not person.person.active:
        raise Refused(Reason.PERSON_DISABLED)
    if person.epoch != code.epoch:
        raise Refused(Reason.SESSION_ENDED)
    assigned.check(found, client.app, person, now=now)
    return person


def _session(code: Code, person: PersonFacts, found: Facts, *, now: int) -> _Session:
    row = facts.session(found, code.session_id, person=person, now=now)
    sids = [
        string(one, "sid")
        for one in found(Key("session_app", "session_id", code.session_id))
        if one["app_id"] == code.app_id
    ]
    if row is None or len(sids) != 1:
        raise Refused(Reason.SESSION_ENDED)
    return _Session(
        sid=sids[0],
        acr=string(row, "acr"),
        amr=tuple(map(str, json.loads(string(row, "amr")))),
        auth_time=integer(row, "auth_time"),
        expires=integer(row, "expires"),
    )


def _profile(code: Code, person: PersonFacts) -> dict[str, JsonValue]:
    """The claims of the granted scopes (OpenID Connect Core section 5.4); there is no userinfo yet."""
    claims: dict[str, JsonValue] = {}
    if "email" in code.scopes and person.email:
        claims |= {"email": person.email, "email_verified": person.email_verified}
    if "profile" in code.scopes:
        claims["preferred_username"] = person.person.username
        if person.name:
            claims["name"] = person.name
    return claims


def _family(code: Code, tenant: str, *, row_id: str, now: int) -> Insert:
    return Insert(
        "family",
        {
            "id": row_id,
            "tenant_id": tenant,
            "code_id": code.id,
            "app_id": code.app_id,
            "person_id": code.person_id,
            "session_id": code.session_id,
            "epoch": code.epoch,
            "offline": 0,
            "created": now,
            "revoked": None,
        },
    )


def _issued(
    case: _Case, client: RegisteredApp, snapshot: Snapshot, *, session: _Session, source: Source
) -> Event:
    return Event(
        "token.issued",
        {
            **source.fields(),
            **case.known,
            "actor": {"kind": "app", "id": client.app.id},
            "requesting_app": client.app.id,
            "scopes_granted": list(case.code.scopes),
            "policy_seq": snapshot.policy.seq,
            "acr": session.acr,
            "amr": list(session.amr),
            "auth_time": session.auth_time,
        },
    )


def _replayed(case: _Case, client: RegisteredApp, source: Source) -> Verdict[Reply]:
    """A code that comes twice may have been stolen: what its first use gave out ends (OIDC-06).

    Without its sid no ID token of this app and session is taken as a subject token any more.
    """
    code, refused = case.code, Refused(Reason.CODE_REPLAYED)
    event = refusal_event("token.revoked", refused, source=source, client=client, fields=case.known)
    writes = (
        Update("family", {"code_id": code.id, "revoked": None}, {"revoked": source.now}),
        Delete("session_app", {"session_id": code.session_id, "app_id": code.app_id}),
    )
    reply = refusal_reply(refused, decision_id=source.decision_id)
    return Verdict(reply, (event,), writes, succeeded=False)


def _refusal(refused: Refused, case: _Case, client: RegisteredApp, source: Source) -> Verdict[Reply]:
    event = refusal_event("token.refused", refused, source=source, client=client, fields=case.known)
    # the texts of these speak of a subject token, and there is none here
    shown = Refused(Reason.CODE_UNKNOWN) if refused.reason in _ABOUT_THE_PERSON else refused
    reply = refusal_reply(shown, decision_id=source.decision_id)
    return Verdict(reply, (event,), succeeded=False)
