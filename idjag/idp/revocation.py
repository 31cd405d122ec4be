"""``POST /revoke``: an app gives back a refresh token, and its family ends, or an access token (RFC 7009)."""

from __future__ import annotations

from typing import TypeAlias

from idjag.idp import access_tokens, families
from idjag.idp.access_tokens import AccessToken
from idjag.idp.audit import refusal_event
from idjag.idp.families import Family, StoredToken
from idjag.idp.grants import GrantRequest, again, lost_verdict
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Key, Ledger, OneTime, Verdict
from idjag.protocol import names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, token_reply
from idjag.protocol.jose import JoseError, jws

__all__ = ["Revocation"]

Token: TypeAlias = StoredToken | AccessToken


class Revocation:
    """The operation of the endpoint; the answer is 200 whether there was anything to revoke or not."""

    def __init__(self, ledger: Ledger[Snapshot]) -> None:
        self._ledger = ledger

    async def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused PARAMETER_MISSING, TOKEN_TYPE_UNSUPPORTED."""
        client, source = _client(request, snapshot), request.source
        value = request.form.required("token")
        token = await families.look_up(self._ledger, snapshot.tenant, value) or await access_tokens.look_up(
            self._ledger, snapshot.tenant, value
        )
        if token is None and _signed_by_us(value, snapshot, now=source.now):
            raise Refused(Reason.TOKEN_TYPE_UNSUPPORTED)

        def decide(current: Snapshot, found: Facts) -> Verdict[Reply]:
            now = client if current is snapshot else again(_client, request, current)
            try:
                return _ended(token, now, request, found)
            except Refused as refused:
                return _nothing(refused, token, now, request)

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
            # anybody can come in the name of a public app, and must not take its places in the line
            client="strangers" if token is None and _public(client) else client.app.id,
        )

    def refused_event(self, _form: Form) -> str:
        """The name of the event when an authenticated client is refused."""
        return "token.refused"


def _client(request: GrantRequest, snapshot: Snapshot) -> RegisteredApp:
    """The client; whoever may come to the token endpoint may come here."""
    return request.client(snapshot)


def _reads(token: Token | None) -> tuple[Key, ...]:
    if token is None:
        return ()
    return (token.key,) if isinstance(token, AccessToken) else (token.key, token.family)


def _ended(token: Token | None, client: RegisteredApp, request: GrantRequest, found: Facts) -> Verdict[Reply]:
    """End what was given back; raises Refused when it is nothing of this client's that still lasts."""
    if token is None or not found(token.key):
        raise Refused(Reason.TOKEN_UNKNOWN)
    source = request.source
    if isinstance(token, AccessToken):
        if token.app_id != client.app.id:
            raise Refused(Reason.TOKEN_FOREIGN, expected=token.app_id)
        ends = token.given_back()
    else:
        ends = families.revocation(_family(token, client, found).id, now=source.now)
    event = Event(
        "token.revoked",
        {
            **source.fields(),
            "actor": {"kind": "app", "id": client.app.id},
            "requesting_app": client.app.id,
            "subject": token.person_id,
        },
    )
    return Verdict(_done(request), (event,), (ends,))


def _family(token: StoredToken, client: RegisteredApp, found: Facts) -> Family:
    """The family to end, be the token the newest of it or one that was rotated; raises Refused."""
    rows = found(token.family)
    if not rows:
        raise Refused(Reason.REFRESH_TOKEN_UNKNOWN)
    family = Family.of(rows[0])
    if family.app_id != client.app.id:
        raise Refused(Reason.REFRESH_TOKEN_CLIENT_MISMATCH, expected=family.app_id)
    if family.revoked is not None:
        raise Refused(Reason.REFRESH_TOKEN_REVOKED, ended=family.revoked)
    return family


def _nothing(
    refused: Refused, token: Token | None, client: RegisteredApp, request: GrantRequest
) -> Verdict[Reply]:
    """Nothing ends, and the answer does not say so (RFC 7009 section 2.2).

    A public app may be anybody at all, who could fill the log with tokens that never were.
    """
    known = {"subject": token.person_id} if token else {}
    event = refusal_event("token.refused", refused, source=request.source, client=client, fields=dict(known))
    return Verdict(_done(request), () if _public(client) else (event,))


def _public(client: RegisteredApp) -> bool:
    return client.registration.method == names.NO_AUTHENTICATION


def _done(request: GrantRequest) -> Reply:
    return token_reply({}, decision_id=request.source.decision_id)


def _signed_by_us(value: str, snapshot: Snapshot, *, now: int) -> bool:
    """Whether it is an ID token or an ID-JAG of ours: they are short-lived, and nobody asks about them."""
    try:
        jwt = jws.parse(value, max_bytes=names.MAX_SUBJECT_TOKEN)
        jws.verify(jwt, keys=snapshot.keys.verifying(now=now), algorithms=names.ASYMMETRIC)
    except JoseError:
        return False
    return True
