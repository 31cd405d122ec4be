"""Rows in the audit log of a running IdP, for tests about the log itself."""

from __future__ import annotations

from idjag.ledger.entry import Entry, Event, Facts, Verdict
from tests.idp.grants.acme import TENANT, Acme

__all__ = ["record"]


def record(acme: Acme, rows: int) -> None:
    """So many rows, in batches of ten."""
    events = [Event("login.failed", {"decision_id": "d", "ip": "192.0.2.7"})] * 10

    def decide(_snapshot: object, _facts: Facts) -> Verdict[None]:
        return Verdict(None, events)

    for _ in range(rows // 10):
        acme.ledger.commit(Entry(TENANT, "d", acme.clock(), decide))
