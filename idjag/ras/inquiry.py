"""A request about tokens that were issued before: what it is judged by, and what is written down of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from idjag.protocol import client_auth, names
from idjag.protocol.claims import ClaimError, numeric_date, text
from idjag.protocol.client_auth import Presented, Registration
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest
from idjag.protocol.jose import JoseError, jws
from idjag.protocol.jose.json import JsonValue
from idjag.ras.audit import Tally, Trail
from idjag.ras.model import Client, RasConfig
from idjag.ras.ports import AuditEvent, Lost, Record
from idjag.ras.standing import Change, IssuedToken
from idjag.ras.steps import Flow, commit, issued_keys
from idjag.ras.token_endpoint import Strangers, authenticated, refusal

__all__ = [
    "Inquiry",
    "TokenTrail",
    "caller_of",
    "claims_of",
    "client_of_ours",
    "presented_in",
    "refused_reply",
    "write",
]

_MAX_TOKEN = 16 * 1024


@dataclass(slots=True)
class TokenTrail(Trail):
    """The trail of a request about tokens; ``token`` once it is known which one."""

    token: IssuedToken | None = None

    @classmethod
    def of(cls, trail: Trail) -> TokenTrail:
        """A trail at its beginning."""
        return cls(
            decision_id=trail.decision_id,
            now=trail.now,
            audience=trail.audience,
            ip=trail.ip,
            user_agent=trail.user_agent,
            tenant=trail.tenant,
        )

    def event(self, name: str, why: Refused | None = None, **inputs: object) -> AuditEvent:
        """What happened; ``why`` the answer is not what was hoped for."""
        token = self.token
        about: dict[str, object] = {
            "now": self.now,
            "our_tenant": self.tenant,
            "iss": token.issuer if token else None,
            "facts": dict(why.fact) if why and why.fact else None,
            **inputs,
        }
        fields: dict[str, object] = {
            "decision_id": self.decision_id,
            "actor": {"kind": "client", "id": self.client_id},
            "subject": token.account_id if token else self.account_id,
            "client_id_at_resource": token.client_id if token else None,
            "audience": self.audience,
            "reason": why.reason.value if why else None,
            "inputs": _present(about),
            "jti": token.jti if token else None,
            "ip": self.ip or None,
            "user_agent": self.user_agent or None,
        }
        return AuditEvent(name, _present(fields))

    def refused(self, refused: Refused) -> AuditEvent:
        """The event of a refusal after client authentication, with its true reason."""
        return self.event("token.refused", refused)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One request and its surroundings.

    ``counted`` is where reads are counted instead of written one by one (decision 0023).  ``tenant``: the one
    of ours whose endpoint was used, None for one that serves all.
    """

    request: TokenRequest
    config: RasConfig
    strangers: Strangers
    counted: Tally
    tenant: str | None
    trail: TokenTrail = field(repr=False)


def presented_in(form: Form, request: TokenRequest) -> Presented:
    """How the caller authenticates; raises Refused."""
    return client_auth.present(form, request.header(b"authorization"), certificate=request.certificate)


def caller_of(inquiry: Inquiry, presented: Presented, registration: Registration | None) -> Flow[Client]:
    """One of those whom the configuration names beside the clients, authenticated; raises Refused.

    ``registration`` is what it says of that name, None for a name that it does not know.
    """
    caller = Client(presented.claimed_client, frozenset(), frozenset(), registration=registration)
    return client_of_ours(inquiry, presented, caller=caller)


def client_of_ours(inquiry: Inquiry, presented: Presented, *, caller: Client | None = None) -> Flow[Client]:
    """A client that redeems, authenticated as at the token endpoint; raises Refused."""
    return authenticated(
        presented,
        config=inquiry.config,
        throttle=inquiry.strangers.throttle,
        trail=inquiry.trail,
        caller=caller,
    )


def refused_reply(refused: Refused, inquiry: Inquiry) -> Flow[Reply]:
    """Record a refusal, and the answer to it."""
    return refusal(
        refused,
        inquiry.request,
        config=inquiry.config,
        tally=inquiry.strangers.tally,
        trail=inquiry.trail,
    )


def claims_of(token: str, inquiry: Inquiry) -> Flow[Mapping[str, JsonValue]]:
    """The claims of an access token that is ours and has not expired.

    Raises Refused TOKEN_INVALID, TOKEN_EXPIRED, UNAVAILABLE; TOKEN_TYPE_UNSUPPORTED for an ID-JAG.
    """
    try:
        jwt = jws.parse(token, max_bytes=_MAX_TOKEN)
        if jwt.typ == names.ID_JAG_TYP:
            raise Refused(Reason.TOKEN_TYPE_UNSUPPORTED, typ=jwt.typ)
        if jwt.typ != names.ACCESS_TOKEN_TYP:
            raise Refused(Reason.TOKEN_INVALID, typ=jwt.typ or "absent")
        keys = yield from issued_keys()
        claims = jws.verify(jwt, keys=keys, algorithms=names.ASYMMETRIC)
        if claims.get("iss") != inquiry.config.issuer:
            raise Refused(Reason.TOKEN_INVALID, claim="iss")
        # without leeway: nobody's clock but ours wrote it
        if inquiry.trail.now >= numeric_date(claims, "exp"):
            raise Refused(Reason.TOKEN_EXPIRED)
        text(claims, "jti", max_length=255)
    except JoseError as wrong:
        raise Refused(Reason.TOKEN_INVALID, problem=wrong.code) from None
    except ClaimError as wrong:
        raise Refused(Reason.TOKEN_INVALID, claim=wrong.claim, problem=wrong.problem) from None
    return claims


def write(event: AuditEvent | None, inquiry: Inquiry, *changes: Change) -> Flow[None]:
    """Make it durable, the use of a client assertion too.

    Raises Refused CLIENT_ASSERTION_REPLAY, UNAVAILABLE.
    """
    trail = inquiry.trail
    if event is None and not trail.always:
        return
    record = Record(
        decision_id=trail.decision_id,
        now=trail.now,
        event=event,
        lost=trail.lost,
        always=trail.always,
        changes=changes,
    )
    outcome = yield from commit(record)
    if isinstance(outcome, Lost):
        trail.recorded = True
        raise Trail.refusal_of(outcome.once)
    trail.always = ()


def _present(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
