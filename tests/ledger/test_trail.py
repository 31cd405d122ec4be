"""Reading the audit log back."""

from __future__ import annotations

from idjag.ledger import chain, trail
from idjag.ledger.entry import Event, Verdict
from tests.ledger.parts import KEY, NOW, AnyLedger, T, entry


def record(ledger: AnyLedger, count: int) -> None:
    events = [Event("login.failed", {"decision_id": f"d-{n}", "subject": "u-1"}) for n in range(1, count + 1)]
    ledger.commit(entry("d", lambda _policy, _facts: Verdict("ok", events)))


def test_an_event_has_all_fields_in_the_order_of_the_contract(ledger: AnyLedger) -> None:
    record(ledger, 1)
    (event,) = trail.events(ledger, T)
    assert tuple(event) == chain.FIELDS
    assert {name: value for name, value in event.items() if value is not None and "hash" not in name} == {
        "id": 1,
        "time": NOW,
        "event": "login.failed",
        "tenant": T,
        "decision_id": "d-1",
        "subject": "u-1",
    }
    assert event["prev_hash"] == chain.genesis(T).hex()


def test_events_come_in_pages(ledger: AnyLedger) -> None:
    record(ledger, 5)
    pages = [trail.events(ledger, T, after_no=after, limit=2) for after in (0, 2, 4, 5)]
    assert [[event["id"] for event in page] for page in pages] == [[1, 2], [3, 4], [5], []]


def test_a_row_that_somebody_made_unreadable_is_told_by_its_columns(ledger: AnyLedger) -> None:
    record(ledger, 1)
    (row,) = ledger.audit_rows(T, after_no=0, limit=1)
    for body in ("gone", "[1]", "null", ""):
        event = trail.event_of({**row, "body": body})
        assert tuple(event) == chain.FIELDS
        assert (event["id"], event["event"], event["decision_id"]) == (1, "login.failed", "d-1")
        assert event["actor"] is None
    assert trail.event_of(row)["subject"] == "u-1"


def test_a_whole_log_is_whole_and_another_key_breaks_it(ledger: AnyLedger) -> None:
    record(ledger, 3)
    record(ledger, 2)
    assert trail.check(ledger, T, key=KEY) is None
    assert trail.check(ledger, T, key=bytes(32)) is not None
