"""Refusals of people we do not know: counted, and recorded so that they cannot fill the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from idjag.idp.audit import Source, refusal_entry, refusal_event
from idjag.idp.services import Services
from idjag.idp.snapshot import RegisteredApp
from idjag.ledger.entry import Event
from idjag.protocol.addresses import network_of
from idjag.protocol.errors import Refused
from idjag.protocol.http import TokenRequest

__all__ = ["Strangers", "turned_away"]


class Strangers:
    """One event per source, reason and minute (contract section 9); an IPv6 source is its /64.

    Everything after the first of a minute is only counted, and the count rides on the next event of the
    same kind.  At most ``LIMIT`` kinds are told apart in one minute; the others count together, by reason.
    """

    LIMIT = 1000

    def __init__(self) -> None:
        self._minute = 0
        self._counts: dict[tuple[str, str], int] = {}
        self._before: dict[tuple[str, str], int] = {}

    def event(self, refused: Refused, source: Source, *, app: RegisteredApp | None = None) -> Event | None:
        """What to record of this refusal, if it is the first of its kind; ``app`` is one without proof."""
        minute = source.now // 60
        if minute != self._minute:
            self._before, self._counts, self._minute = self._counts, {}, minute
        kind = (network_of(source.ip), refused.reason.value)
        if kind not in self._counts and len(self._counts) >= self.LIMIT:
            kind, source = ("", refused.reason.value), replace(source, ip="")
        seen = self._counts.get(kind, 0)
        self._counts[kind] = seen + 1
        return None if seen else _event(refused, source, app=app, earlier=self._before.get(kind, 0))


def turned_away(services: Services, strangers: Strangers) -> Callable[[Refused, TokenRequest, str], None]:
    """What a door tells of those that it did not let in; nobody waits for the record."""

    def record(refused: Refused, request: TokenRequest, decision_id: str) -> None:
        source = Source(decision_id, services.clock(), request.source, request.user_agent)
        event = strangers.event(refused, source)
        if event is not None:
            services.ledger.submit(refusal_entry(event, tenant=services.tenant, source=source))

    return record


def _event(refused: Refused, source: Source, *, app: RegisteredApp | None, earlier: int) -> Event:
    event = refusal_event("refused.before_authentication", refused, source=source, client=None)
    inputs = event.fields["inputs"]
    known = inputs if isinstance(inputs, dict) else {}
    more = {
        "requesting_app": app.app.id if app else None,
        "inputs": {**known, "in_the_minute_before": earlier},
    }
    return Event(event.name, {**event.fields, **more})
