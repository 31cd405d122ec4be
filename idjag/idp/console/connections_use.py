"""How a connection is used, day by day and scope by scope, and the picture of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from idjag.idp.lookups import Use

__all__ = ["DAYS", "Bar", "Day", "Usage", "usage"]

DAYS: Final = 30
"""How far back the picture goes, today included."""

_DAY: Final = 86_400
_ISSUED: Final = "id_jag.issued"
_DENIED: Final = "id_jag.denied"
_REDEEMED: Final = "id_jag.redeemed"
_WIDTH: Final = 24
_HEIGHT: Final = 120
_GAP: Final = 6


@dataclass(frozen=True, slots=True)
class Day:
    """What was issued, denied and reported as redeemed on one day (UTC); ``at`` is when it began."""

    at: int
    issued: int
    denied: int
    redeemed: int

    @property
    def name(self) -> str:
        """The day as a calendar writes it."""
        return datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle of the picture, in its own units."""

    kind: str
    x: int
    y: int
    width: int
    height: int
    title: str


@dataclass(frozen=True, slots=True)
class Usage:
    """The last days, oldest first, and how often each scope was issued and each reason denied."""

    days: tuple[Day, ...]
    scopes: tuple[tuple[str, int], ...]
    reasons: tuple[tuple[str, int], ...]

    width: int = DAYS * _WIDTH
    height: int = _HEIGHT

    @property
    def issued(self) -> int:
        """ID-JAGs of all these days."""
        return sum(day.issued for day in self.days)

    @property
    def denied(self) -> int:
        """Denials of all these days."""
        return sum(day.denied for day in self.days)

    @property
    def redeemed(self) -> int:
        """Redemptions that the resource authorization server has reported."""
        return sum(day.redeemed for day in self.days)

    @property
    def most(self) -> int:
        """The largest day: what the height of the picture stands for."""
        return max((day.issued + day.denied for day in self.days), default=0)

    @property
    def bars(self) -> tuple[Bar, ...]:
        """What was denied stands on what was issued."""
        return tuple(bar for number, day in enumerate(self.days) for bar in self._bars(number, day))

    def _bars(self, number: int, day: Day) -> Iterable[Bar]:
        x, top = number * _WIDTH + _GAP // 2, _HEIGHT
        title = f"{day.name}: {day.issued} issued, {day.denied} denied"
        for kind, count in (("issued", day.issued), ("denied", day.denied)):
            if count:
                # a single one is seen beside a thousand
                height = max(2, round(count * (_HEIGHT - 4) / self.most))
                top -= height
                yield Bar(kind, x, max(top, 0), _WIDTH - _GAP, height, title)


def usage(uses: Sequence[Use], *, now: int) -> Usage:
    """From the counts of the last days; a day on which nothing happened is there, too."""
    today = now - now % _DAY
    by_day: Counter[tuple[int, str]] = Counter()
    scopes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for use in uses:
        by_day[use.day, use.event] += use.n
        if use.event == _ISSUED:
            scopes.update(dict.fromkeys(use.scopes, use.n))
        elif use.event == _DENIED:
            reasons[use.reason] += use.n
    days = tuple(
        Day(at, by_day[at, _ISSUED], by_day[at, _DENIED], by_day[at, _REDEEMED])
        for at in range(today - (DAYS - 1) * _DAY, today + _DAY, _DAY)
    )
    return Usage(days, _most_first(scopes), _most_first(reasons))


def _most_first(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
