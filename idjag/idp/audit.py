"""Audit events of the token endpoint: who asked what, what was decided, and the true reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Entry, Event, Facts, OneTime, Verdict
from idjag.protocol.errors import Refused

__all__ = ["Source", "refusal_entry", "refusal_event"]

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
    event: Event,
    *,
    tenant: str,
    source: Source,
    client: str = "strangers",
    consume: tuple[OneTime, ...] = (),
    replayed: Callable[[OneTime], Event] | None = None,
) -> Entry[Snapshot, OneTime | None]:
    """Records a refusal that needed no decision; ``consume`` is burned all the same.

    ``client`` is the id of the app that takes turns for it; strangers take turns among themselves.
    The reply is what of ``consume`` had been used before, if anything; then ``replayed`` is recorded.
    """

    def decide(_snapshot: Snapshot, _facts: Facts) -> Verdict[OneTime | None]:
        return Verdict(None, events=(event,), succeeded=False)

    def lost(used: OneTime) -> Verdict[OneTime | None]:
        return Verdict(used, events=(replayed(used) if replayed else event,), succeeded=False)

    return Entry(
        tenant=tenant,
        holder=source.decision_id,
        now=source.now,
        decide=decide,
        lost=lost,
        consume_always=consume,
        client=client,
    )
