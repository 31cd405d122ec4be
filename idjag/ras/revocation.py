"""Revocation (RFC 7009): a client gives one of its own tokens back."""

from __future__ import annotations

from idjag.protocol.claims import text
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply, form_of, token_reply
from idjag.ras.inquiry import Inquiry, claims_of, client_of_ours, presented_in, refused_reply, write
from idjag.ras.model import Client
from idjag.ras.standing import Revoke
from idjag.ras.steps import Flow, token_of

__all__ = ["revoke"]

# Nothing is left to end, which is what was wanted: 200 (RFC 7009 section 2.2).
_ENDED = frozenset({Reason.TOKEN_INVALID, Reason.TOKEN_EXPIRED, Reason.TOKEN_UNKNOWN, Reason.TOKEN_REVOKED})


def revoke(inquiry: Inquiry, *, keeps_tokens: bool = True) -> Flow[Reply]:
    """Answer one revocation request (AT-05); ``token_type_hint`` would change nothing, we have one type."""
    trail = inquiry.trail
    try:
        form = form_of(inquiry.request)
        presented = presented_in(form, inquiry.request)
        client = yield from client_of_ours(inquiry, presented)
        token = form.required("token")
        if not keeps_tokens:
            raise Refused(Reason.TOKEN_TYPE_UNSUPPORTED, problem="the store keeps no tokens")  # noqa: TRY301  # one door
        yield from _revoked(token, client, inquiry)
    except Refused as refused:
        return (yield from refused_reply(refused, inquiry))
    return token_reply({}, decision_id=trail.decision_id)


def _revoked(token: str, client: Client, inquiry: Inquiry) -> Flow[None]:
    trail = inquiry.trail
    try:
        jti = yield from _own(token, client, inquiry)
    except Refused as why:
        if why.reason not in _ENDED:
            raise
        yield from write(trail.refused(why), inquiry)
        return
    yield from write(trail.event("token.revoked"), inquiry, Revoke("jti", jti))


def _own(token: str, client: Client, inquiry: Inquiry) -> Flow[str]:
    """The id of a live token of this very client; raises Refused."""
    claims = yield from claims_of(token, inquiry)
    jti = text(claims, "jti", max_length=255)
    found = yield from token_of(jti)
    if found is None:
        raise Refused(Reason.TOKEN_UNKNOWN)
    inquiry.trail.token = issued = found.kept.token
    if (issued.client_id, issued.our_tenant) != (client.client_id, client.tenant):
        raise Refused(Reason.TOKEN_FOREIGN)  # RFC 7009 section 2.1: refused, and the client is told
    if found.kept.revoked:
        raise Refused(Reason.TOKEN_REVOKED)
    return jti
