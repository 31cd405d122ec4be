"""Finds the person and writes, in one commit; looks again when a link moved in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from idjag.protocol.errors import Reason, Refused
from idjag.ras.audit import Trail
from idjag.ras.model import RasConfig
from idjag.ras.ports import AuditEvent, Committed, Lost, Query, Record, Stopped
from idjag.ras.standing import Grounds
from idjag.ras.steps import Flow, commit, person_of
from idjag.ras.subjects import Found, Identity, query_of, resolve
from idjag.ras.trusted import SubjectRules

__all__ = ["settle", "sign_in"]

T = TypeVar("T")

_ATTEMPTS = 3
_NOT_HERE = "no client of this tenant brings grants of the issuer, and our_tenants does not name it"


def settle(
    query: Query,
    identity: Identity,
    *,
    rules: SubjectRules,
    new_id: Callable[[], str],
    trail: Trail,
    make: Callable[[Found], Flow[tuple[T, Record]]],
) -> Flow[T]:
    """Resolve the person, ``make`` what is wanted of them, commit its record.

    Raises Refused: those of ``resolve`` and of ``objection``, REPLAY, CLIENT_ASSERTION_REPLAY,
    DPOP_PROOF_INVALID, UNAVAILABLE.
    """
    for _ in range(_ATTEMPTS):
        person = yield from person_of(query)
        found = resolve(person, query, identity, rules=rules, new_id=new_id())
        trail.account_id, trail.created = found.account.id, found.created
        made, record = yield from make(found)
        outcome = yield from commit(record)
        if outcome is Committed:
            return made
        if isinstance(outcome, Lost):
            trail.recorded = True
            raise Trail.refusal_of(outcome.once)
        trail.always = ()  # claimed by the attempt that met a moved link, or a stop
        if isinstance(outcome, Stopped):
            raise outcome.why
    raise Refused(Reason.UNAVAILABLE, problem="the links of this person keep changing")


def sign_in(identity: Identity, *, config: RasConfig, new_id: Callable[[], str], trail: Trail) -> Flow[Found]:
    """The account of a person who signed in at a trusted issuer: the same one as for a grant (RAS-25)."""
    try:
        trusted = config.trusted_issuer(identity.issuer)
        if trusted is None or not trusted.trusted_for("id-jag", now=trail.now):
            raise Refused(Reason.ISSUER_NOT_TRUSTED, got=identity.issuer)  # noqa: TRY301  # one door below
        query = query_of(identity, trusted, tenant=trail.tenant)
        if not config.serves(query.link.issuer, query.link.tenant, tenant=trail.tenant):
            raise Refused(Reason.TENANT_WRONG, problem=_NOT_HERE, got=trail.tenant)  # noqa: TRY301  # the same
        since = trail.now if identity.since is None else min(identity.since, trail.now)

        def make(found: Found) -> Flow[tuple[Found, Record]]:
            yield from ()  # nothing is asked for
            record = _record(found, _event("login.succeeded", identity, trail), trail)
            return found, replace(record, grounds=Grounds(found.account.id, query.link, since))

        rules = trusted.rules_of(query.link.tenant)
        return (yield from settle(query, identity, rules=rules, new_id=new_id, trail=trail, make=make))
    except Refused as refused:
        if refused.reason is not Reason.UNAVAILABLE:
            yield from commit(_record(None, _event("login.failed", identity, trail, refused), trail))
        raise


def _record(found: Found | None, event: AuditEvent, trail: Trail) -> Record:
    return Record(
        decision_id=trail.decision_id,
        now=trail.now,
        event=event,
        lost=trail.lost,
        account_id=found.account.id if found else None,
        link=found.link if found else None,
        beside=found.beside if found else frozenset(),
        create=found.account if found and found.created else None,
    )


def _event(name: str, identity: Identity, trail: Trail, refused: Refused | None = None) -> AuditEvent:
    fields: dict[str, object] = {
        "decision_id": trail.decision_id,
        "actor": {"kind": "person", "id": identity.sub},
        "audience": trail.audience,
        "inputs": {"iss": identity.issuer, "now": trail.now, "created": trail.created},
    }
    if trail.account_id is not None:
        fields["subject"] = trail.account_id
    if refused is not None:
        fields["reason"] = refused.reason.value
    return AuditEvent(name, fields)
