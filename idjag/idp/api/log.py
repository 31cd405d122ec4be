"""The audit log in its own order through the admin API: rows by their numbers, and all of it as a file."""

from collections.abc import Iterator
from typing import Any, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Stream

from idjag.idp.administration.roles import Permission
from idjag.idp.api.door import needs
from idjag.idp.api.office import Office, Visit
from idjag.idp.api.problem import Problem
from idjag.idp.audit_files import Exported
from idjag.idp.audit_names import names_of
from idjag.idp.audit_reading import noted
from idjag.ledger import exports, trail
from idjag.ledger.entry import Entry, Event, Verdict
from idjag.protocol.jose.json import JsonValue

__all__ = ["LOG"]

_MOST: Final = 500
_LATEST: Final = 20
_GREATEST: Final = 2**53


@get("/audit/rows", opt=needs(Permission.AUDIT), sync_to_thread=True)
def read_rows(
    *,
    office: NamedDependency[Office],
    visit: NamedDependency[Visit],
    last: FromQuery[int] = _LATEST,
    after: FromQuery[int | None] = None,
    through: FromQuery[int | None] = None,
    limit: FromQuery[int] = 100,
) -> dict[str, Any]:
    """The ``last`` events, or those after a number, the oldest first, whatever their time.

    ``next`` leads on as ``after``, with the same ``through``: the number at which they end.  ``names``: what
    people call the apps and people in them.
    """
    if not 1 <= limit <= _MOST:
        raise Problem(400, f"limit: 1 to {_MOST}.")
    _check(last, *(number for number in (after, through) if number is not None))
    end = min(office.lookups.last_no(), _GREATEST if through is None else through)
    begin = max(0, end - last) if after is None else after
    rows = office.lookups.log(after_no=begin, limit=limit)
    events = [event for event in map(trail.event_of, rows) if _number(event) <= end]
    on = _number(events[-1]) if events else end
    source = {"decision_id": visit.decision_id, "ip": visit.ip, "user_agent": visit.user_agent}
    noted(office, actor=visit.actor, source=source, about={"after": begin, "through": end})
    names = names_of(office, events)
    return {"items": events, "names": names, "next": on if on < end else None, "through": end}


@get("/audit/log", opt=needs(Permission.AUDIT), sync_to_thread=True)
def export_log(
    *,
    office: NamedDependency[Office],
    visit: NamedDependency[Visit],
    after: FromQuery[int] = 0,
    file: FromQuery[exports.Kind] = "ndjson",
) -> Stream:
    """Everything after a number, the oldest first, as `idjag audit export` writes it.

    The last line is JSON, in CSV too, and no event: ``receipt`` is a JWS over all lines before it.  A file
    without it is not whole.
    """
    _check(after)
    export = exports.begun(
        _log(office),
        after=after,
        kind=file,
        decision_id=visit.decision_id,
        said={"actor": dict(visit.actor), "ip": visit.ip, "user_agent": visit.user_agent},
    )
    return Exported(_lines(export), file, ref=visit.decision_id)


LOG: Final = (read_rows, export_log)


def _lines(export: exports.Export) -> Iterator[str]:
    yield from export.lines()
    yield export.last_line(export.receipt())


def _log(office: Office) -> exports.Log:
    now = office.clock()

    def page(after: int, limit: int) -> list[dict[str, JsonValue]]:
        return [trail.event_of(row) for row in office.lookups.log(after_no=after, limit=limit)]

    def record(event: Event, at: int) -> None:
        verdict: Verdict[None] = Verdict(None, (event,))
        held_by = str(event.fields["decision_id"])
        office.ledger.commit(Entry(office.tenant, held_by, at, lambda _snapshot, _facts: verdict))

    key = office.ledger.fresh(office.tenant).keys.signing("ES256", now=now)
    return exports.Log(page, office.lookups.last_no(), office.tenant, office.issuer, now, key, record)


def _number(event: dict[str, JsonValue]) -> int:
    return int(str(event["id"]))


def _check(*numbers: int) -> None:
    if any(not 0 <= number <= _GREATEST for number in numbers):
        raise Problem(400, "Numbers are whole and not negative.")
