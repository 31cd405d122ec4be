"""Times as people say them, with the exact one for whoever points at it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from idjag.idp.signin.pages.languages import Texts, text

__all__ = ["when"]

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR

# (up to which age, in which unit, what one and what several are called)
_STEPS: Final = (
    (_HOUR, _MINUTE, text("1 minute ago"), text("%(count)s minutes ago")),
    (_DAY, _HOUR, text("1 hour ago"), text("%(count)s hours ago")),
    (60 * _DAY, _DAY, text("yesterday"), text("%(count)s days ago")),
)


def when(texts: Texts, then: int, *, now: int) -> Markup:
    """How long ago it was; ``then`` and ``now`` are NumericDate."""
    moment = datetime.fromtimestamp(then, UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("%Y-%m-%d %H:%M UTC"), _said(texts, then, now)
    )


def _said(texts: Texts, then: int, now: int) -> str:
    age = now - then
    if age < 0:
        return datetime.fromtimestamp(then, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if age < _MINUTE:
        return texts(text("just now"))
    for limit, unit, one, several in _STEPS:
        if age < limit:
            return texts(one) if age < 2 * unit else texts(several, count=age // unit)
    return datetime.fromtimestamp(then, UTC).strftime("%Y-%m-%d")
