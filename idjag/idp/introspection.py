"""``POST /introspect``: an app asks whether a refresh token of its own is still good (RFC 7662).

Access tokens of a sign-in open nothing yet (decision 0020), so that none is ever active.
"""

from __future__ import annotations

from idjag.idp import families
from idjag.idp.audit import refusal_event
from idjag.idp.families import StoredToken
from idjag.idp.grants import GrantRequest, again, lost_reason
from idjag.idp.grants.sign_in_tokens import served
from idjag.idp.signin import assigned
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Ledger, OneTime, Verdict
from idjag.protocol import confirmation, names, scopes
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, refusal_reply, token_reply

__all__ = ["Introspection"]


class Introspection:
    """The operation of the endpoint; whatever is not an own living token is ``active: false`` and no more."""

    def __init__(self, issuer: str, ledger: Ledger[Snapshot]) -> None:
        self._issuer = issuer
        self._ledger = ledger

    async def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused CLIENT_PUBLIC, PARAMETER_MISSING."""
        client, source = _client(request, snapshot), request.source
        value = request.form.required("token")
        token = await families.look_up(self._ledger, snapshot.tenant, value)

        def decide(current: Snapshot, found: Facts) -> Verdict[Reply]:
            now = client if current is snapshot else again(_client, request, current)
            try:
                return self._active(token, now, request, found)
            except Refused as refused:
                return _inactive(refused, token, now, request)

        def lost(used: OneTime) -> Verdict[Reply]:
            refused = lost_reason(used)
            event = refusal_event("token.refused", refused, source=source, client=client)
            return Verdict(refusal_reply(refused, decision_id=source.decision_id), (event,), succeeded=False)

        return Entry(
            tenant=snapshot.tenant,
            holder=source.decision_id,
            now=source.now,
            decide=decide,
            lost=lost,
            reads=(*token.reads, *assigned.keys(token.person_id, token.app_id)) if token else (),
            consume_always=request.consume,
            client=client.app.id,
        )

    def refused_event(self, _form: Form) -> str:
        """The name of the event when an authenticated client is refused."""
        return "token.refused"

    def _active(
        self, token: StoredToken | None, client: RegisteredApp, request: GrantRequest, found: Facts
    ) -> Verdict[Reply]:
        """What the app may know of its own token; raises Refused when the next use would fail."""
        source = request.source
        if token is None:
            raise Refused(Reason.REFRESH_TOKEN_UNKNOWN)
        family = families.current(found, token, client, now=source.now)
        person = served(found, client, family.person_id, epoch=family.epoch, now=source.now)
        if not families.stands(found, token, client, person, now=source.now):
            raise Refused(Reason.SESSION_ENDED)
        members: dict[str, object] = {
            "active": True,
            "iss": self._issuer,
            "client_id": client.app.client_id,
            "scope": scopes.join(scope for scope in family.scopes if scope in client.scopes),
            "exp": family.ends,
            "acr": family.acr,
            "auth_time": family.auth_time,
        }
        sub = person.subs.get(client.app.sector)
        if sub is not None and "openid" in family.scopes:  # else the app has never been told
            members["sub"] = sub
        if family.jkt is not None:
            members["cnf"] = confirmation.claim_of(family.jkt)
        fields = {**source.fields(), "actor": {"kind": "app", "id": client.app.id}}
        fields |= {"requesting_app": client.app.id, "subject": person.person.id, "inputs": {"active": True}}
        event = Event("token.introspected", fields)
        return Verdict(token_reply(members, decision_id=source.decision_id), (event,))


def _client(request: GrantRequest, snapshot: Snapshot) -> RegisteredApp:
    """The client, which has proven who it is: strangers could try tokens here (RFC 7662 section 2.1)."""
    client = request.client(snapshot)
    if client.registration.method == names.NO_AUTHENTICATION:
        raise Refused(Reason.CLIENT_PUBLIC)
    return client


def _inactive(
    refused: Refused, token: StoredToken | None, client: RegisteredApp, request: GrantRequest
) -> Verdict[Reply]:
    """RFC 7662 section 2.2: no word on why."""
    known: dict[str, object] = {"inputs": {"active": False}}
    if token is not None:
        known["subject"] = token.person_id
    source = request.source
    event = refusal_event("token.introspected", refused, source=source, client=client, fields=known)
    return Verdict(token_reply({"active": False}, decision_id=source.decision_id), (event,))
