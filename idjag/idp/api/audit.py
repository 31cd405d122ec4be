"""The audit log through the admin API: a page at a time, the latest first, of the last day by default."""

from typing import Any, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from idjag.idp.administration.roles import Permission
from idjag.idp.api.door import needs
from idjag.idp.api.office import Office, Visit
from idjag.idp.api.problem import Problem
from idjag.ledger import trail
from idjag.ledger.entry import Entry, Event, Facts, OneTime, Verdict

__all__ = ["read_audit"]

_DAY: Final = 24 * 3600
_LONGEST_WINDOW: Final = 31 * _DAY
_MOST: Final = 500
_LONGEST: Final = 256
_LAST: Final = 2**53


@get("/audit", opt=needs(Permission.AUDIT), sync_to_thread=True)
def read_audit(
    *,
    office: NamedDependency[Office],
    visit: NamedDependency[Visit],
    event: FromQuery[str | None] = None,
    decision_id: FromQuery[str | None] = None,
    jti: FromQuery[str | None] = None,
    subject: FromQuery[str | None] = None,
    requesting_app: FromQuery[str | None] = None,
    resource_app: FromQuery[str | None] = None,
    reason: FromQuery[str | None] = None,
    since: FromQuery[int | None] = None,
    until: FromQuery[int | None] = None,
    before: FromQuery[int | None] = None,
    limit: FromQuery[int] = 100,
) -> dict[str, Any]:
    """Events with the fields of the log; ``next`` leads on as ``before``.  Times are NumericDate.

    By decision_id or jti the whole log is looked through, else a window of 31 days at most.
    """
    about = {
        name: value
        for name, value in {
            "event": event,
            "decision_id": decision_id,
            "jti": jti,
            "subject": subject,
            "requesting_app": requesting_app,
            "resource_app": resource_app,
            "reason": reason,
        }.items()
        if value is not None
    }
    _check(about, since, until, before, limit=limit)
    if decision_id is None and jti is None:
        since, until = _window(since, until, now=office.clock())
    rows = office.lookups.audit(about=about, since=since, until=until, before_no=before, limit=limit + 1)
    _note(office, visit, about)
    events = [trail.event_of(row) for row in rows[:limit]]
    return {"items": events, "next": events[-1]["id"] if len(rows) > limit else None}


def _check(about: dict[str, str], *numbers: int | None, limit: int) -> None:
    if not 1 <= limit <= _MOST:
        raise Problem(400, f"limit: 1 to {_MOST}.")
    if any(len(value) > _LONGEST or not value.isprintable() for value in about.values()):
        raise Problem(400, f"A value to look for has at most {_LONGEST} visible characters.")
    if any(number is not None and not 0 <= number <= _LAST for number in numbers):
        raise Problem(400, "Times and numbers are whole and not negative.")


def _window(since: int | None, until: int | None, *, now: int) -> tuple[int, int]:
    end = now + 1 if until is None else until
    begin = end - _DAY if since is None else since
    if not 0 < end - begin <= _LONGEST_WINDOW:
        raise Problem(400, "since and until: at most 31 days apart, and in this order.")
    return begin, end


def _note(office: Office, visit: Visit, about: dict[str, str]) -> None:
    """Whoever looks is looked at, too (attack case 203)."""
    said = {"actor": dict(visit.actor), "decision_id": visit.decision_id, "ip": visit.ip}
    event = Event("audit.read", {**said, "user_agent": visit.user_agent, "after": {"about": about}})

    def decide(_snapshot: object, _facts: Facts) -> Verdict[None]:
        return Verdict(None, (event,))

    office.ledger.commit(Entry(office.tenant, visit.decision_id, office.clock(), decide, _never_lost))


def _never_lost(one_time: OneTime) -> Verdict[None]:
    raise AssertionError(f"reading consumes nothing, and {one_time.kind} was lost")
