"""Introspection (RFC 7662): whether a token of ours is good now, for the API it is for or its own client."""

from __future__ import annotations

from collections.abc import Mapping

from idjag.protocol import names
from idjag.protocol.claims import text
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply, form_of, token_reply
from idjag.protocol.jose.json import JsonValue
from idjag.ras.callers import ResourceServer
from idjag.ras.inquiry import (
    Inquiry,
    caller_of,
    claims_of,
    client_of_ours,
    presented_in,
    refused_reply,
    write,
)
from idjag.ras.model import Client
from idjag.ras.standing import IssuedToken, objection
from idjag.ras.steps import Flow, client_of, token_of

__all__ = ["introspect"]

# RFC 7662 section 2.2, RFC 9449 section 6.2, RFC 9470 section 6.2: what the token itself says
_MEMBERS = (
    *("scope", "client_id", "exp", "iat", "nbf", "sub", "aud", "iss", "jti"),
    *("cnf", "act", "auth_time", "acr", "amr", "authorization_details"),
)
_INACTIVE: Mapping[str, JsonValue] = {"active": False}


def introspect(inquiry: Inquiry) -> Flow[Reply]:
    """Answer one introspection request (AT-04)."""
    trail = inquiry.trail
    try:
        form = form_of(inquiry.request)
        presented = presented_in(form, inquiry.request)
        server = inquiry.config.callers.resource_server(presented.claimed_client)
        if server is None:
            client = yield from client_of_ours(inquiry, presented)
        else:
            client = yield from caller_of(inquiry, presented, server.registration)
        members, why = yield from _answer(form.required("token"), client, server, inquiry=inquiry)
        yield from _counted(why, inquiry)
    except Refused as refused:
        return (yield from refused_reply(refused, inquiry))
    return token_reply(members, decision_id=trail.decision_id)


def _answer(
    token: str, client: Client, server: ResourceServer | None, *, inquiry: Inquiry
) -> Flow[tuple[Mapping[str, JsonValue], Refused | None]]:
    """What is said of the token, and why it is not good."""
    try:
        claims = yield from claims_of(token, inquiry)
        yield from _good(claims, client, server, inquiry=inquiry)
    except Refused as why:
        if why.reason is Reason.UNAVAILABLE:  # nobody knows, and nobody is told anything
            raise
        return _INACTIVE, why
    bound = "cnf" in claims
    members = {name: claims[name] for name in _MEMBERS if name in claims}
    token_type = names.TOKEN_TYPE_DPOP if bound else names.TOKEN_TYPE_BEARER
    return {"active": True, **members, "token_type": token_type}, None


def _good(
    claims: Mapping[str, JsonValue], client: Client, server: ResourceServer | None, *, inquiry: Inquiry
) -> Flow[None]:
    """Everything that the signature does not say; raises Refused."""
    found = yield from token_of(text(claims, "jti", max_length=255))
    if found is None:
        raise Refused(Reason.TOKEN_UNKNOWN)
    kept, token = found.kept, found.kept.token
    inquiry.trail.token = token
    here = inquiry.tenant in (None, token.our_tenant)
    if not here or not _concerns(token, client, server, aud=claims.get("aud")):
        raise Refused(Reason.TOKEN_FOREIGN)
    if kept.revoked:
        raise Refused(Reason.TOKEN_REVOKED)
    if (why := objection(kept.standing, since=token.since)) is not None:
        raise why
    _check_issuer(token, inquiry)
    account = found.account
    if account is None or not account.active or account.tenant != token.our_tenant:
        raise Refused(Reason.ACCOUNT_DISABLED, account=token.account_id)
    yield from _check_client(token)


def _concerns(token: IssuedToken, client: Client, server: ResourceServer | None, *, aud: JsonValue) -> bool:
    """A client may ask about its own tokens, an API about those that it would be shown."""
    if server is None:
        return (token.client_id, token.our_tenant) == (client.client_id, client.tenant)
    listed = aud if isinstance(aud, list) else [aud]
    return server.serves(each for each in listed if isinstance(each, str))


def _check_issuer(token: IssuedToken, inquiry: Inquiry) -> None:
    """Attack case 163: whoever is not believed any more is not believed about the past either."""
    trusted = inquiry.config.trusted_issuer(token.issuer)
    tenant_gone = trusted is not None and token.tenant not in (trusted.tenants or {""})
    if trusted is None or not trusted.alive(now=inquiry.trail.now) or tenant_gone:
        raise Refused(Reason.ISSUER_NOT_TRUSTED, got=token.issuer)
    if not inquiry.config.opens(token.issuer, token.tenant, tenant=token.our_tenant):  # TEN-10
        raise Refused(Reason.TENANT_WRONG, got=token.our_tenant)


def _check_client(token: IssuedToken) -> Flow[None]:
    """Attack case 161: a client that is gone, or may not bring this issuer's grants any more."""
    client = yield from client_of(token.client_id, tenant=token.our_tenant)
    registration = client.registration if client else None
    paused = registration is not None and not registration.active
    if client is None or client.tenant != token.our_tenant or paused:
        raise Refused(Reason.CLIENT_UNKNOWN, client=token.client_id)
    if not client.brings(token.issuer, token.tenant):
        raise Refused(Reason.ISSUER_NOT_TRUSTED, problem="not an issuer of this client")


def _counted(why: Refused | None, inquiry: Inquiry) -> Flow[None]:
    """One event for each caller, outcome and minute, as decision 0023 says."""
    trail = inquiry.trail
    repeats = inquiry.counted.due(trail.client_id or "", why.reason if why else None, now=trail.now)
    event = None if repeats is None else trail.event("token.introspected", why, repeats=repeats)
    yield from write(event, inquiry)
