"""Global Token Revocation (draft-parecki-oauth-global-token-revocation-06): all of a person ends (AT-08)."""

from __future__ import annotations

from idjag.protocol import client_auth, names
from idjag.protocol.client_auth import Presented
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import NO_STORE, Reply, TokenRequest
from idjag.protocol.jose import JoseError
from idjag.protocol.jose.json import JsonValue, parse_object
from idjag.ras.callers import Revoker
from idjag.ras.inquiry import Inquiry, caller_of, refused_reply, write
from idjag.ras.model import Link
from idjag.ras.standing import NotBefore, Thing
from idjag.ras.steps import Flow, accounts_at

__all__ = ["revoke_person"]

_MAX_BODY = 8 * 1024
_LONGEST = 2048


def revoke_person(inquiry: Inquiry) -> Flow[Reply]:
    """Answer one ``POST {"sub_id": ...}``: from now on nothing older of this person counts."""
    trail, config = inquiry.trail, inquiry.config
    try:
        _check_json(inquiry.request)
        presented = _presented(inquiry.request)
        revoker = config.callers.revoker(presented.claimed_client)
        # a client that redeems is nobody here, whatever its secret
        yield from caller_of(inquiry, presented, revoker.registration if revoker else None)
        if revoker is None:
            raise Refused(Reason.CLIENT_UNKNOWN)  # noqa: TRY301  # it leaves by the one door below
        things = yield from _things(_sub_id(inquiry.request.body), revoker, inquiry)
        # NumericDate has whole seconds: what was issued earlier in this one must not outlive it
        at = trail.now + 1
        event = trail.event(
            "token.revoked", things=[f"{each.kind} {each.name}" for each in things], not_before=at
        )
        yield from write(event, inquiry, *(NotBefore(thing, at) for thing in things))
    except Refused as refused:
        return (yield from refused_reply(refused, inquiry))
    return Reply(204, (*NO_STORE, (b"x-decision-id", trail.decision_id.encode())), b"")


def _check_json(request: TokenRequest) -> None:
    if request.method != "POST":
        raise Refused(Reason.METHOD_WRONG)
    media_type, _, parameters = (request.header(b"content-type") or b"").lower().partition(b";")
    if media_type.strip() != b"application/json" or parameters.strip() not in (b"", b"charset=utf-8"):
        raise Refused(Reason.MEDIA_TYPE_NOT_JSON)
    if request.query:
        raise Refused(Reason.SECRET_IN_QUERY)


def _presented(request: TokenRequest) -> Presented:
    """Basic, or the assertion of private_key_jwt as bearer token: JSON has no place for it."""
    header = request.header(b"authorization")
    scheme, _, rest = (header or b"").partition(b" ")
    if scheme.lower() != b"bearer":
        return client_auth.present(Form({}), header)
    assertion = rest.strip(b" ").decode("ascii", "replace")
    values: dict[str, tuple[str, ...]] = {
        "client_assertion_type": (names.CLIENT_ASSERTION_TYPE,),
        "client_assertion": (assertion,),
    }
    return client_auth.present(Form(values), None)


def _sub_id(body: bytes) -> dict[str, JsonValue]:
    """The one member of the body; raises Refused MALFORMED_JSON."""
    try:
        members = parse_object(body, max_depth=4, max_bytes=_MAX_BODY)
    except JoseError as wrong:
        raise Refused(Reason.MALFORMED_JSON, problem=wrong.code) from None
    sub_id = members.get("sub_id")
    if not isinstance(sub_id, dict) or len(members) != 1:
        raise Refused(Reason.MALFORMED_JSON, problem="not sub_id alone")
    return sub_id


def _things(sub_id: dict[str, JsonValue], revoker: Revoker, inquiry: Inquiry) -> Flow[tuple[Thing, ...]]:
    """What the identifier (RFC 9493) means here; raises Refused."""
    match sub_id:
        case {"format": "iss_sub", "iss": str(iss), "sub": str(sub), **more} if not more:
            return _persons(iss, sub, revoker, inquiry)
        case {"format": "email", "email": str(email), **more} if not more and revoker.by_email:
            return (yield from _accounts(email, revoker, inquiry))
        case {"format": "iss_sub" | "email"}:
            raise Refused(Reason.MALFORMED_JSON, problem="members of sub_id")
    raise Refused(Reason.PARAMETER_WRONG, parameter="sub_id.format")


def _persons(iss: str, sub: str, revoker: Revoker, inquiry: Inquiry) -> tuple[Thing, ...]:
    trusted = inquiry.config.trusted_issuer(iss)
    if trusted is None or iss not in revoker.issuers:
        raise Refused(Reason.SUBJECT_FOREIGN, iss=iss)
    if not 0 < len(sub) <= 255:
        raise Refused(Reason.MALFORMED_JSON, problem="sub")
    # the identifier has no tenant: whoever has this sub in any tenant of that issuer is meant
    return tuple(Thing.person(Link(iss, tenant, sub)) for tenant, _ in trusted.authorities)


def _accounts(email: str, revoker: Revoker, inquiry: Inquiry) -> Flow[tuple[Thing, ...]]:
    _, _, domain = email.lower().rpartition("@")
    if not email.isascii() or domain not in _domains(revoker, inquiry):
        raise Refused(Reason.SUBJECT_FOREIGN, problem="mail domain")
    people = yield from accounts_at(email.lower(), tenant=revoker.tenant)
    # TEN-10: whatever a host's own look-up finds beside them
    found = [account for account in people if account.tenant == revoker.tenant]
    if not found:
        raise Refused(Reason.SUBJECT_NOT_FOUND)
    return tuple(Thing("account", account.id) for account in found)


def _domains(revoker: Revoker, inquiry: Inquiry) -> set[str]:
    """The mail domains that the issuers of this caller speak for."""
    trusted = (inquiry.config.trusted_issuer(issuer) for issuer in revoker.issuers)
    rules = (rules for each in trusted if each is not None for _, rules in each.authorities)
    return {domain for each in rules for domain in each.email_domains}
