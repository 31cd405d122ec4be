"""What the tests of batches share: to settle entries in given groups, and to look at all that is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from idjag.ledger.batch import Failed, Outcome
from idjag.ledger.entry import (
    Entry,
    Insert,
    Row,
)
from idjag.ledger.memory import MemoryLedger, MemoryStore
from idjag.ledger.run import Law, Snapshots
from idjag.ledger.transaction import Store
from tests.ledger.parts import (
    KEY,
    Policy,
    T,
    load,
)

CAROL = Insert("people", {"id": "carol", "status": "active", "epoch": 1, "team": "red"})


def present(row: Row) -> dict[str, Any]:
    """In memory a column that nobody wrote is not there, in a file it is null."""
    return {name: value for name, value in row.items() if value is not None}


def told(outcome: Outcome) -> str:
    return type(outcome.error).__name__ if isinstance(outcome, Failed) else outcome.value


def run(store: Store, groups: Sequence[Sequence[Entry[Policy, Any]]]) -> list[str]:
    law = Law(Snapshots(load), KEY)
    return [told(outcome) for group in groups for outcome in law.settle(group, store)]


def kept(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Everything that is stored, but for salts, hashes and the epoch, which are random."""
    transaction = store.begin()
    assert hasattr(transaction, "rows")
    hidden: Row = dict.fromkeys(("salts", "hash", "prev_hash", "link"))
    tables = {}
    for table in ("people", "rules", "one_time", "audit", "ledger_head"):
        rows = [present({**row, **hidden}) for row in transaction.rows(table)]
        tables[table] = sorted(rows, key=lambda row: repr(sorted(row.items())))
    transaction.rollback()
    for row in tables["ledger_head"]:
        del row["epoch"]
    return tables


def memory_store() -> MemoryStore:
    ledger = MemoryLedger(load, chain_key=KEY)
    ledger.open_tenant(T)
    return ledger._store
