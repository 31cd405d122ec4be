"""The refresh token grant: a refresh token for new tokens of the same sign-in, and for its successor.

RFC 6749 section 6, OpenID Connect Core section 12, RFC 9700 section 4.14.  Every use rotates; there is no
time of grace, since a thief would have it too (decision 0025).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from idjag.idp import facts, families
from idjag.idp.audit import Source, refusal_event
from idjag.idp.facts import PersonFacts, integer
from idjag.idp.families import Family, StoredToken
from idjag.idp.grants import GrantRequest, again, lost_reason
from idjag.idp.grants.sign_in_tokens import Login, SignInTokens
from idjag.idp.released import nameable
from idjag.idp.served import ABOUT_THE_PERSON, served
from idjag.idp.signin import assigned
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Key, Ledger, OneTime, Update, Verdict
from idjag.protocol import names, scopes
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply, refusal_reply, token_reply

__all__ = ["RefreshToken"]

# Refused for now, or for good: the app learns that it must ask the person to sign in (attack case 149)
_SHOWN_AS_REVOKED: Final = ABOUT_THE_PERSON | {Reason.HELD, Reason.NOT_ASSIGNED}


@dataclass(frozen=True, slots=True)
class _Case:
    """One refresh: the token that was presented, and the scopes that are asked for."""

    token: StoredToken
    asked: tuple[str, ...] | None

    @property
    def reads(self) -> tuple[Key, ...]:
        return (*self.token.reads, *assigned.keys(self.token.person_id, self.token.app_id))

    @property
    def known(self) -> dict[str, object]:
        """The audit fields that the request itself tells."""
        asked = None if self.asked is None else list(self.asked)
        return {"subject": self.token.person_id, "scopes_requested": asked}


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The grant; ``new_id`` makes opaque tokens, and subs."""

    issuer: str
    ledger: Ledger[Snapshot] = field(repr=False)
    new_id: Callable[[], str]

    async def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused when the request fails before any fact is needed."""
        client, source = _client(request, snapshot), request.source
        case = await self._read(request, snapshot.tenant)
        one_time = case.token.one_time(now=source.now)

        def decide(current: Snapshot, found: Facts) -> Verdict[Reply]:
            now = client if current is snapshot else again(_client, request, current)
            try:
                return self._answer(case, now, current, found=found, request=request)
            except Refused as refused:
                return _refusal(refused, case, now, source)

        def lost(used: OneTime) -> Verdict[Reply]:
            if used == one_time:
                return _refusal(Refused(Reason.REFRESH_TOKEN_REPLAYED), case, client, source)
            return _refusal(lost_reason(used), case, client, source)

        return Entry(
            tenant=snapshot.tenant,
            holder=source.decision_id,
            now=source.now,
            decide=decide,
            lost=lost,
            reads=case.reads,
            consume_always=request.consume,
            consume_on_success=(one_time,),
            client=client.app.id,
        )

    async def _read(self, request: GrantRequest, tenant: str) -> _Case:
        value = request.form.required("refresh_token")
        asked = scopes.parse(request.form.one("scope"))
        token = await families.look_up(self.ledger, tenant, value)
        if token is None:
            raise Refused(Reason.REFRESH_TOKEN_UNKNOWN)
        return _Case(token, asked)

    def _answer(
        self,
        case: _Case,
        client: RegisteredApp,
        snapshot: Snapshot,
        *,
        found: Facts,
        request: GrantRequest,
    ) -> Verdict[Reply]:
        """Who uses it, whether the sign-in stands, what of it is asked; then new tokens."""
        token, source, proof = case.token, request.source, request.proof
        jkt = proof.jkt if proof else None
        family = families.use(found, token, client, jkt=jkt, now=source.now)
        person = served(found, client, family.person_id, epoch=family.epoch, now=source.now)
        login = _login(case, family, client, person, found=found, now=source.now)
        tokens = SignInTokens(self.issuer, self.new_id)
        members, first_use = tokens.members(
            login, client, person, family=family, snapshot=snapshot, jkt=jkt, now=source.now
        )
        members["refresh_token"] = value = tokens.value()
        bound = family.jkt or families.binding(client, proof)
        writes = (
            token.rotated(now=source.now),
            families.token_row(family, value, tenant=snapshot.tenant, now=source.now),
            Update("family", {"id": family.id}, {"last_used": source.now, "jkt": bound}),
            *first_use,
        )
        event = Event(
            "token.refreshed",
            {
                **source.fields(),
                **case.known,
                **login.known,
                "actor": {"kind": "app", "id": client.app.id},
                "requesting_app": client.app.id,
                "policy_seq": snapshot.policy.seq,
                "cnf_jkt": jkt,
            },
        )
        return Verdict(token_reply(members, decision_id=source.decision_id), (event,), writes)


def _client(request: GrantRequest, snapshot: Snapshot) -> RegisteredApp:
    """The authenticated client, which may use this grant."""
    client = request.client(snapshot)
    if names.REFRESH_TOKEN not in client.grants:
        raise Refused(Reason.GRANT_NOT_ALLOWED, grant=names.REFRESH_TOKEN)
    return client


def _login(
    case: _Case, family: Family, client: RegisteredApp, person: PersonFacts, *, found: Facts, now: int
) -> Login:
    """The sign-in of long ago, unchanged (OIDC-17): it has no nonce, and its session may be over."""
    token = case.token
    if not families.stands(found, token, client, person, now=now):
        raise Refused(Reason.SESSION_ENDED)
    session = facts.session(found, token.session_id, person=person, now=now)
    return Login(
        scopes=_granted(case.asked, family, client),
        sid=token.sid,
        acr=family.acr,
        amr=family.amr,
        auth_time=family.auth_time,
        ends=integer(session, "expires") if session else family.expires,
        named=nameable(family.claims[0], client.scopes),
    )


def _granted(asked: tuple[str, ...] | None, family: Family, client: RegisteredApp) -> tuple[str, ...]:
    """What was granted, narrowed to what is asked and to what the app is still registered for (OIDC-19)."""
    if asked is not None and not set(asked) <= set(family.scopes):
        raise Refused(Reason.SCOPE_WIDENED)
    granted = tuple(scope for scope in asked or family.scopes if scope in client.scopes)
    if not granted:
        raise Refused(Reason.SCOPE_NOT_ALLOWED)
    return granted


def _refusal(refused: Refused, case: _Case, client: RegisteredApp, source: Source) -> Verdict[Reply]:
    """The refusal; a rotated token that comes again ends all that came from its sign-in (OIDC-18)."""
    replayed = refused.reason is Reason.REFRESH_TOKEN_REPLAYED
    event = refusal_event(
        "token.revoked" if replayed else "token.refused",
        refused,
        source=source,
        client=client,
        fields=case.known,
    )
    shown = Refused(Reason.REFRESH_TOKEN_REVOKED) if refused.reason in _SHOWN_AS_REVOKED else refused
    reply = refusal_reply(shown, decision_id=source.decision_id)
    writes = families.replay_writes(case.token, now=source.now) if replayed else ()
    return Verdict(reply, (event,), writes, succeeded=False)
