"""The audit log through the admin API: a page at a time, or as a file; of the last day by default."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from idjag.idp.administration.roles import Permission
from idjag.idp.api.door import needs
from idjag.idp.api.office import Office, Visit
from idjag.idp.api.problem import Problem
from idjag.idp.audit_actors import WrongActor, parsed, told
from idjag.idp.audit_files import Exported, Kind, lines
from idjag.idp.audit_reading import WrongWindow, exported, noted, window
from idjag.idp.verifications import chain_of
from idjag.ledger import trail

__all__ = ["AUDIT"]

_MOST: Final = 500
_LONGEST: Final = 256
_LAST: Final = 2**53
_WHO: Final = (
    "Who did it: person:ID (what somebody did themself: signing in, their own page, the console), "
    "api_token:HANDLE, operator (commands on the host; operator:UID@HOST for one who ran them), or system. "
    "What apps did is found by requesting_app and resource_app."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for in the log: columns, a time (NumericDate), words."""

    about: dict[str, str]
    since: int | None
    until: int | None
    text: str

    @property
    def told(self) -> dict[str, Any]:
        """As the audit log says what somebody looked for."""
        return told(self.about, text=self.text)


def _wanted(
    office: NamedDependency[Office],
    *,
    event: FromQuery[str | None] = None,
    decision_id: FromQuery[str | None] = None,
    jti: FromQuery[str | None] = None,
    subject: FromQuery[str | None] = None,
    requesting_app: FromQuery[str | None] = None,
    resource_app: FromQuery[str | None] = None,
    reason: FromQuery[str | None] = None,
    actor: Annotated[str | None, QueryParameter(description=_WHO)] = None,
    text: FromQuery[str | None] = None,
    since: FromQuery[int | None] = None,
    until: FromQuery[int | None] = None,
) -> Wanted:
    asked = {
        "event": event,
        "decision_id": decision_id,
        "jti": jti,
        "subject": subject,
        "requesting_app": requesting_app,
        "resource_app": resource_app,
        "reason": reason,
        "actor": actor,
    }
    about = {name: value for name, value in asked.items() if value is not None}
    if any(len(value) > _LONGEST or not value.isprintable() for value in (*about.values(), text or "")):
        raise Problem(400, f"A value to look for has at most {_LONGEST} visible characters.")
    _check_numbers(since, until)
    try:
        about |= {} if actor is None else {"actor": parsed(actor)}
    except WrongActor as wrong:
        raise Problem(400, f"actor: {wrong}.") from None
    if text or (decision_id is None and jti is None):
        try:
            since, until = window(since, until, now=office.clock())
        except WrongWindow as wrong:
            raise Problem(400, str(wrong)) from None
    return Wanted(about, since, until, text or "")


Question: TypeAlias = NamedDependency[Wanted]
_WANTED: Final = {"wanted": Provide(_wanted, sync_to_thread=False)}


@get("/audit", opt=needs(Permission.AUDIT), dependencies=_WANTED, sync_to_thread=True)
def read_audit(
    *,
    office: NamedDependency[Office],
    visit: NamedDependency[Visit],
    wanted: Question,
    before: FromQuery[int | None] = None,
    limit: FromQuery[int] = 100,
) -> dict[str, Any]:
    """Events with the fields of the log; ``next`` leads on as ``before``.  Times are NumericDate.

    By decision_id or jti the whole log is looked through, else a window of 31 days at most; ``text`` stands
    anywhere in an event, and is looked for in a window alone.
    """
    if not 1 <= limit <= _MOST:
        raise Problem(400, f"limit: 1 to {_MOST}.")
    _check_numbers(before)
    rows = office.lookups.audit(
        about=wanted.about,
        since=wanted.since,
        until=wanted.until,
        before_no=before,
        limit=limit + 1,
        text=wanted.text,
    )
    noted(office, actor=visit.actor, source=_source(visit), about=wanted.told)
    events = [trail.event_of(row) for row in rows[:limit]]
    return {"items": events, "next": events[-1]["id"] if len(rows) > limit else None}


@get(
    "/audit/export",
    opt=needs(Permission.AUDIT),
    dependencies=_WANTED,
    sync_to_thread=True,
)
def export_audit(
    *,
    office: NamedDependency[Office],
    visit: NamedDependency[Visit],
    wanted: Question,
    file: FromQuery[Kind] = "ndjson",
) -> Stream:
    """Everything that the same question finds, the latest first, as NDJSON or CSV."""
    rows = office.lookups.export(about=wanted.about, since=wanted.since, until=wanted.until, text=wanted.text)
    texts = lines(rows, file)
    about = exported(wanted.told, since=wanted.since, until=wanted.until, kind=file)
    noted(office, actor=visit.actor, source=_source(visit), about=about, event="audit.exported")
    return Exported(texts, file, ref=visit.decision_id)


@get("/audit/chain", opt=needs(Permission.AUDIT), sync_to_thread=True)
def read_chain(*, office: NamedDependency[Office]) -> dict[str, Any]:
    """How far the log was verified by the servers, when, and what is wrong with which row.

    ``standing``: verified, late (more than an hour ago), first (not all of it yet), broken, forged (what was
    noted is not ours), nobody.  The proof is `idjag audit verify` with checkpoints from elsewhere.
    """
    return chain_of(office.services.verifications, now=office.clock()).members


AUDIT: Final = (read_audit, export_audit, read_chain)


def _source(visit: Visit) -> dict[str, str]:
    return {"decision_id": visit.decision_id, "ip": visit.ip, "user_agent": visit.user_agent}


def _check_numbers(*numbers: int | None) -> None:
    if any(number is not None and not 0 <= number <= _LAST for number in numbers):
        raise Problem(400, "Times and numbers are whole and not negative.")
