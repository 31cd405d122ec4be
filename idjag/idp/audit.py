"""Audit events of the token endpoint: who asked what, what was decided, and the true reason."""

from __future__ import annotations

from dataclasses import dataclass

from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Entry, Event, Facts, OneTime, Verdict
from idjag.protocol.errors import Refused

__all__ = ["Source", "Strangers", "refusal_entry", "refusal_event"]

_STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Source:
    """Where one request came from, and the id under which its decision is found."""

    decision_id: str
    now: int
    ip: str
    user_agent: str

    def fields(self) -> dict[str, object]:
        """The audit fields that every event of this request shares."""
        return {"decision_id": self.decision_id, "ip": self.ip, "user_agent": self.user_agent}


def refusal_event(
    name: str,
    refused: Refused,
    *,
    source: Source,
    client: RegisteredApp | None,
    fields: dict[str, object] | None = None,
) -> Event:
    """The one event of a refused request; ``fields`` are what is known of it by then."""
    known = dict(fields or {})
    inputs = known.pop("inputs", None)
    asked = dict(inputs) if isinstance(inputs, dict) else {}
    if refused.fact:
        asked["fact"] = dict(refused.fact)
    who = {"kind": "app", "id": client.app.id} if client else {"kind": _STRANGER, "id": source.ip}
    return Event(
        name,
        {
            **source.fields(),
            "actor": who,
            "requesting_app": client.app.id if client else None,
            **known,
            "reason": refused.reason.value,
            "inputs": asked or None,
        },
    )


def refusal_entry(
    event: Event, *, tenant: str, source: Source, consume: tuple[OneTime, ...] = ()
) -> Entry[Snapshot, bool]:
    """Records a refusal that needed no decision; ``consume`` is burned all the same.

    The reply is False when something of ``consume`` had been used before.
    """

    def decide(_snapshot: Snapshot, _facts: Facts) -> Verdict[bool]:
        return Verdict(reply=True, events=(event,), succeeded=False)

    def lost(_one_time: OneTime) -> Verdict[bool]:
        return Verdict(reply=False, events=(event,), succeeded=False)

    return Entry(
        tenant=tenant,
        holder=source.decision_id,
        now=source.now,
        decide=decide,
        lost=lost,
        consume_always=consume,
    )


class Strangers:
    """Counts refusals of people we do not know: one event per source, reason and minute.

    Strangers cannot fill the log: everything after the first of a minute is only counted, and the count
    rides on the next event of the same kind.  At most ``LIMIT`` kinds are told apart in one minute.
    """

    LIMIT = 1000

    def __init__(self) -> None:
        self._minute = 0
        self._counts: dict[tuple[str, str], int] = {}
        self._before: dict[tuple[str, str], int] = {}

    def first(self, refused: Refused, source: Source) -> int | None:
        """How many of this kind the minute before had, if this one is to be recorded; else None."""
        minute = source.now // 60
        if minute != self._minute:
            self._before, self._counts, self._minute = self._counts, {}, minute
        kind = (source.ip, refused.reason.value)
        seen = self._counts.get(kind, 0)
        if seen == 0 and len(self._counts) >= self.LIMIT:
            return None
        self._counts[kind] = seen + 1
        return self._before.get(kind, 0) if seen == 0 else None

    def event(self, refused: Refused, source: Source, *, earlier: int) -> Event:
        """The aggregated event; ``earlier`` is what ``first`` gave."""
        event = refusal_event("refused.before_authentication", refused, source=source, client=None)
        inputs = event.fields["inputs"]
        known = inputs if isinstance(inputs, dict) else {}
        return Event(event.name, {**event.fields, "inputs": {**known, "in_the_minute_before": earlier}})
