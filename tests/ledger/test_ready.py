"""Events that are hashed before their transaction begins."""

from __future__ import annotations

import pytest

from idjag.ledger.entry import Event, Unavailable, Verdict
from idjag.ledger.run import ready_event
from idjag.ledger.trail import check
from tests.ledger.parts import KEY, NOW, AnyLedger, T, already, decision_ids, entry


def test_an_event_that_was_hashed_beforehand_is_like_any_other(ledger: AnyLedger) -> None:
    """Architecture 4.7: large changes are hashed outside the transaction."""
    event = Event("state.applied", {"decision_id": "d-1", "ip": "192.0.2.1"})
    prepared = ready_event(event, tenant=T, now=NOW)
    ledger.commit(entry("d-1", already(Verdict("yes", [prepared]))))
    assert decision_ids(ledger) == ["d-1"]
    assert check(ledger, T, key=KEY) is None


@pytest.mark.parametrize(("tenant", "now"), [(T, NOW + 1), ("another", NOW)])
def test_an_event_that_was_hashed_for_another_entry_is_refused(
    ledger: AnyLedger, tenant: str, now: int
) -> None:
    """Its row would tell another time or tenant than its neighbours."""
    event = Event("state.applied", {"decision_id": "d-1"})
    with pytest.raises(Unavailable):
        ledger.commit(entry("d-1", already(Verdict("yes", [ready_event(event, tenant=tenant, now=now)]))))
    assert decision_ids(ledger) == []
