"""From a batch's events to rows of the chain: salts and digests before the head is known, links after."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from idjag.ledger import chain
from idjag.ledger.entry import Entry, Event, Head, Value

__all__ = ["chained", "ready_event", "ready_for"]

_SALT_OCTETS = 16


def ready_event(event: Event, *, tenant: str, now: int) -> chain.ReadyEvent:
    """Do most of an event's hashing now, outside any transaction: for changes of thousands of rows."""
    names = chain.personal_fields(event)
    octets = os.urandom(_SALT_OCTETS * len(names))
    salts = {name: octets[n * _SALT_OCTETS : (n + 1) * _SALT_OCTETS] for n, name in enumerate(names)}
    return chain.ready(event, tenant=tenant, time=now, salts=salts)


def ready_for(event: Event, entry: Entry[Any, Any]) -> chain.ReadyEvent:
    """The event, ready for this entry; raises ValueError when it was made ready for another."""
    if not isinstance(event, chain.ReadyEvent):
        return ready_event(event, tenant=entry.tenant, now=entry.now)
    if (event.tenant, event.time) != (entry.tenant, entry.now):
        raise ValueError("an event was made ready for another entry")
    return event


def chained(
    events: Sequence[chain.ReadyEvent], head: Head, *, policy_changed: bool, key: bytes
) -> tuple[list[dict[str, Value]], Head]:
    """The audit rows that follow a head, and the head after them."""
    rows: list[dict[str, Value]] = []
    prev = head.link
    for no, event in enumerate(events, start=head.audit_no + 1):
        row = chain.row(event, no=no, prev=prev, key=key)
        prev = bytes.fromhex(str(row["hash"]))
        rows.append(row)
    after = replace(
        head,
        policy_seq=head.policy_seq + policy_changed,
        audit_no=head.audit_no + len(rows),
        link=chain.link_after(head.link, prev) if rows else head.link,
    )
    return rows, after
