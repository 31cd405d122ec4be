"""Bars for what happened in each hour or day, in the units of the drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from idjag.idp.lookups import Count

__all__ = ["Bar", "Chart", "chart"]

_HEIGHT: Final = 120
_WIDTH: Final = 720
_KINDS: Final[Mapping[str, str]] = {
    "id_jag.issued": "issued",
    "id_jag.denied": "denied",
    "id_jag.redeemed": "redeemed",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour or day: how many of each kind; its ``parts`` are drawn at (y, height)."""

    at: int
    counts: Mapping[str, int]
    x: float
    width: float
    parts: Mapping[str, tuple[float, float]]

    @property
    def day(self) -> str:
        """The day (UTC) as a calendar writes it."""
        return datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars in order, the totals of each kind, and what the highest bar counts."""

    bars: tuple[Bar, ...]
    totals: Mapping[str, int]
    most: int
    width: int = _WIDTH
    height: int = _HEIGHT


def chart(counts: Sequence[Count], *, since: int, step: int, steps: int) -> Chart:
    """From the counts of a time that begins ``since``, in ``steps`` of so many seconds."""
    by_time: dict[int, dict[str, int]] = {since + number * step: {} for number in range(steps)}
    for count in counts:
        kind = _KINDS.get(count.event)
        if kind and count.at in by_time:
            of_it = by_time[count.at]
            of_it[kind] = of_it.get(kind, 0) + count.n
    # what is redeemed was issued before: it stands beside the others and not on top of them
    most = max((one.get("issued", 0) + one.get("denied", 0) for one in by_time.values()), default=0)
    slot = _WIDTH / steps
    bars = tuple(
        Bar(
            at,
            one,
            round(number * slot + slot * 0.12, 1),
            round(slot * 0.76, 1),
            _parts(one, most=max(most, 1)),
        )
        for number, (at, one) in enumerate(by_time.items())
    )
    totals = {kind: sum(bar.counts.get(kind, 0) for bar in bars) for kind in _KINDS.values()}
    return Chart(bars, totals, most)


def _parts(counts: Mapping[str, int], *, most: int) -> dict[str, tuple[float, float]]:
    """Issued at the bottom, denied on top of it."""
    parts, y = {}, float(_HEIGHT)
    for kind in ("issued", "denied"):
        if counts.get(kind):
            height = round(max(2.0, counts[kind] * (_HEIGHT - 4) / most), 1)
            y = round(y - height, 1)
            parts[kind] = (y, height)
    return parts
