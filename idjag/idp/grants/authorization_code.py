"""The authorization code grant: a code and its PKCE verifier for an ID token and, offline, a refresh token.

RFC 6749 section 4.1.3, RFC 7636 section 4.5, OpenID Connect Core section 3.1.3.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from idjag.idp import facts, families
from idjag.idp.audit import Source, refusal_event
from idjag.idp.factors import acr
from idjag.idp.facts import PersonFacts, integer, string
from idjag.idp.families import Family
from idjag.idp.grants import GrantRequest, again, lost_reason
from idjag.idp.grants.sign_in_tokens import Login, SignInTokens
from idjag.idp.released import nameable
from idjag.idp.served import ABOUT_THE_PERSON, served
from idjag.idp.signin import assigned
from idjag.idp.signin.codes import Code, challenge_of, code_key, one_time
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import (
    Delete,
    Entry,
    Event,
    Facts,
    Key,
    Ledger,
    OneTime,
    Update,
    Verdict,
    Write,
)
from idjag.protocol import names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply, refusal_reply, token_reply

__all__ = ["AuthorizationCode"]

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")  # RFC 7636 section 4.1


@dataclass(frozen=True, slots=True)
class _Case:
    """One redemption: what was presented, and the stored code that it names."""

    code: Code
    redirect_uri: str
    verifier: str = field(repr=False)
    jkt: str | None = None

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
    """The grant; ``new_id`` makes subs, row ids and opaque tokens."""

    issuer: str
    ledger: Ledger[Snapshot]
    new_id: Callable[[], str]

    async def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused when the request fails before any fact is needed."""
        client, source = _client(request, snapshot), request.source
        case = await self._read(request, snapshot.tenant)

        def decide(current: Snapshot, found: Facts) -> Verdict[Reply]:
            if found(case.family):  # remembered for longer than the one-time id
                return _replayed(case, client, source)
            now = client if current is snapshot else again(_client, request, current)
            try:
                person, login = _check(case, now, found, source)
                return self._issue(case, now, current, person=person, login=login, request=request)
            except Refused as refused:
                return _refusal(refused, case, client, source)

        def lost(used: OneTime) -> Verdict[Reply]:
            if used != one_time(case.code):
                return _refusal(lost_reason(used), case, client, source)
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

    async def _read(self, request: GrantRequest, tenant: str) -> _Case:
        """The parameters, and the row of the code, which is written once and never changes."""
        form = request.form
        key = code_key(form.required("code"))
        found = await asyncio.to_thread(self.ledger.read, (key,))
        rows = [row for row in found(key) if row["tenant_id"] == tenant]
        if not rows:
            raise Refused(Reason.CODE_UNKNOWN)
        # what is missing is wrong: it burns the code, as anything else that a thief may try
        redirect_uri, verifier = form.one("redirect_uri") or "", form.one("code_verifier") or ""
        jkt = request.proof.jkt if request.proof else None
        return _Case(Code.of(rows[0]), redirect_uri, verifier, jkt)

    def _issue(
        self,
        case: _Case,
        client: RegisteredApp,
        snapshot: Snapshot,
        *,
        person: PersonFacts,
        login: Login,
        request: GrantRequest,
    ) -> Verdict[Reply]:
        """The tokens, the family that they belong to, and the person's sub at its first use."""
        source, proof = request.source, request.proof
        tokens = SignInTokens(self.issuer, self.new_id)
        family = _family(case.code, client, login, row_id=self.new_id(), request=request)
        members, first_use = tokens.members(
            login, client, person, family=family, snapshot=snapshot, jkt=case.jkt, now=source.now
        )
        writes: tuple[Write, ...] = (family.insert(snapshot.tenant), *first_use)
        if family.sid is not None:
            members["refresh_token"] = value = tokens.value()
            writes += (families.token_row(family, value, tenant=snapshot.tenant, now=source.now),)
        event = Event(
            "token.issued",
            {
                **source.fields(),
                **case.known,
                **login.known,
                "actor": {"kind": "app", "id": client.app.id},
                "requesting_app": client.app.id,
                "policy_seq": snapshot.policy.seq,
                "cnf_jkt": proof.jkt if proof else None,
            },
        )
        return Verdict(token_reply(members, decision_id=source.decision_id), (event,), writes)


def _client(request: GrantRequest, snapshot: Snapshot) -> RegisteredApp:
    """The authenticated client, which may use this grant."""
    client = request.client(snapshot)
    if names.AUTHORIZATION_CODE not in client.grants:
        raise Refused(Reason.GRANT_NOT_ALLOWED, grant=names.AUTHORIZATION_CODE)
    return client


def _check(case: _Case, client: RegisteredApp, found: Facts, source: Source) -> tuple[PersonFacts, Login]:
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
    if code.jkt not in (None, case.jkt):  # RFC 9449 section 10: who has the code must have the key, too
        raise Refused(Reason.CODE_KEY, problem="no proof" if case.jkt is None else "another key")
    person = served(found, client, code.person_id, epoch=code.epoch, now=now)
    return person, _login(code, client, person, found, now=now)


def _login(code: Code, client: RegisteredApp, person: PersonFacts, found: Facts, *, now: int) -> Login:
    """The living session behind the code, as its app may know it."""
    row = facts.session(found, code.session_id, person=person, now=now)
    sids = [
        string(one, "sid")
        for one in found(Key("session_app", "session_id", code.session_id))
        if one["app_id"] == code.app_id and code.sid in (None, one["sid"])
    ]
    if row is None or len(sids) != 1:
        raise Refused(Reason.SESSION_ENDED)
    return Login(
        scopes=_granted(code, client),
        sid=sids[0],
        # told by the name that the app asked for, if it is true: apps and rules compare it exactly
        acr=acr.reported(string(row, "acr"), code.acr_values),
        amr=tuple(map(str, json.loads(string(row, "amr")))),
        auth_time=integer(row, "auth_time"),
        ends=integer(row, "expires"),
        nonce=code.nonce,
        named=nameable(code.claims[0], client.scopes),
    )


def _granted(code: Code, client: RegisteredApp) -> tuple[str, ...]:
    """The scopes of the code; offline access only if the app can use it (OIDC-17)."""
    refused = frozenset() if families.offline_allowed(client) else {names.OFFLINE_ACCESS}
    return tuple(scope for scope in code.scopes if scope not in refused)


def _family(code: Code, client: RegisteredApp, login: Login, *, row_id: str, request: GrantRequest) -> Family:
    now, offline = request.source.now, names.OFFLINE_ACCESS in login.scopes
    return Family(
        id=row_id,
        code_id=code.id,
        app_id=code.app_id,
        person_id=code.person_id,
        session_id=code.session_id,
        epoch=code.epoch,
        created=now,
        expires=now + families.LIFETIME if offline else login.ends,
        last_used=now,
        scopes=login.scopes,
        acr=login.acr,
        amr=login.amr,
        auth_time=login.auth_time,
        sector=client.app.sector,
        sid=login.sid if offline else None,
        jkt=families.binding(client, request.proof),
        claims=code.claims,
    )


def _replayed(case: _Case, client: RegisteredApp, source: Source) -> Verdict[Reply]:
    """A code that comes twice may have been stolen: what its first use gave out ends (OIDC-06).

    Without its sid no ID token of this sign-in is taken as a subject token any more.  One of later has
    another sid: codes are in histories and logs, and an old one must not end one sign-in after the other.
    """
    code, refused = case.code, Refused(Reason.CODE_REPLAYED)
    event = refusal_event("token.revoked", refused, source=source, client=client, fields=case.known)
    named = {} if code.sid is None else {"sid": code.sid}
    writes = (
        Update("family", {"code_id": code.id, "revoked": None}, {"revoked": source.now}),
        Delete("session_app", {"session_id": code.session_id, "app_id": code.app_id} | named),
    )
    reply = refusal_reply(refused, decision_id=source.decision_id)
    return Verdict(reply, (event,), writes, succeeded=False)


def _refusal(refused: Refused, case: _Case, client: RegisteredApp, source: Source) -> Verdict[Reply]:
    event = refusal_event("token.refused", refused, source=source, client=client, fields=case.known)
    # the texts of these speak of a subject token, and there is none here
    shown = Refused(Reason.CODE_UNKNOWN) if refused.reason in ABOUT_THE_PERSON else refused
    reply = refusal_reply(shown, decision_id=source.decision_id)
    return Verdict(reply, (event,), succeeded=False)
