"""The token endpoint as a flow: form, client, then the redemption; every refusal leaves by one door."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from idjag.protocol import client_auth, names, resources, scopes
from idjag.protocol.client_auth import Presented
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest, form_of, refusal_reply, token_reply
from idjag.ras.audit import Tally, Trail
from idjag.ras.model import Client, RasConfig
from idjag.ras.narrowing import Asked
from idjag.ras.ports import Once, Record
from idjag.ras.redemption import Issue, Redemption, audited_refusal, redeem
from idjag.ras.steps import Flow, client_of, commit
from idjag.ras.throttle import Throttle

__all__ = ["Strangers", "redeem_for", "stranger_refused", "token"]


log = logging.getLogger("idjag.ras")


@dataclass(frozen=True, slots=True)
class Strangers:
    """What keeps people without credentials from costing us: failures slowed down, refusals counted."""

    throttle: Throttle
    tally: Tally


def token(
    request: TokenRequest,
    *,
    config: RasConfig,
    issue: Issue,
    strangers: Strangers,
    trail: Trail,
) -> Flow[Reply]:
    """Answer one token request."""
    try:
        form = form_of(request)
        presented = client_auth.present(form, request.header(b"authorization"))
        client = yield from _authenticated(presented, config=config, throttle=strangers.throttle, trail=trail)
        redemption = yield from _redeemed(
            request, form, client=client, config=config, issue=issue, trail=trail
        )
        return token_reply(redemption.members(), decision_id=trail.decision_id)
    except Refused as refused:
        told = yield from _recorded(refused, trail, strangers.tally)
        in_header = any(name == b"authorization" for name, _ in request.headers)
        challenge = f'Basic realm="{config.issuer}", charset="UTF-8"' if in_header else None
        return refusal_reply(told, decision_id=trail.decision_id, challenge=challenge)


def redeem_for(
    client_id: str,
    assertion: str,
    *,
    asked: Asked,
    proof: str | None,
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
        _refuse_proof(proof)
        _check_asked(asked)
        return (yield from redeem(assertion, client=client, config=config, issue=issue, trail=trail))
    except Refused as refused:
        raise (yield from audited_refusal(refused, trail)) from None


def stranger_refused(refused: Refused, trail: Trail, tally: Tally) -> Flow[Refused]:
    """Record a refusal before client authentication: one event for each source, reason and minute."""
    log.info("request refused decision_id=%s reason=%s", trail.decision_id, refused.reason)
    repeats = tally.due(trail.ip, refused.reason, now=trail.now)
    if repeats is None:
        return refused
    event = trail.before_authentication(refused, repeats=repeats)
    record = Record(decision_id=trail.decision_id, now=trail.now, event=event, lost=trail.lost)
    try:
        yield from commit(record)
    except Refused as failed:
        log.error("refusal not recorded decision_id=%s %s", trail.decision_id, failed)  # noqa: TRY400  # said whole
        return failed
    return refused


def _refuse_proof(proof: str | bytes | None) -> None:
    """DPoP is not built: a proof is refused, never ignored, or its sender would believe the token bound."""
    if proof is not None:
        raise Refused(Reason.DPOP_PROOF_INVALID, problem="DPoP is not built")


def _asked(form: Form) -> Asked:
    """What the request itself names; raises Refused SCOPE_MALFORMED, RESOURCE_MALFORMED."""
    return Asked(scopes=scopes.parse(form.one("scope")), resources=resources.parse(form.every("resource")))


def _check_asked(asked: Asked) -> None:
    if asked.scopes is not None and not all(map(scopes.is_scope_token, asked.scopes)):
        raise Refused(Reason.SCOPE_MALFORMED)
    resources.parse(asked.resources)


def _authenticated(
    presented: Presented, *, config: RasConfig, throttle: Throttle, trail: Trail
) -> Flow[Client]:
    """RAS-03: before the assertion is looked at.  The trail knows the client only from here on."""
    claimed = presented.claimed_client
    throttle.check(claimed, trail.ip, now=trail.now)
    client = yield from client_of(claimed, tenant=trail.tenant)
    registration = client.registration if client is not None else None
    try:
        proof = client_auth.verify(presented, registration, issuer=config.issuer, now=trail.now)
    except Refused:
        throttle.failed(claimed, trail.ip, now=trail.now)
        raise
    throttle.succeeded(claimed, trail.ip)
    if client is None:
        raise Refused(Reason.CLIENT_UNKNOWN)
    if proof.method == names.NO_AUTHENTICATION:
        # RAS-04: nothing binds the grant to whoever brings it; a stranger for the audit log too
        raise Refused(Reason.CLIENT_PUBLIC)
    trail.client_id, trail.tenant = client.client_id, client.tenant
    if proof.jti is not None:
        trail.always = (Once("client_assertion", proof.client_id, proof.jti, until=proof.until),)
    return client


def _redeemed(
    request: TokenRequest, form: Form, *, client: Client, config: RasConfig, issue: Issue, trail: Trail
) -> Flow[Redemption]:
    if form.required("grant_type") != names.JWT_BEARER:
        raise Refused(Reason.GRANT_TYPE_UNKNOWN)
    assertion = form.required("assertion")
    _refuse_proof(request.header(b"dpop"))
    if form.one("authorization_details") is not None:  # RAS-34: never ignored
        raise Refused(Reason.AUTHORIZATION_DETAILS)
    trail.asked = _asked(form)
    return (yield from redeem(assertion, client=client, config=config, issue=issue, trail=trail))


def _recorded(refused: Refused, trail: Trail, tally: Tally) -> Flow[Refused]:
    """Write the refusal down: an event of its own, or one a minute for people we do not know."""
    if trail.client_id is not None:
        return (yield from audited_refusal(refused, trail))
    return (yield from stranger_refused(refused, trail, tally))
