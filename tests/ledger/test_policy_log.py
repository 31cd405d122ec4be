"""What policy changes leave behind for others to catch up with, and when nobody may rely on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idjag.ledger.entry import (
    Delete,
    Entry,
    Expire,
    Facts,
    Head,
    Insert,
    Key,
    Reader,
    Unavailable,
    Update,
    Verdict,
    Write,
)
from idjag.ledger.memory import MemoryLedger
from idjag.ledger.policy_log import KEPT, MOST_ROWS, TABLE, Changed
from idjag.ledger.postgres import PostgresLedger
from idjag.ledger.run import Snapshots
from idjag.ledger.sqlite import SqliteLedger
from tests.ledger.parts import KEY, NOW, AnyLedger, Policy, T, entry, load, sqlite_ledger, yes


class Rules:
    """Loads rules, and says how: ``seen`` has "load", or the ids that were caught up with."""

    tables = frozenset({"rules"})

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.fault: Exception | None = None

    def __call__(self, reader: Reader, tenant: str, head: Head) -> Policy:
        self.seen.append("load")
        return load(reader, tenant, head)

    def catch_up(self, reader: Reader, before: Policy, changed: Changed, head: Head) -> Policy | None:
        if self.fault is not None:
            raise self.fault
        ids = changed.get("rules", frozenset())
        if "*" in ids:
            return None
        self.seen.append(set(ids))
        added = {str(row["scope"]) for id_ in ids for row in reader.rows("rules", {"id": id_})}
        return Policy(head.policy_seq, before.scopes | added)


def change(decision_id: str, *writes: Write) -> Entry[Policy, str]:
    return entry(decision_id, lambda _policy, _facts: yes(decision_id, writes=writes, policy_changed=True))


def rule(number: int) -> Insert:
    return Insert("rules", {"id": f"r{number}", "scope": f"s{number}"})


@pytest.fixture
def rules() -> Rules:
    return Rules()


@pytest.fixture
def memory(rules: Rules) -> MemoryLedger[Policy]:
    ledger = MemoryLedger(rules, chain_key=KEY)
    ledger.open_tenant(T)
    ledger.fresh(T)
    return ledger


def logged(ledger: MemoryLedger[Policy]) -> list[tuple[object, object, object]]:
    key = Key(TABLE, "tenant", T)
    return [(row["seq"], row["noun"], row["row_id"]) for row in ledger.read((key,))(key)]


def commit(ledger: MemoryLedger[Policy], decision_id: str, *writes: Write) -> None:
    assert ledger.commit(change(decision_id, *writes)) == "yes"


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_another_process_reads_what_was_changed_and_no_more(
    request: pytest.FixtureRequest, rules: Rules, kind: str
) -> None:
    """Architecture section 4.2: catching up costs by the size of the change."""
    where = request.getfixturevalue("path" if kind == "sqlite" else "url")
    make: Any = SqliteLedger if kind == "sqlite" else PostgresLedger
    writing: AnyLedger = make(where, load=Rules(), chain_key=KEY)
    reading: AnyLedger = make(where, load=rules, chain_key=KEY)
    with writing, reading:
        assert reading.fresh(T).scopes == frozenset()
        for number in range(3):
            writing.commit(change(f"c{number}", rule(number)))
        assert reading.fresh(T) == Policy(3, frozenset({"s0", "s1", "s2"}))
        assert rules.seen == ["load", {"r0", "r1", "r2"}]
        writing.commit(change("c3", rule(3)))

        def decide(policy: Policy, _facts: Facts) -> Verdict[str]:
            assert "s3" in policy.scopes
            return yes("d")

        assert reading.commit(entry("d", decide)) == "yes"
        assert rules.seen[2:] == [{"r3"}]


def test_only_rows_that_a_snapshot_is_made_of_are_logged(memory: MemoryLedger[Policy]) -> None:
    """People change by the thousand with one rule."""
    commit(memory, "a", rule(1), Insert("people", {"id": "p1", "status": "active"}))
    commit(memory, "b", Update("rules", {"id": "r1"}, {"scope": "s2"}), Delete("rules", {"id": "r9"}))
    commit(memory, "c", Insert("people", {"id": "p2", "status": "active"}))
    assert logged(memory) == [(1, "rules", "r1"), (2, "rules", "r1"), (2, "rules", "r9"), (3, "", "")]


def test_what_changed_no_policy_and_what_failed_is_not_logged(memory: MemoryLedger[Policy]) -> None:
    """It stands in the transaction of the change, or not at all."""
    memory.commit(entry("a", lambda _policy, _facts: yes("a", writes=[rule(1)])))
    with pytest.raises(Unavailable):
        memory.commit(change("b", rule(1)))
    assert logged(memory) == []


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(Update("rules", {"scope": "s1"}, {"scope": "s5"}), id="an update without the id"),
        pytest.param(Delete("rules", {"scope": "s1"}), id="a removal without the id"),
        pytest.param(Expire("rules", "dies", NOW, 1), id="an expiry"),
    ],
)
def test_a_write_that_does_not_say_its_rows_takes_a_whole_load(
    memory: MemoryLedger[Policy], rules: Rules, write: Write
) -> None:
    """No caller can forget: the log is made of the writes themselves."""
    commit(memory, "a", Insert("rules", {"id": "r1", "scope": "s1", "dies": NOW}))
    memory.fresh(T)
    commit(memory, "b", write)
    rules.seen.clear()
    assert memory.fresh(T) == Policy(2, frozenset({"s5"} if isinstance(write, Update) else ()))
    assert rules.seen == ["load"]


def behind(ledger: MemoryLedger[Policy], rules: Rules, *between: Sequence[Write]) -> object:
    """How a process that was there before these changes gets to what is there after them."""
    snapshots: Snapshots[Policy] = Snapshots(rules)
    with ledger._alone() as transaction:
        snapshots.of(transaction, T, transaction.head(T))
    for number, writes in enumerate(between):
        commit(ledger, f"between-{number}", *writes)
    rules.seen.clear()
    with ledger._alone() as transaction:
        after = snapshots.of(transaction, T, transaction.head(T))
        assert after == load(transaction, T, transaction.head(T))
    return rules.seen[-1]


def test_a_change_that_a_node_of_an_older_version_made_takes_a_whole_load(
    memory: MemoryLedger[Policy], rules: Rules
) -> None:
    """It logs nothing: a gap in the numbers."""
    assert behind(memory, rules, [rule(1)], [rule(2)]) == {"r1", "r2"}
    snapshots: Snapshots[Policy] = Snapshots(rules)
    with memory._alone() as transaction:
        snapshots.of(transaction, T, transaction.head(T))
    for number in (3, 4):
        commit(memory, f"c{number}", rule(number))
    with memory._alone() as transaction:
        transaction.apply([Delete(TABLE, {"tenant": T, "seq": 3})])
        transaction.commit()
        rules.seen.clear()
        assert "s3" in snapshots.of(transaction, T, transaction.head(T)).scopes
    assert rules.seen == ["load"]


def test_a_large_change_and_many_small_ones_take_a_whole_load(
    memory: MemoryLedger[Policy], rules: Rules
) -> None:
    """Reading row by row would cost more."""
    most = [rule(number) for number in range(MOST_ROWS)]
    assert behind(memory, rules, most) == {f"r{number}" for number in range(MOST_ROWS)}
    more = [rule(number) for number in range(1000, 1001 + MOST_ROWS)]
    assert behind(memory, rules, more) == "load"
    half = [[rule(2000 + first + n) for n in range(MOST_ROWS // 2 + 1)] for first in (0, 1000)]
    assert behind(memory, rules, *half) == "load"
    assert logged(memory)[-1][1:] != ("*", "*")


def test_the_log_is_bounded_and_who_is_further_behind_loads(
    memory: MemoryLedger[Policy], rules: Rules
) -> None:
    """It must not grow for ever."""
    assert behind(memory, rules, *([rule(n)] for n in range(KEPT))) == {f"r{n}" for n in range(KEPT)}
    assert behind(memory, rules, *([rule(1000 + n)] for n in range(KEPT + 1))) == "load"
    assert len(logged(memory)) == KEPT
    assert behind(memory, rules, [rule(9000)]) == {"r9000"}


def test_a_database_that_went_back_in_time_takes_a_whole_load(
    memory: MemoryLedger[Policy], rules: Rules
) -> None:
    """Another epoch: equal numbers say nothing."""
    snapshots: Snapshots[Policy] = Snapshots(rules)
    commit(memory, "a", rule(1))
    with memory._alone() as transaction:
        head = transaction.head(T)
        snapshots.of(transaction, T, replace(head, policy_seq=0, epoch="another"))
        rules.seen.clear()
        snapshots.of(transaction, T, head)
    assert rules.seen == ["load"]


def test_a_fault_in_the_short_way_costs_a_load_and_no_answer(
    memory: MemoryLedger[Policy], rules: Rules
) -> None:
    """P6: it must not stand between everybody and the policy until somebody starts us again."""
    rules.fault = KeyError("r1")
    assert behind(memory, rules, [rule(1)]) == "load"


def test_the_log_is_the_ledgers_own(path: Path) -> None:
    """Nobody can write it, or unwrite it."""
    with sqlite_ledger(path) as ledger, pytest.raises(Unavailable):
        ledger.commit(change("a", Delete(TABLE, {"tenant": T})))
