"""Reading the audit log for people: the window that is looked at, and the note that somebody looked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from idjag.idp.tenancy import Store
from idjag.ledger.entry import Entry, Event, Facts, Verdict

__all__ = ["LONGEST_WINDOW", "Following", "WrongWindow", "exported", "noted", "window"]

_DAY: Final = 24 * 3600
LONGEST_WINDOW: Final = 31 * _DAY
"""Seconds that one question looks at, at most."""


class WrongWindow(ValueError):
    """Times that make no window."""


def window(since: int | None, until: int | None, *, now: int) -> tuple[int, int]:
    """The last day, or from one moment to another; raises WrongWindow."""
    end = now + 1 if until is None else until
    begin = end - _DAY if since is None else since
    if not 0 < end - begin <= LONGEST_WINDOW:
        raise WrongWindow("since and until: at most 31 days apart, and in this order.")
    return begin, end


def exported(
    about: Mapping[str, object], *, since: int | None, until: int | None, kind: str
) -> dict[str, object]:
    """What an export is about, as the log says it: contract section 9 wants its range."""
    times = {"since": since, "until": until}
    return {**about, **{name: time for name, time in times.items() if time is not None}, "format": kind}


def noted(
    store: Store,
    *,
    actor: Mapping[str, str],
    source: Mapping[str, object],
    about: Mapping[str, object],
    event: str = "audit.read",
) -> None:
    """Whoever looks is looked at, too (attack case 203); ``source`` has decision_id, ip and user_agent."""
    said = {"actor": dict(actor), **source, "after": {"about": dict(about)}}

    def decide(_snapshot: object, _facts: Facts) -> Verdict[None]:
        return Verdict(None, (Event(event, said),))

    holder = str(source["decision_id"])
    store.ledger.commit(Entry(store.tenant, holder, store.clock(), decide))


class Following:
    """Pages that look for news by themselves: what each session follows is noted, and not each look."""

    EVERY = 300
    """Seconds."""

    MOST = 1000

    def __init__(self) -> None:
        self._noted: dict[tuple[str, str], int] = {}

    def is_news(self, session: str, about: Mapping[str, object], *, now: int) -> bool:
        """Whether a look is to be noted; ``session`` is told apart from every other."""
        key = (hashlib.sha256(session.encode()).hexdigest(), repr(sorted(about.items())))
        if 0 <= now - self._noted.get(key, -self.EVERY) < self.EVERY:
            return False
        if len(self._noted) >= self.MOST:
            self._noted.clear()
        self._noted[key] = now
        return True
