"""The token endpoint as a flow: form, client, then the redemption; every refusal leaves by one door."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from idjag.protocol import client_auth, dpop, names, resources, scopes
from idjag.protocol.client_auth import Presented
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest, form_of, refusal_reply, token_reply
from idjag.ras import cors
from idjag.ras.audit import Tally, Trail
from idjag.ras.model import Client, RasConfig
from idjag.ras.narrowing import Asked
from idjag.ras.ports import Once, Record
from idjag.ras.possession import TokenEndpoint, once_of
from idjag.ras.redemption import Brought, Issue, Redemption, audited_refusal, redeem
from idjag.ras.steps import Flow, client_of, commit, published
from idjag.ras.throttle import Throttle
from idjag.trust.publications import needed

__all__ = [
    "Strangers",
    "authenticated",
    "redeem_for",
    "refusal",
    "stranger_record",
    "stranger_refused",
    "token",
]


log = logging.getLogger("idjag.ras")


@dataclass(frozen=True, slots=True)
class Strangers:
    """What keeps people without credentials from costing us: failures slowed down, refusals counted."""

    throttle: Throttle
    tally: Tally


def token(
    request: TokenRequest,
    *,
    endpoint: TokenEndpoint,
    config: RasConfig,
    issue: Issue,
    strangers: Strangers,
    trail: Trail,
) -> Flow[Reply]:
    """Answer one token request, and the preflight of a page that may send one."""
    origin = cors.origin_of(request, config.origins)
    if origin is not None and request.method == "OPTIONS":
        return cors.preflight(origin)
    try:
        form = form_of(request)
        presented = client_auth.present(
            form, request.header(b"authorization"), certificate=request.certificate
        )
        client = yield from authenticated(
            presented, config=config, throttle=strangers.throttle, trail=trail, public=True
        )
        brought = _brought(request, form, client=client, endpoint=endpoint, trail=trail)
        redemption = yield from redeem(brought, client=client, config=config, issue=issue, trail=trail)
        reply = token_reply(redemption.members(), decision_id=trail.decision_id)
    except Refused as refused:
        reply = yield from refusal(refused, request, config=config, tally=strangers.tally, trail=trail)
    reply = replace(reply, headers=(*reply.headers, *endpoint.headers(now=trail.now)))
    return cors.opened(reply, origin)


def refusal(
    refused: Refused, request: TokenRequest, *, config: RasConfig, tally: Tally, trail: Trail
) -> Flow[Reply]:
    """Record a refusal, and the answer to it: the one door of every endpoint that authenticates clients."""
    told = yield from _recorded(refused, trail, tally)
    in_header = any(name == b"authorization" for name, _ in request.headers)
    challenge = f'Basic realm="{config.issuer}", charset="UTF-8"' if in_header else None
    return refusal_reply(told, decision_id=trail.decision_id, challenge=challenge)


def redeem_for(
    client_id: str,
    assertion: str,
    *,
    asked: Asked,
    proof: str | None,
    endpoint: TokenEndpoint,
    config: RasConfig,
    issue: Issue,
    trail: Trail,
) -> Flow[Redemption]:
    """Redeem for a client that the host has authenticated; raises Refused, already recorded."""
    try:
        trail.client_id = client_id
        trail.asked = asked
        client = yield from client_of(client_id, tenant=trail.tenant)
        if client is None:
            raise Refused(Reason.CLIENT_UNKNOWN)  # noqa: TRY301  # it leaves by the one door below
        trail.tenant = client.tenant
        proven = endpoint.proven(proof, now=trail.now)
        if proven is not None:
            trail.always = (once_of(proven),)
        _check_asked(asked)
        brought = Brought(assertion, proof=proven)
        return (yield from redeem(brought, client=client, config=config, issue=issue, trail=trail))
    except Refused as refused:
        raise (yield from audited_refusal(refused, trail)) from None


def stranger_record(refused: Refused, trail: Trail, tally: Tally) -> Record | None:
    """What is to be written of a refusal before client authentication; None while it is only counted."""
    log.info("request refused decision_id=%s reason=%s", trail.decision_id, refused.reason)
    repeats = tally.due(trail.ip, refused.reason, now=trail.now)
    if repeats is None:
        return None
    event = trail.before_authentication(refused, repeats=repeats)
    return Record(decision_id=trail.decision_id, now=trail.now, event=event, lost=trail.lost)


def stranger_refused(refused: Refused, trail: Trail, tally: Tally) -> Flow[Refused]:
    """Record a refusal before client authentication: one event for each source, reason and minute."""
    record = stranger_record(refused, trail, tally)
    if record is None:
        return refused
    try:
        yield from commit(record)
    except Refused as failed:
        log.error("refusal not recorded decision_id=%s %s", trail.decision_id, failed)  # noqa: TRY400  # said whole
        return failed
    return refused


def _asked(form: Form) -> Asked:
    """What the request itself names; raises Refused SCOPE_MALFORMED, RESOURCE_MALFORMED."""
    return Asked(scopes=scopes.parse(form.one("scope")), resources=resources.parse(form.every("resource")))


def _check_asked(asked: Asked) -> None:
    if asked.scopes is not None and not all(map(scopes.is_scope_token, asked.scopes)):
        raise Refused(Reason.SCOPE_MALFORMED)
    resources.parse(asked.resources)


def authenticated(
    presented: Presented,
    *,
    config: RasConfig,
    throttle: Throttle,
    trail: Trail,
    caller: Client | None = None,
    public: bool = False,
) -> Flow[Client]:
    """RAS-03: before the assertion is looked at.  The trail knows the client only from here on.

    ``caller``: who has this name without being a client that redeems; found before, by whoever has a list
    of its own.  ``public``: clients without credentials may go on; who they are must still be proven.
    Raises Refused CLIENT_*, TOO_MANY_FAILURES.
    """
    claimed = presented.claimed_client
    throttle.check(claimed, trail.ip, now=trail.now)
    client = caller or (yield from client_of(claimed, tenant=trail.tenant))
    registration = client.registration if client is not None else None
    if client is not None and registration is not None and needed(presented, registration):
        kid = presented.assertion.kid if presented.assertion is not None else None
        registration = yield from published(registration, kid=kid, certificate=presented.certificate)
        client = replace(client, registration=registration)
    try:
        proof = client_auth.verify(presented, registration, issuer=config.issuer, now=trail.now)
    except Refused:
        throttle.failed(claimed, trail.ip, now=trail.now)
        raise
    if client is None:
        raise Refused(Reason.CLIENT_UNKNOWN)
    if proof.method == names.NO_AUTHENTICATION:
        if not public:  # RAS-04: a stranger, for the audit log too
            raise Refused(Reason.CLIENT_PUBLIC)
        trail.tenant = client.tenant
        return client
    throttle.succeeded(claimed, trail.ip, now=trail.now)
    trail.client_id, trail.tenant = client.client_id, client.tenant
    if proof.jti is not None:
        trail.always = (Once("client_assertion", proof.client_id, proof.jti, until=proof.until),)
    return client


def _brought(
    request: TokenRequest, form: Form, *, client: Client, endpoint: TokenEndpoint, trail: Trail
) -> Brought:
    """What the request brings to the redemption; its proof is used up from here on, whatever is decided."""
    grant_type = form.required("grant_type")
    if grant_type not in (names.JWT_BEARER, names.JWT_DPOP):
        raise Refused(Reason.GRANT_TYPE_UNKNOWN)
    assertion = form.required("assertion")
    proof = endpoint.proven(dpop.proof_of(request.headers), now=trail.now)
    if proof is not None:
        trail.always = (*trail.always, once_of(proof))
    elif client.public:  # RAS-04: nothing would bind the grant to whoever brings it
        raise Refused(Reason.CLIENT_PUBLIC, problem="no proof")
    if form.one("authorization_details") is not None:  # RAS-34: never ignored
        raise Refused(Reason.AUTHORIZATION_DETAILS)
    trail.asked = _asked(form)
    return Brought(assertion, grant_type, proof)


def _recorded(refused: Refused, trail: Trail, tally: Tally) -> Flow[Refused]:
    """Write the refusal down: an event of its own, or one a minute for people we do not know."""
    if trail.client_id is not None:
        return (yield from audited_refusal(refused, trail))
    return (yield from stranger_refused(refused, trail, tally))
