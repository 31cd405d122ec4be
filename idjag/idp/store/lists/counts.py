"""How often what happened: from the counts that every batch keeps, never from the log itself."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from idjag.idp.lookups import Burst, Count, Pair, PairUse, Step, Use
from idjag.idp.store.lists.asking import PAIRS, Asking, pairs_text
from idjag.ledger.counts import DAY, HOUR

__all__ = ["bursts", "counts", "first_seen", "pair_uses", "rules_used", "uses"]

_STEPS: Final = {"hour": HOUR, "day": DAY}
_WEEK: Final = 7
_FEWEST: Final = 20
"""Denials on a day that are worth a look; and they must be so many times as many as usual:"""
_TIMES: Final = 5

_COUNTS: Final = (
    "SELECT since - since % :step AS at, event, about AS reason, sum(n) AS n FROM audit_count "
    "WHERE tenant = :tenant AND span = 'hour' AND since >= :since AND since < :until "
    "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_USES: Final = (
    "SELECT since, event, about, told, n FROM audit_count WHERE tenant = :tenant AND span = 'day' "
    "AND requesting_app = :app AND resource_app = :target AND since >= :since AND since < :until "
    "ORDER BY since, event, about"
)
_RULES: Final = (
    "SELECT told, last FROM audit_count WHERE tenant = :tenant AND span = 'ever' AND since = 0 "
    "AND event = 'id_jag.issued' AND requesting_app = :app AND resource_app = :target"
)
_PAIRS: Final = (
    "SELECT requesting_app, resource_app, "
    "sum(CASE WHEN event = 'id_jag.issued' THEN n ELSE 0 END) AS n, "
    "min(CASE WHEN event = 'id_jag.issued' THEN first END) AS first, "
    "max(CASE WHEN event = 'id_jag.issued' THEN last END) AS last, "
    "max(CASE WHEN event = 'id_jag.redeemed' THEN last END) AS redeemed "
    "FROM {source} WHERE tenant = :tenant AND span = 'ever' AND since = 0 "
    "GROUP BY requesting_app, resource_app "
    "HAVING max(CASE WHEN event = 'id_jag.issued' THEN last END) IS NOT NULL "
    "ORDER BY {order} DESC, 1, 2 LIMIT :limit"
)
_THESE: Final = {
    dialect: f"{pairs} AS w JOIN audit_count ON requesting_app = w.app AND resource_app = w.target"
    for dialect, pairs in PAIRS.items()
}
# By the index of what was first: the counts of a pair are several when its rules have changed.
_NEW: Final = (
    "SELECT requesting_app, resource_app FROM audit_count AS u WHERE u.tenant = :tenant AND u.span = 'ever' "
    "AND u.since = 0 AND u.event = 'id_jag.issued' AND u.first >= :since AND NOT EXISTS ("
    "SELECT 1 FROM audit_count AS o WHERE o.tenant = :tenant AND o.span = 'ever' AND o.since = 0 "
    "AND o.event = 'id_jag.issued' AND o.requesting_app = u.requesting_app "
    "AND o.resource_app = u.resource_app AND o.first < :since) "
    "GROUP BY 1, 2 ORDER BY min(u.first) DESC, 1, 2 LIMIT :limit"
)
_DENIED: Final = (
    "SELECT requesting_app, resource_app, sum(CASE WHEN since = :today THEN n ELSE 0 END) AS today, "
    "sum(CASE WHEN since = :yesterday THEN n ELSE 0 END) AS yesterday, max(last) AS last "
    "FROM audit_count WHERE tenant = :tenant AND span = 'day' AND event = 'id_jag.denied' "
    "AND since IN (:today, :yesterday) GROUP BY 1, 2 HAVING sum(n) >= :fewest"
)
_BEFORE: Final = (
    "SELECT requesting_app, resource_app, sum(n) AS n FROM {source} WHERE tenant = :tenant "
    "AND span = 'day' AND event = 'id_jag.denied' AND since >= :since AND since < :until GROUP BY 1, 2"
)


def counts(ask: Asking, tenant: str, *, since: int, until: int, step: Step) -> Sequence[Count]:
    """All kinds of events, by reason."""
    rows = ask.rows(_COUNTS, tenant=tenant, since=since, until=until, step=_STEPS[step])
    return [Count(int(row["at"]), row["event"], row["reason"], int(row["n"])) for row in rows]


def uses(ask: Asking, tenant: str, pair: Pair, *, since: int, until: int) -> Sequence[Use]:
    """The days of one pair."""
    app, target = pair
    rows = ask.rows(_USES, tenant=tenant, app=app, target=target, since=since, until=until)
    return [_use(row) for row in rows]


def rules_used(ask: Asking, tenant: str, pair: Pair) -> Mapping[str, int]:
    """The rules that ever allowed something."""
    app, target = pair
    found: dict[str, int] = {}
    for row in ask.rows(_RULES, tenant=tenant, app=app, target=target):
        for rule in json.loads(row["told"]).get("rules", ()):
            found[rule] = max(row["last"], found.get(rule, 0))
    return found


def pair_uses(ask: Asking, tenant: str, pairs: Collection[Pair] | None, *, limit: int) -> Sequence[PairUse]:
    """The pairs that were asked for, or all."""
    if pairs is not None and not pairs:
        return ()
    source = "audit_count" if pairs is None else _THESE[ask.dialect]
    asked = {} if pairs is None else {"pairs": pairs_text(pairs)}
    question = _PAIRS.format(source=source, order="last")
    return [_pair(row) for row in ask.rows(question, tenant=tenant, limit=limit, **asked)]


def first_seen(ask: Asking, tenant: str, *, since: int, limit: int) -> Sequence[PairUse]:
    """Pairs that were new since then."""
    found = ask.rows(_NEW, tenant=tenant, since=since, limit=limit)
    pairs = [(row["requesting_app"], row["resource_app"]) for row in found]
    if not pairs:
        return []
    question = _PAIRS.format(source=_THESE[ask.dialect], order="first")
    return [_pair(row) for row in ask.rows(question, tenant=tenant, limit=limit, pairs=pairs_text(pairs))]


def bursts(ask: Asking, tenant: str, *, now: int, limit: int) -> Sequence[Burst]:
    """Today and yesterday, each beside the week before yesterday; the larger one is told."""
    today = now - now % DAY
    yesterday = today - DAY
    rows = ask.rows(_DENIED, tenant=tenant, today=today, yesterday=yesterday, fewest=_FEWEST)
    many = [row for row in rows if max(int(row["today"]), int(row["yesterday"])) >= _FEWEST]
    week = _denied_before(ask, tenant, [_of(row) for row in many], until=yesterday)
    found = [_burst(row, today=today, week=week.get(_of(row), 0)) for row in many]
    worth = [one for one in found if one.n >= _TIMES * one.usual]
    return sorted(worth, key=lambda one: (-one.n, one.requesting_app, one.resource_app))[:limit]


def _denied_before(ask: Asking, tenant: str, pairs: Sequence[Pair], *, until: int) -> dict[Pair, int]:
    """How often in a week, of these pairs alone: most are not denied that often on any day."""
    if not pairs:
        return {}
    question, since = _BEFORE.format(source=_THESE[ask.dialect]), until - _WEEK * DAY
    rows = ask.rows(question, tenant=tenant, pairs=pairs_text(pairs), since=since, until=until)
    return {_of(row): int(row["n"]) for row in rows}


def _of(row: Mapping[str, Any]) -> Pair:
    return row["requesting_app"], row["resource_app"]


def _use(row: Mapping[str, Any]) -> Use:
    told = json.loads(row["told"])
    issued = row["event"] == "id_jag.issued"
    return Use(
        day=row["since"],
        event=row["event"],
        reason="" if issued else row["about"],
        scopes=tuple(told.get("scopes", ())),
        rules=tuple(told.get("rules", ())),
        n=row["n"],
    )


def _pair(row: Mapping[str, Any]) -> PairUse:
    return PairUse(
        row["requesting_app"],
        row["resource_app"],
        int(row["n"]),
        row["first"],
        row["last"],
        row["redeemed"],
    )


def _burst(row: Mapping[str, Any], *, today: int, week: int) -> Burst:
    now, before = int(row["today"]), int(row["yesterday"])
    n, day = (now, today) if now >= before else (before, today - DAY)
    return Burst(row["requesting_app"], row["resource_app"], n, week / _WEEK, row["last"], day)
