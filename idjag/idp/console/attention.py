"""What needs a look, kind by kind: parts of the overview, and pages of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from idjag.idp.administration.roles import Permission
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.policy.index import Policy
from idjag.protocol.http import Reply

__all__ = ["KINDS", "PLACES", "Kind", "found"]

_HERE: Final = "/admin/attention"
_OVERVIEW: Final = "/admin"
_DAY: Final = 24 * 3600
_EXPIRING: Final = 30 * _DAY
_UNUSED: Final = 60 * _DAY
_NEW: Final = 7 * _DAY
_MOST: Final = 50
_FEW: Final = 5


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two apps by name, and what is said of them."""

    app: str
    resource_app: str
    app_key: str
    resource_app_key: str
    of: Any


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing: what it is called, what is said when there is none, and how they are found.

    ``slow``: the overview does not wait for it.
    """

    title: str
    nothing: str
    find: Callable[[Desk, int], Sequence[Any]]
    slow: bool = False


def _bursts(desk: Desk, limit: int) -> Sequence[Any]:
    return _pairs(desk, desk.office.lookups.bursts(now=desk.now, limit=limit))


def _expiring(desk: Desk, limit: int) -> Sequence[Any]:
    return desk.office.lookups.expiring(now=desk.now, until=desk.now + _EXPIRING, limit=limit)


def _first_seen(desk: Desk, limit: int) -> Sequence[Any]:
    return _pairs(desk, desk.office.lookups.first_seen(since=desk.now - _NEW, limit=limit))


def _unused(desk: Desk, limit: int) -> Sequence[Any]:
    return desk.office.lookups.unused(now=desk.now, since=desk.now - _UNUSED, limit=limit)


def _unused_rules(desk: Desk, limit: int) -> Sequence[Any]:
    return desk.office.lookups.unused_rules(now=desk.now, since=desk.now - _UNUSED, limit=limit)


KINDS: Final[Mapping[str, Kind]] = {
    "bursts": Kind("Denial bursts", "Nothing is denied more often than usual.", _bursts),
    "expiring": Kind("Connections that expire", "No connection expires within 30 days.", _expiring),
    "new": Kind("First seen", "No pair of apps was seen for the first time this week.", _first_seen),
    "unused": Kind("Connections that lie unused", "No connection lies unused.", _unused, slow=True),
    "rules": Kind("Rules that lie unused", "No rule lies unused.", _unused_rules, slow=True),
}
"""By the value of ``for``."""


def found(desk: Desk) -> dict[str, Sequence[Any]]:
    """A few of each kind that the overview shows at once."""
    return {name: kind.find(desk, _FEW) for name, kind in KINDS.items() if not kind.slow}


def _show(desk: Desk, visit: Visit) -> Reply:
    """One kind: the lines alone for the overview, else a page with more of them."""
    name = next((each for each in KINDS if each == visit.asked.one("for")), next(iter(KINDS)))
    lines = KINDS[name].find(desk, _FEW if visit.live else _MOST)
    template = "attention_rows.html" if visit.live else "attention.html"
    return desk.show(template, visit, kinds=KINDS, kind=name, lines=lines, most=_MOST)


def _pairs(desk: Desk, found: Any) -> list[_Pair]:
    """With the names of both; a pair of which one is gone has nothing to look at any more."""
    policy: Policy = desk.office.ledger.fresh(desk.office.tenant).policy
    return [
        _Pair(app.name, target.name, app.key, target.key, one)
        for one in found
        if (app := policy.apps.get(one.requesting_app))
        and (target := policy.resource_apps.get(one.resource_app))
    ]


PLACES: Final = {_HERE: Place(Permission.READ, show=_show, under=_OVERVIEW)}
