"""Overview: what happened lately, and what needs a look."""

from __future__ import annotations

from typing import Final

from idjag.idp.administration.roles import Permission
from idjag.idp.console.attention import KINDS, found
from idjag.idp.console.audit_chain import chain
from idjag.idp.console.charts import Chart, chart
from idjag.idp.console.places import Place
from idjag.idp.console.surroundings import holds_on
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.webhook import queue
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_HERE: Final = "/admin"
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR


def _show(desk: Desk, visit: Visit) -> Reply:
    office = desk.office
    policy = office.ledger.fresh(office.tenant).policy
    if not policy.size:
        return desk.show(
            "overview_first.html", visit, apps=len(policy.apps), targets=len(policy.resource_apps)
        )
    return desk.show(
        "overview.html",
        visit,
        charts=[("The last 24 hours", "hour", _hours(desk)), ("The last 30 days", "day", _days(desk))],
        attention=found(desk),
        kinds=KINDS,
        held=len(holds_on(desk)),
        sizes=(len(policy.apps), len(policy.resource_apps), policy.size, len(policy.guardrails)),
        ready=desk.services.ready(),
        webhook=queue.waiting(office) if desk.services.webhook else None,
        chain=chain(desk),
    )


def _hours(desk: Desk) -> Chart:
    since = desk.now // _HOUR * _HOUR - 23 * _HOUR
    counts = desk.office.lookups.counts(since=since, until=desk.now + 1, step="hour")
    return chart(counts, since=since, step=_HOUR, steps=24)


def _days(desk: Desk) -> Chart:
    since = desk.now // _DAY * _DAY - 29 * _DAY
    counts = desk.office.lookups.counts(since=since, until=desk.now + 1, step="day")
    return chart(counts, since=since, step=_DAY, steps=30)


PLACES: Final = {_HERE: Place(Permission.READ, show=_show, under=_HERE)}
