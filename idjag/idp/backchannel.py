"""Orders to tell apps that sessions have ended (OpenID Connect Back-Channel Logout), written where they end.

An order is one row in the same transaction, so that none is forgotten; ``idjag.idp.logout.notices`` turns it
into one notice for each app that the session has reached, and ``idjag.idp.logout.delivery`` sends those.
"""

from __future__ import annotations

from typing import Final

from idjag.ledger.entry import Row, Upsert, Write

__all__ = ["GIVEN_UP", "ORDER", "person_ended", "session_ended"]

GIVEN_UP: Final = 24 * 3600  # seconds after which nobody tries any more
ORDER: Final = ""
"""The app of a row that is an order; a notice names one."""


def session_ended(session_id: str, *, person_id: str, tenant: str, now: int) -> Write:
    """To be written in the verdict that ends the session, whoever ended it."""
    return _order(f"session:{session_id}", person_id, session_id, tenant=tenant, now=now)


def person_ended(person_id: str, *, tenant: str, now: int) -> Write:
    """To be written where the person's epoch rises: every session that was born before has ended."""
    return _order(f"person:{person_id}", person_id, "", tenant=tenant, now=now)


def _order(row_id: str, person_id: str, session_id: str, *, tenant: str, now: int) -> Write:
    row: Row = {
        "id": row_id,
        "tenant_id": tenant,
        "app_id": ORDER,
        "person_id": person_id,
        "session_id": session_id,
        "spec": "{}",
        "attempts": 0,
        "due": now,
        "created": now,
        "expires": now + GIVEN_UP,
    }
    return Upsert("logout_notice", row)
