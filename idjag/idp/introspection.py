"""``POST /introspect``: an app asks whether a refresh or access token of its own is still good (RFC 7662)."""

from __future__ import annotations

from typing import TypeAlias

from idjag.idp import access_tokens, families
from idjag.idp.access_tokens import AccessToken
from idjag.idp.audit import refusal_event
from idjag.idp.facts import PersonFacts
from idjag.idp.families import Family, StoredToken
from idjag.idp.grants import GrantRequest, again, lost_verdict
from idjag.idp.served import served
from idjag.idp.signin import assigned
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Key, Ledger, OneTime, Verdict
from idjag.protocol import confirmation, names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, token_reply
from idjag.protocol.scopes import join

__all__ = ["Introspection"]

Token: TypeAlias = StoredToken | AccessToken


class Introspection:
    """The operation of the endpoint; whatever is not an own living token is ``active: false`` and no more."""

    def __init__(self, issuer: str, ledger: Ledger[Snapshot]) -> None:
        self._issuer = issuer
        self._ledger = ledger

    async def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused CLIENT_PUBLIC, PARAMETER_MISSING."""
        client, source = _client(request, snapshot), request.source
        value = request.form.required("token")
        token = await _look_up(self._ledger, snapshot.tenant, value)

        def decide(current: Snapshot, found: Facts) -> Verdict[Reply]:
            now = client if current is snapshot else again(_client, request, current)
            try:
                return self._active(token, now, request, found)
            except Refused as refused:
                return _inactive(refused, token, now, request)

        def lost(used: OneTime) -> Verdict[Reply]:
            return lost_verdict("token.refused", used, source=source, client=client)

        return Entry(
            tenant=snapshot.tenant,
            holder=source.decision_id,
            now=source.now,
            decide=decide,
            lost=lost,
            reads=_reads(token),
            consume_always=request.consume,
            client=client.app.id,
        )

    def refused_event(self, _form: Form) -> str:
        """The name of the event when an authenticated client is refused."""
        return "token.refused"

    def _active(
        self, token: Token | None, client: RegisteredApp, request: GrantRequest, found: Facts
    ) -> Verdict[Reply]:
        """What the app may know of its own token; raises Refused when the next use would fail."""
        source = request.source
        if token is None:
            raise Refused(Reason.TOKEN_UNKNOWN)
        if isinstance(token, AccessToken):
            person, members = _access_token(token, client, found, now=source.now)
        else:
            person, members = _refresh_token(token, client, found, now=source.now)
        members |= {"active": True, "iss": self._issuer, "client_id": client.app.client_id}
        fields = {**source.fields(), "actor": {"kind": "app", "id": client.app.id}}
        fields |= {"requesting_app": client.app.id, "subject": person.person.id, "inputs": {"active": True}}
        event = Event("token.introspected", fields)
        return Verdict(token_reply(members, decision_id=source.decision_id), (event,))


async def _look_up(ledger: Ledger[Snapshot], tenant: str, value: str) -> Token | None:
    stored = await families.look_up(ledger, tenant, value)
    return stored or await access_tokens.look_up(ledger, tenant, value)


def _reads(token: Token | None) -> tuple[Key, ...]:
    if token is None:
        return ()
    return tuple(dict.fromkeys((*token.reads, *assigned.keys(token.person_id, token.app_id))))


def _refresh_token(
    token: StoredToken, client: RegisteredApp, found: Facts, *, now: int
) -> tuple[PersonFacts, dict[str, object]]:
    family = families.current(found, token, client, now=now)
    person = served(found, client, family.person_id, epoch=family.epoch, now=now)
    if not families.stands(found, token, client, person, now=now):
        raise Refused(Reason.SESSION_ENDED)
    granted = tuple(scope for scope in family.scopes if scope in client.scopes)
    return person, _members(family, person, client, scopes=granted, jkt=family.jkt) | {"exp": family.ends}


def _access_token(
    token: AccessToken, client: RegisteredApp, found: Facts, *, now: int
) -> tuple[PersonFacts, dict[str, object]]:
    standing = access_tokens.stands(found, token, client, now=now)
    members = _members(standing.family, standing.person, client, scopes=standing.scopes, jkt=token.jkt)
    kind = names.TOKEN_TYPE_BEARER if token.jkt is None else names.TOKEN_TYPE_DPOP
    members |= {"token_type": kind, "iat": token.created, "exp": token.expires}
    return standing.person, members


def _members(
    family: Family, person: PersonFacts, client: RegisteredApp, *, scopes: tuple[str, ...], jkt: str | None
) -> dict[str, object]:
    members: dict[str, object] = {"scope": join(scopes), "acr": family.acr, "auth_time": family.auth_time}
    sub = person.subs.get(client.app.sector)
    if sub is not None and "openid" in scopes:  # else the app has never been told
        members["sub"] = sub
    if jkt is not None:
        members["cnf"] = confirmation.claim_of(jkt)
    return members


def _client(request: GrantRequest, snapshot: Snapshot) -> RegisteredApp:
    """The client, which has proven who it is: strangers could try tokens here (RFC 7662 section 2.1)."""
    client = request.client(snapshot)
    if client.registration.method == names.NO_AUTHENTICATION:
        raise Refused(Reason.CLIENT_PUBLIC)
    return client


def _inactive(
    refused: Refused, token: Token | None, client: RegisteredApp, request: GrantRequest
) -> Verdict[Reply]:
    """RFC 7662 section 2.2: no word on why."""
    known: dict[str, object] = {"inputs": {"active": False}}
    if token is not None:
        known["subject"] = token.person_id
    source = request.source
    event = refusal_event("token.introspected", refused, source=source, client=client, fields=known)
    return Verdict(token_reply({"active": False}, decision_id=source.decision_id), (event,))
