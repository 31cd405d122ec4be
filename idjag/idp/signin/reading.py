"""From the parameters that came to a valid authorization request, as apps are registered now."""

from __future__ import annotations

import logging
from dataclasses import replace

from idjag.idp import pushed_requests
from idjag.idp.services import Services
from idjag.idp.signin import authorize, id_token_hint
from idjag.idp.signin.authorize import AuthorizationRequest, Clients, Destination
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import OneTime
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form

__all__ = ["Returned", "read"]

log = logging.getLogger("idjag.idp.signin")


class Returned(Exception):
    """A refusal that the app itself is told."""

    def __init__(self, to: Destination, refused: Refused) -> None:
        super().__init__(refused.reason.value)
        self.to, self.refused = to, refused


def read(services: Services, raw: Form, *, now: int, begun: bool) -> AuthorizationRequest:
    """The request behind ``raw``, which may be a reference to a pushed one.

    ``begun``: it comes back from a form of ours.  Raises Refused, which is shown on a page, and Returned.
    """
    sent, once = pushed_requests.opened(raw, services, now=now, begun=begun)
    snapshot = services.ledger.fresh(services.tenant)
    to = authorize.destination(sent, _documented(services, sent, snapshot.clients))
    try:
        return _judged(sent, to, snapshot, once=once, now=now)
    except Refused as refused:
        raise Returned(to, refused) from None


def _judged(
    sent: Form, to: Destination, snapshot: Snapshot, *, once: tuple[OneTime, ...], now: int
) -> AuthorizationRequest:
    asked = authorize.parse(sent, to)
    if to.client.pushed_only and not once:
        raise Refused(Reason.PUSHED_REQUEST_REQUIRED, app=to.client.app.id)
    hint = sent.one("id_token_hint")
    if hint is None:
        return replace(asked, once=once)
    sub = id_token_hint.for_sign_in(hint, to.client, snapshot, now=now).sub
    if asked.expected_sub not in (None, sub):
        raise Refused(Reason.PARAMETER_WRONG, parameter="claims")
    return replace(asked, once=once, expected_sub=sub)


def _documented(services: Services, sent: Form, clients: Clients) -> Clients:
    """The apps, the one that is meant with its metadata document, if that is how it is registered.

    Raises Refused CLIENT_METADATA_UNAVAILABLE, UNAVAILABLE.
    """
    publications, client = services.publications, clients.get(sent.one("client_id") or "")
    if client is None or not client.app.by_document or not client.registration.active:
        return clients
    if publications is None:
        raise Refused(Reason.UNAVAILABLE, app=client.app.id)
    client_id = client.app.client_id
    try:
        document = publications.document(client_id)
    except Refused as refused:
        log.warning("no metadata document app=%s %s", client.app.id, refused)
        raise Refused(refused.reason, app=client.app.id) from None
    return {**clients, client_id: client.with_document(document)}
