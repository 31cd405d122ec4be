"""A client asks whether grants of an issuer would be accepted from it (RAS-50, draft section 9.4).

For authenticated clients alone, about themselves alone: nobody learns whom we trust (MET-07).
"""

from __future__ import annotations

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, form_of, token_reply
from idjag.ras.inquiry import Inquiry, client_of_ours, presented_in, refused_reply, write
from idjag.ras.model import Client, Link
from idjag.ras.standing import Grounds
from idjag.ras.steps import Flow, standing_of

__all__ = ["look_up"]

_MAX_ISSUER = 2048


def look_up(inquiry: Inquiry) -> Flow[Reply]:
    """Answer one question."""
    trail = inquiry.trail
    try:
        form = form_of(inquiry.request)
        presented = presented_in(form, inquiry.request)
        client = yield from client_of_ours(inquiry, presented)
        issuer, tenant = _asked(form)
        accepted = yield from _accepted(issuer, tenant, client, inquiry=inquiry)
        yield from _counted(accepted, inquiry)
    except Refused as refused:
        return (yield from refused_reply(refused, inquiry))
    return token_reply({"issuer": issuer, "accepted": accepted}, decision_id=trail.decision_id)


def _asked(form: Form) -> tuple[str, str]:
    """The issuer and its tenant, "" when none is named; raises Refused PARAMETER_MISSING, PARAMETER_WRONG."""
    issuer = form.required("issuer")
    if len(issuer) > _MAX_ISSUER:
        raise Refused(Reason.PARAMETER_WRONG, parameter="issuer")
    return issuer, form.one("tenant") or ""


def _accepted(issuer: str, tenant: str, client: Client, *, inquiry: Inquiry) -> Flow[bool]:
    """Whether a grant would come as far as its claims: the looks of the redemption that need none of them."""
    config, now = inquiry.config, inquiry.trail.now
    trusted = config.trusted_issuer(issuer)
    if trusted is None or not trusted.trusted_for("id-jag", now=now):
        return False
    if tenant not in (trusted.tenants or {""}) or not client.brings(issuer, tenant):
        return False
    if not config.opens(issuer, tenant, tenant=client.tenant):
        return False
    standing = yield from standing_of(Grounds("", Link(issuer, tenant, ""), now))
    return not standing.issuer_paused


def _counted(accepted: bool, inquiry: Inquiry) -> Flow[None]:  # noqa: FBT001 - what is counted
    """One event for each client, outcome and minute, as decision 0023 says."""
    trail = inquiry.trail
    reason = None if accepted else Reason.ISSUER_NOT_TRUSTED
    repeats = inquiry.counted.due(f"issuer-lookup {trail.client_id}", reason, now=trail.now)
    event = None if repeats is None else trail.event("issuer.looked_up", accepted=accepted, repeats=repeats)
    yield from write(event, inquiry)
