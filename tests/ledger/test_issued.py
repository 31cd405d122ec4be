"""When an app first and last acted as a person: read from the audit log, in two steps whatever its length."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from idjag.ledger.entry import Event, Facts, Verdict
from idjag.ledger.schema import ISSUED
from idjag.ledger.sql import issued_statement
from tests.ledger.parts import NOW, AnyLedger, Policy, T, entry, seam, sql

WHICH = {"subject": "p1", "requesting_app": "wiki", "resource_app": "chat"}


def record(ledger: AnyLedger, at: int, *, event: str = "id_jag.issued", **changes: str) -> None:
    """One event of that second."""
    decision_id = f"{at}-{event}-{sorted(changes.items())}"

    def decide(_policy: Policy, _facts: Facts) -> Verdict[str]:
        return Verdict("", [Event(event, {"decision_id": decision_id, **WHICH, **changes})])

    ledger.commit(replace(entry(decision_id, decide), now=at))


def test_the_first_and_the_last_time_are_found(ledger: AnyLedger) -> None:
    for at in (NOW + 50, NOW + 7, NOW + 90, NOW + 20):
        record(ledger, at)
    assert seam(ledger).issued(T, **WHICH) == (NOW + 7, NOW + 90)


def test_one_time_is_first_and_last(ledger: AnyLedger) -> None:
    record(ledger, NOW)
    assert ledger.issued(T, **WHICH) == (NOW, NOW)


@pytest.mark.parametrize(
    "other",
    [
        {"subject": "p2"},
        {"requesting_app": "notes"},
        {"resource_app": "files"},
        {"event": "id_jag.denied"},
    ],
)
def test_what_is_about_something_else_does_not_count(ledger: AnyLedger, other: dict[str, str]) -> None:
    record(ledger, NOW, **other)
    assert ledger.issued(T, **WHICH) is None
    record(ledger, NOW + 1)
    assert ledger.issued(T, **WHICH) == (NOW + 1, NOW + 1)
    assert ledger.issued("another tenant", **WHICH) is None


def test_it_is_answered_by_the_index_alone(path: Path) -> None:
    """Or a person whose agent works all day would wait for their own page."""
    statement = issued_statement("?")
    plan = [row["detail"] for row in sql(path, f"EXPLAIN QUERY PLAN {statement}", *(T, "p", "a", "r") * 2)]
    searches = [step for step in plan if "audit" in step]
    assert len(searches) == 2
    assert all(
        "USING INDEX audit_issued (tenant=? AND subject=? AND requesting_app=? AND resource_app=?)" in step
        for step in searches
    )
    assert "audit_issued" in ISSUED
