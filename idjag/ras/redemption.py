"""The redemption of a grant, from the assertion to the token, in the order of architecture section 3.

No I/O and no clock: what it needs it asks for (steps.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from idjag.protocol import names, receipt
from idjag.protocol.access_token import AccessToken
from idjag.protocol.dpop import Proof
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.id_jag import IdJag
from idjag.protocol.jose.json import JsonValue
from idjag.protocol.resources import claim_of
from idjag.protocol.scopes import join
from idjag.ras import step_up
from idjag.ras.assertion import accepted
from idjag.ras.audit import Trail
from idjag.ras.model import Client, Link, RasConfig
from idjag.ras.narrowing import Reach, narrow, within_account
from idjag.ras.persons import settle
from idjag.ras.ports import Lost, Once, Record
from idjag.ras.possession import key_of, require_key
from idjag.ras.standing import Grounds, IssuedToken, objection
from idjag.ras.steps import Commit, Flow, commit, signed, standing_of, tell
from idjag.ras.subjects import Found, identity_of, query_of
from idjag.ras.trusted import TrustedIssuer

__all__ = ["Brought", "Issue", "Redemption", "audited_refusal", "redeem"]

log = logging.getLogger("idjag.ras")


@dataclass(frozen=True, slots=True)
class Brought:
    """What a client brings to its grant; ``proof`` was verified and is still to be used up."""

    assertion: str = field(repr=False)
    grant_type: str = names.JWT_BEARER
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Redemption:
    """A token that may leave, and what it is good for; ``expires_in`` is seconds.

    ``account_id`` is the person here, ``issuer`` and ``subject`` who they are at the identity provider;
    ``jti`` is what the token is remembered by; ``jkt`` the key that it is bound to, None for a bearer token.
    ``claims``: those of the grant that ``TrustedIssuer.claims`` names, any JSON; they decided nothing.
    """

    access_token: str = field(repr=False)
    expires_in: int
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    account_id: str
    client_id: str
    issuer: str
    subject: str
    decision_id: str
    created: bool = False
    jti: str = ""
    jkt: str | None = None
    claims: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)

    @property
    def token_type(self) -> str:
        """How the token is to be presented (DPOP-12)."""
        return names.TOKEN_TYPE_BEARER if self.jkt is None else names.TOKEN_TYPE_DPOP

    def members(self) -> dict[str, object]:
        """The members of the token answer: RAS-35 to RAS-37; no refresh token, no ID token."""
        return {
            "access_token": self.access_token,
            "token_type": self.token_type,
            "expires_in": self.expires_in,
            "scope": join(self.scopes),
            "resource": claim_of(self.resources),
        }


@dataclass(frozen=True, slots=True)
class Issue:
    """How this server makes ids, of tokens and of accounts."""

    new_id: Callable[[], str]


def redeem(
    brought: Brought, *, client: Client, config: RasConfig, issue: Issue, trail: Trail
) -> Flow[Redemption]:
    """Turn the grant of an authenticated client into a token; ``trail`` learns what has been verified.

    A public client is known from the moment that it proves the key of its grant.
    Raises Refused; nothing is written then, and nobody's jti is burnt (RAS-20).
    """
    if not client.issuers:  # RAS-05
        raise Refused(Reason.GRANT_NOT_ALLOWED)
    believed = yield from accepted(brought.assertion, client=client, config=config, trail=trail)
    grant, trusted = believed.grant, believed.trusted
    trail.jkt = key_of(grant, brought.proof, client=client, grant_type=brought.grant_type)
    trail.client_id = client.client_id
    if grant.aud_tenant is not None and grant.aud_tenant != client.tenant:  # TEN-09
        raise Refused(Reason.TENANT_WRONG, claim="aud_tenant", expected=client.tenant, got=grant.aud_tenant)
    identity = identity_of(grant)
    query = query_of(identity, trusted, tenant=client.tenant)
    _check_tie(query.link, client=client, config=config)
    trail.reach = reach = narrow(grant, trail.asked, config=config, client=client, trusted=trusted)
    resources = [each for each in map(config.resource, reach.resources) if each is not None]
    require_key(trail.jkt, resources)

    def make(found: Found) -> Flow[tuple[Redemption, Record]]:
        trail.reach = within_account(reach, found.account)
        # a clock that is ahead over there must not carry the token past a "not before" of ours (AT-08)
        since = min(identity.since or 0, trail.now)
        try:
            step_up.check((client.require, *(each.require for each in resources)), grant, now=trail.now)
        except Refused:
            # asked last: nobody is sent to a better sign-in that would not help (RAS-45)
            yield from _check_standing(Grounds(found.account.id, query.link, since))
            raise
        redemption = yield from _redemption(
            grant, found, trail.reach, config=config, issue=issue, trail=trail
        )
        issued = _issued(redemption, query.link, client=client, since=since, now=trail.now)
        return redemption, _record(grant, found, issued, trusted=trusted, trail=trail)

    rules = trusted.rules_of(query.link.tenant)
    redemption = yield from settle(query, identity, rules=rules, new_id=issue.new_id, trail=trail, make=make)
    yield from tell(trail.report(receipt.REDEEMED))
    return redemption


def _check_tie(link: Link, *, client: Client, config: RasConfig) -> None:
    """TEN-10: this tenant of the issuer, this client and our tenant belong together."""
    if not client.brings(link.issuer, link.tenant):
        raise Refused(Reason.TENANT_WRONG, claim="tenant", got=link.tenant, problem="not this client's")
    if not config.opens(link.issuer, link.tenant, tenant=client.tenant):
        raise Refused(Reason.TENANT_WRONG, got=client.tenant, problem="our_tenants does not name it")


def _check_standing(grounds: Grounds) -> Flow[None]:
    """What the commit would find, for those who do not come so far; raises Refused."""
    standing = yield from standing_of(grounds)
    if (why := objection(standing, since=grounds.since)) is not None:
        raise why


def audited_refusal(refused: Refused, trail: Trail) -> Flow[Refused]:
    """Record why an authenticated client gets nothing; what it is told is returned.

    A refusal that cannot be recorded becomes 503.  A replay was recorded where it was found; a commit
    that failed has an unknown outcome and is never tried again.
    """
    if ANSWERS[refused.reason].status == 503:
        log.error("redemption unavailable decision_id=%s %s", trail.decision_id, refused)
    else:  # the facts may quote what came in: they are for the audit log alone
        log.info("redemption refused decision_id=%s reason=%s", trail.decision_id, refused.reason)
    if refused.fact.get("port") == Commit.__name__:
        return refused
    if trail.recorded:
        yield from tell(trail.report(receipt.word(refused.reason)))
        return refused
    record = Record(
        decision_id=trail.decision_id,
        now=trail.now,
        event=trail.refused(refused),
        lost=trail.lost,
        always=trail.always,
    )
    try:
        outcome = yield from commit(record)
    except Refused as failed:
        log.error("refusal not recorded decision_id=%s %s", trail.decision_id, failed)  # noqa: TRY400  # the port said what; a trace may hold what a request brought
        return failed
    if isinstance(outcome, Lost):
        return Trail.refusal_of(outcome.once)
    yield from tell(trail.report(receipt.word(refused.reason)))
    return refused


def _redemption(
    grant: IdJag, found: Found, reach: Reach, *, config: RasConfig, issue: Issue, trail: Trail
) -> Flow[Redemption]:
    """The token, made before the commit, so that a failing signer burns nothing; it leaves after it."""
    token = AccessToken(
        iss=config.issuer,
        sub=found.account.id,  # RAS-48: ours, never the issuer's
        audiences=reach.resources,
        client_id=grant.client_id,
        jti=issue.new_id(),
        iat=trail.now,
        exp=trail.now + config.access_token_lifetime,
        scopes=reach.scopes,
        auth_time=grant.auth_time,
        acr=grant.acr,
        amr=grant.amr,
        jkt=trail.jkt,
        actors=grant.actors,
    )
    return Redemption(
        access_token=(yield from signed(token)),
        expires_in=config.access_token_lifetime,
        scopes=reach.scopes,
        resources=reach.resources,
        account_id=found.account.id,
        client_id=grant.client_id,
        issuer=grant.iss,
        subject=grant.sub,
        decision_id=trail.decision_id,
        created=found.created,
        jti=token.jti,
        jkt=trail.jkt,
        claims=grant.custom,
    )


def _issued(redemption: Redemption, link: Link, *, client: Client, since: int, now: int) -> IssuedToken:
    """What is remembered of the token, for introspection and revocation."""
    return IssuedToken(
        jti=redemption.jti,
        account_id=redemption.account_id,
        client_id=client.client_id,
        issuer=link.issuer,
        tenant=link.tenant,
        sub=link.sub,
        iat=now,
        exp=now + redemption.expires_in,
        since=since,
        our_tenant=client.tenant,
    )


def _record(
    grant: IdJag, found: Found, issued: IssuedToken, *, trusted: TrustedIssuer, trail: Trail
) -> Record:
    once = Once("id_jag", grant.iss, grant.jti, until=grant.exp + names.SKEW)
    return Record(
        decision_id=trail.decision_id,
        now=trail.now,
        event=trail.redeemed(),
        lost=trail.lost,
        always=trail.always,
        on_success=(once,) if trusted.reuse == "never" else (),  # RAS-19
        account_id=found.account.id,
        link=found.link,
        beside=found.beside,
        create=found.account if found.created else None,
        grounds=issued.grounds,
        issued=issued,
    )
