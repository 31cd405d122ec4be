"""Overview: what happened lately, and what needs a look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from idjag.idp.administration.roles import Permission
from idjag.idp.console.charts import Chart, chart
from idjag.idp.console.places import Place
from idjag.idp.console.surroundings import holds_on
from idjag.idp.console.visit import Desk, Visit
from idjag.policy.index import Policy
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_HERE: Final = "/admin"
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_EXPIRING: Final = 30 * _DAY
_UNUSED: Final = 60 * _DAY
_NEW: Final = 7 * _DAY
_MOST: Final = 5


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two apps by name, and what is said of them."""

    app: str
    resource_app: str
    app_key: str
    resource_app_key: str
    of: Any


def _show(desk: Desk, visit: Visit) -> Reply:
    office, now = desk.office, desk.now
    policy = office.ledger.fresh(office.tenant).policy
    lookups = office.lookups
    if not policy.size:
        return desk.show(
            "overview_first.html", visit, apps=len(policy.apps), targets=len(policy.resource_apps)
        )
    return desk.show(
        "overview.html",
        visit,
        charts=[("The last 24 hours", "hour", _hours(desk)), ("The last 30 days", "day", _days(desk))],
        expiring=lookups.expiring(now=now, until=now + _EXPIRING, limit=_MOST),
        unused=lookups.unused(now=now, since=now - _UNUSED, limit=_MOST),
        unused_rules=lookups.unused_rules(now=now, since=now - _UNUSED, limit=_MOST),
        first_seen=_pairs(policy, lookups.first_seen(since=now - _NEW, limit=_MOST)),
        bursts=_pairs(policy, lookups.bursts(now=now, limit=_MOST)),
        held=len(holds_on(desk)),
        sizes=(len(policy.apps), len(policy.resource_apps), policy.size, len(policy.guardrails)),
        ready=desk.services.ready(),
    )


def _hours(desk: Desk) -> Chart:
    since = desk.now // _HOUR * _HOUR - 23 * _HOUR
    counts = desk.office.lookups.counts(since=since, until=desk.now + 1, step="hour")
    return chart(counts, since=since, step=_HOUR, steps=24)


def _days(desk: Desk) -> Chart:
    since = desk.now // _DAY * _DAY - 29 * _DAY
    counts = desk.office.lookups.counts(since=since, until=desk.now + 1, step="day")
    return chart(counts, since=since, step=_DAY, steps=30)


def _pairs(policy: Policy, found: Any) -> list[_Pair]:
    """With the names of both; a pair of which one is gone has nothing to look at any more."""
    return [
        _Pair(app.name, target.name, app.key, target.key, one)
        for one in found
        if (app := policy.apps.get(one.requesting_app))
        and (target := policy.resource_apps.get(one.resource_app))
    ]


PLACES: Final = {_HERE: Place(Permission.READ, show=_show, under=_HERE)}
