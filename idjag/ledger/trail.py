"""Reading the audit log back: events for people and files."""

from __future__ import annotations

import json
from collections.abc import Mapping

from idjag.ledger.chain import FIELDS, Break
from idjag.ledger.entry import Row
from idjag.ledger.verification import Trail, verify
from idjag.protocol.jose.json import JsonValue

__all__ = ["Trail", "check", "event_of", "events"]

_PAGE = 1000


def events(trail: Trail, tenant: str, *, after_no: int = 0, limit: int = _PAGE) -> list[dict[str, JsonValue]]:
    """One page of events with the contract's fields in the contract's order; the last ``id`` leads on.

    Absent and erased values are null, ``time`` is NumericDate, the hashes are hex.
    """
    return [event_of(row) for row in trail.audit_rows(tenant, after_no=after_no, limit=limit)]


def check(trail: Trail, tenant: str, *, key: bytes) -> Break | None:
    """The first break of a tenant's audit log, while it may go on growing; None when it is whole."""
    return verify(trail, tenant, key=key).broken


def event_of(row: Row) -> dict[str, JsonValue]:
    """One row as an event; where somebody has made its body unreadable, what its columns say."""
    body = _body(row)
    numbered: dict[str, JsonValue] = {
        "id": _number(row),
        "prev_hash": str(row["prev_hash"]),
        "hash": str(row["hash"]),
    }
    return {name: numbered[name] if name in numbered else body.get(name) for name in FIELDS}


def _body(row: Row) -> Mapping[str, JsonValue]:
    try:
        body = json.loads(str(row["body"]))
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return body
    return {name: value for name, value in row.items() if isinstance(value, str | int)}


def _number(row: Row) -> int:
    no = row["no"]
    if not isinstance(no, int):
        raise TypeError("the number of an audit row is an integer")
    return no
