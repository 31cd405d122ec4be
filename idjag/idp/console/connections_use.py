"""How a connection is used: its bars day by day, what was issued by scope, and why it was denied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from idjag.idp.console.charts import Chart, chart
from idjag.idp.lookups import Count, Use

__all__ = ["DAYS", "Usage", "usage"]

DAYS: Final = 30
"""How far back the picture goes, today included."""

_DAY: Final = 86_400
_ISSUED: Final = "id_jag.issued"
_DENIED: Final = "id_jag.denied"


@dataclass(frozen=True, slots=True)
class Usage:
    """The last days, and how often each scope was issued and each reason denied."""

    chart: Chart
    scopes: tuple[tuple[str, int], ...]
    reasons: tuple[tuple[str, int], ...]

    @property
    def issued(self) -> int:
        """ID-JAGs of all these days."""
        return self.chart.totals["issued"]

    @property
    def denied(self) -> int:
        """Denials of all these days."""
        return self.chart.totals["denied"]

    @property
    def redeemed(self) -> int:
        """Redemptions that the resource authorization server has reported."""
        return self.chart.totals["redeemed"]


def usage(uses: Sequence[Use], *, now: int) -> Usage:
    """From the counts of the last days; a day on which nothing happened is there, too."""
    scopes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for use in uses:
        if use.event == _ISSUED:
            scopes.update(dict.fromkeys(use.scopes, use.n))
        elif use.event == _DENIED:
            reasons[use.reason] += use.n
    counts = [Count(use.day, use.event, use.reason, use.n) for use in uses]
    since = now - now % _DAY - (DAYS - 1) * _DAY
    return Usage(chart(counts, since=since, step=_DAY, steps=DAYS), _most_first(scopes), _most_first(reasons))


def _most_first(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
