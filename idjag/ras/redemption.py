"""The redemption of an ID-JAG, from the assertion to the token, in the order of architecture section 3.

No I/O and no clock: what it needs it asks for (steps.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from idjag.protocol import id_jag, names
from idjag.protocol.access_token import AccessToken
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.id_jag import IdJag
from idjag.protocol.jose import JoseError, UnverifiedJwt, jws
from idjag.protocol.jose.json import JsonValue
from idjag.protocol.resources import claim_of, comparable
from idjag.protocol.scopes import join
from idjag.ras.audit import Trail
from idjag.ras.model import Client, RasConfig, TrustedIssuer
from idjag.ras.narrowing import Reach, narrow, within_account
from idjag.ras.persons import settle
from idjag.ras.ports import Lost, Once, Record
from idjag.ras.steps import Commit, Flow, commit, keys_of
from idjag.ras.subjects import Found, identity_of, query_of

__all__ = ["Issue", "Redemption", "audited_refusal", "redeem"]

log = logging.getLogger("idjag.ras")

_RECORDED = frozenset({Reason.REPLAY, Reason.CLIENT_ASSERTION_REPLAY})


@dataclass(frozen=True, slots=True)
class Redemption:
    """A token that may leave, and what it is good for; ``expires_in`` is seconds.

    ``account_id`` is the person here, ``issuer`` and ``subject`` who they are at the identity provider.
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

    def members(self) -> dict[str, object]:
        """The members of the token answer: RAS-35 to RAS-37; no refresh token, no ID token."""
        return {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": join(self.scopes),
            "resource": claim_of(self.resources),
        }


@dataclass(frozen=True, slots=True)
class Issue:
    """How this server makes tokens and ids."""

    sign: Callable[[AccessToken], str]
    new_id: Callable[[], str]


def redeem(
    assertion: str, *, client: Client, config: RasConfig, issue: Issue, trail: Trail
) -> Flow[Redemption]:
    """Turn the grant of an authenticated client into a token; ``trail`` learns what has been verified.

    Raises Refused; nothing is written then, and nobody's jti is burnt (RAS-20).
    """
    if not client.issuers:  # RAS-05
        raise Refused(Reason.GRANT_NOT_ALLOWED)
    jwt = _parse(assertion)
    trusted = _trusted_issuer(jwt, client=client, config=config, trail=trail)
    if jwt.typ != names.ID_JAG_TYP:  # RAS-07
        raise Refused(Reason.ASSERTION_TYPE, got=jwt.typ or "absent")
    claims = yield from _verified(jwt, trusted)
    trail.grant = grant = id_jag.accept(
        claims,
        audiences=config.audiences,
        client_id=client.client_id,
        now=trail.now,
        skew=names.SKEW,
        max_lifetime=trusted.max_lifetime,
    )
    if grant.aud_tenant is not None and grant.aud_tenant != client.tenant:  # TEN-09
        raise Refused(Reason.TENANT_WRONG, claim="aud_tenant", expected=client.tenant, got=grant.aud_tenant)
    identity = identity_of(grant)
    query = query_of(identity, trusted, tenant=client.tenant)
    trail.reach = reach = narrow(grant, trail.asked, config=config, client=client, trusted=trusted)

    def make(found: Found) -> tuple[Redemption, Record]:
        trail.reach = within_account(reach, found.account)
        redemption = _redemption(grant, found, trail.reach, config=config, issue=issue, trail=trail)
        return redemption, _record(grant, found, trusted=trusted, trail=trail)

    rules = trusted.subject
    return (yield from settle(query, identity, rules=rules, new_id=issue.new_id, trail=trail, make=make))


def audited_refusal(refused: Refused, trail: Trail) -> Flow[Refused]:
    """Record why an authenticated client gets nothing; what it is told is returned.

    A refusal that cannot be recorded becomes 503.  A replay was recorded where it was found; a commit
    that failed has an unknown outcome and is never tried again.
    """
    if ANSWERS[refused.reason].status == 503:
        log.error("redemption unavailable decision_id=%s %s", trail.decision_id, refused)
    else:  # the facts may quote what came in: they are for the audit log alone
        log.info("redemption refused decision_id=%s reason=%s", trail.decision_id, refused.reason)
    if refused.reason in _RECORDED or refused.fact.get("port") == Commit.__name__:
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
    return Trail.refusal_of(outcome.once) if isinstance(outcome, Lost) else refused


def _parse(assertion: str) -> UnverifiedJwt:
    try:
        return jws.parse(assertion, max_bytes=names.MAX_ID_JAG)
    except JoseError as wrong:
        raise Refused(Reason.ASSERTION_INVALID, problem=wrong.code) from None


def _trusted_issuer(jwt: UnverifiedJwt, *, client: Client, config: RasConfig, trail: Trail) -> TrustedIssuer:
    """RAS-08, RAS-46, TEN-10: configured, alive, for people, and for this very client; before any fetch."""
    claimed = jwt.claims.get("iss")
    if not isinstance(claimed, str):
        raise Refused(Reason.ISSUER_NOT_TRUSTED, problem="no iss")
    trail.claimed_issuer = claimed[:200]
    trusted = config.trusted_issuer(claimed)
    if trusted is None:
        raise Refused(Reason.ISSUER_NOT_TRUSTED, got=claimed, near_miss=_near_miss(claimed, config))
    if not trusted.trusted_for_id_jag(now=trail.now):
        raise Refused(Reason.ISSUER_NOT_TRUSTED, got=claimed, problem="paused, expired or not for id-jag")
    if claimed not in client.issuers:
        raise Refused(Reason.ISSUER_NOT_TRUSTED, got=claimed, problem="not an issuer of this client")
    return trusted


def _near_miss(claimed: str, config: RasConfig) -> str | None:
    """The trusted issuer that differs by a slash, a case or a port alone: said to the administrator."""
    loose = comparable(claimed).rstrip("/")
    names_ = (trusted.issuer for trusted in config.trusted_issuers)
    return next((name for name in names_ if comparable(name).rstrip("/") == loose), None)


def _verified(jwt: UnverifiedJwt, trusted: TrustedIssuer) -> Flow[Mapping[str, JsonValue]]:
    """RAS-09 to RAS-11: the keys of exactly this issuer, and only its algorithms."""
    keys = trusted.keys
    if keys is None:
        keys = yield from keys_of(trusted.issuer, jwks_uri=trusted.jwks_uri, kid=jwt.kid)
    try:
        return jws.verify(jwt, keys=keys, algorithms=trusted.algorithms)
    except JoseError as wrong:
        raise Refused(Reason.SIGNATURE_INVALID, problem=wrong.code, kid=jwt.kid) from None


def _redemption(
    grant: IdJag, found: Found, reach: Reach, *, config: RasConfig, issue: Issue, trail: Trail
) -> Redemption:
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
    )
    return Redemption(
        access_token=_signed(issue, token),
        expires_in=config.access_token_lifetime,
        scopes=reach.scopes,
        resources=reach.resources,
        account_id=found.account.id,
        client_id=grant.client_id,
        issuer=grant.iss,
        subject=grant.sub,
        decision_id=trail.decision_id,
        created=found.created,
    )


def _signed(issue: Issue, token: AccessToken) -> str:
    try:
        return issue.sign(token)
    except Exception as failed:
        raise Refused(Reason.UNAVAILABLE, problem="signer", error=type(failed).__name__) from failed


def _record(grant: IdJag, found: Found, *, trusted: TrustedIssuer, trail: Trail) -> Record:
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
        create=found.account if found.created else None,
    )
