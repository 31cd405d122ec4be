"""``POST /par``: an app leaves its authorization request here and sends people with a reference (RFC 9126).

The request is judged when it is pushed, and again as a whole when somebody comes with the reference.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final

from idjag.idp.audit import Source
from idjag.idp.facts import integer, string
from idjag.idp.grants import GrantRequest, again, lost_verdict
from idjag.idp.services import Services
from idjag.idp.signin import authorize
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, OneTime, Row, Verdict
from idjag.protocol import form, names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, json_reply
from idjag.trust.publications import Publications

__all__ = ["LIFETIME", "PushedRequests", "opened"]

LIFETIME: Final = 90  # seconds from the push to the browser's arrival
_AT_A_FORM: Final = 3600  # seconds for whoever arrived in time and then has to find a password
_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"


class PushedRequests:
    """The operation of the endpoint; ``new_id`` makes references."""

    def __init__(self, new_id: Callable[[], str], publications: Publications | None) -> None:
        self._new_id = new_id
        self._publications = publications

    async def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused as an authorization request is refused, and CLIENT_PUBLIC."""
        client, source = _client(request, snapshot), request.source
        client = await self._documented(client)
        pushed = _pushed(request, client)
        asked = _checked(pushed, client)
        uri = _PREFIX + self._new_id() + self._new_id()

        def decide(current: Snapshot, _found: Facts) -> Verdict[Reply]:
            if current is not snapshot:
                again(_client, request, current)
            fields = {**source.fields(), "actor": {"kind": "app", "id": client.app.id}}
            fields |= {"requesting_app": client.app.id, "scopes_requested": list(asked.scopes_requested)}
            fields |= {"policy_seq": current.policy.seq, "cnf_jkt": asked.jkt}
            row = _row(uri, pushed, client, tenant=current.tenant, now=source.now)
            return Verdict(_created(uri, source), (Event("request.pushed", fields),), (Insert(_TABLE, row),))

        def lost(used: OneTime) -> Verdict[Reply]:
            return lost_verdict("request.refused", used, source=source, client=client)

        return Entry(
            tenant=snapshot.tenant,
            holder=source.decision_id,
            now=source.now,
            decide=decide,
            lost=lost,
            consume_always=request.consume,
            client=client.app.id,
        )

    def refused_event(self, _form: Form) -> str:
        """The name of the event when an authenticated client is refused."""
        return "request.refused"

    async def _documented(self, client: RegisteredApp) -> RegisteredApp:
        """With the redirection URIs of its metadata document, which was read to authenticate it."""
        if not client.app.by_document:
            return client
        if self._publications is None:
            raise Refused(Reason.UNAVAILABLE, app=client.app.id)
        document = await asyncio.to_thread(self._publications.document, client.app.client_id)
        return client.with_document(document)


def opened(raw: Form, services: Services, *, now: int, begun: bool) -> tuple[Form, tuple[OneTime, ...]]:
    """The request that came, or the pushed one that it refers to, with what its answer uses up.

    ``begun``: it comes from a form of ours, whose reader arrived in time.  Whatever else stands beside the
    reference is passed over (RFC 9101 section 6.3).  Raises Refused REQUEST_URI_UNKNOWN, UNAVAILABLE.
    """
    uri = raw.one("request_uri")
    if uri is None or not uri.startswith(_PREFIX):
        return raw, ()
    client = services.ledger.fresh(services.tenant).clients.get(raw.required("client_id"))
    key = Key(_TABLE, "id", _digest(uri))
    rows = [row for row in services.ledger.read((key,))(key) if row["tenant_id"] == services.tenant]
    if client is None or not rows or rows[0]["app_id"] != client.app.id:
        raise Refused(Reason.REQUEST_URI_UNKNOWN)
    row = rows[0]
    until = integer(row, "expires") if begun else integer(row, "created") + LIFETIME
    if now >= until:
        raise Refused(Reason.REQUEST_URI_UNKNOWN, app=client.app.id, until=until, now=now)
    once = OneTime(_TABLE, "", string(row, "id"), integer(row, "expires"))
    return form.parse(string(row, "request").encode()), (once,)


_TABLE: Final = "pushed_request"


def _client(request: GrantRequest, snapshot: Snapshot) -> RegisteredApp:
    """The client, which has proven who it is: what anybody can push protects nothing (OIDC-23)."""
    client = request.client(snapshot)
    if client.registration.method == names.NO_AUTHENTICATION:
        raise Refused(Reason.CLIENT_PUBLIC)
    return client


def _pushed(request: GrantRequest, client: RegisteredApp) -> Form:
    """The parameters with their client, and with the key that this request has proven."""
    sent, proof = request.form, request.proof
    if sent.one("request_uri") is not None:  # RFC 9126 section 2.1
        raise Refused(Reason.REQUEST_URI)
    if (sent.one("client_id") or client.app.client_id) != client.app.client_id:
        raise Refused(Reason.PARAMETER_WRONG, parameter="client_id")
    added = {"client_id": (client.app.client_id,)}
    if proof is not None:
        if sent.one("dpop_jkt") not in (None, proof.jkt):  # RFC 9449 section 10.1
            raise Refused(Reason.PARAMETER_WRONG, parameter="dpop_jkt")
        added["dpop_jkt"] = (proof.jkt,)
    return Form({**sent.values, **added})


def _checked(pushed: Form, client: RegisteredApp) -> authorize.AuthorizationRequest:
    try:
        to = authorize.destination(pushed, {client.app.client_id: client})
    except Refused as refused:
        if refused.reason is not Reason.REDIRECT_URI_MISMATCH:
            raise
        # the answer to that reason speaks of a code, and there is none here
        raise Refused(Reason.PARAMETER_WRONG, parameter="redirect_uri") from None
    return authorize.parse(pushed, to)


def _row(uri: str, pushed: Form, client: RegisteredApp, *, tenant: str, now: int) -> Row:
    return {
        "id": _digest(uri),
        "tenant_id": tenant,
        "app_id": client.app.id,
        "request": authorize.carried(pushed),
        "created": now,
        "expires": now + _AT_A_FORM,
    }


def _created(uri: str, source: Source) -> Reply:
    reply = json_reply({"request_uri": uri, "expires_in": LIFETIME}, status=201)
    named = (b"x-decision-id", source.decision_id.encode())
    return Reply(reply.status, (*reply.headers, named), reply.body)


def _digest(uri: str) -> str:
    return hashlib.sha256(uri.encode()).hexdigest()
