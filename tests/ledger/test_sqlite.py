"""The ledger in a file: several connections, faults of the database, restarts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event, Thread
from typing import cast

import pytest

from idjag.ledger import sqlite
from idjag.ledger.entry import Facts, Insert, Key, Unavailable, Upsert, Verdict
from idjag.ledger.gate import Gate
from idjag.ledger.sqlite import SqliteLedger, write_gate
from idjag.ledger.trail import check
from tests.ledger.parts import (
    KEY,
    LONG,
    Policy,
    T,
    already,
    code,
    decision_ids,
    entry,
    eventually,
    is_ready,
    jti,
    load,
    sql,
    sqlite_ledger,
    yes,
)


@pytest.fixture
def one(path: Path) -> Iterator[SqliteLedger[Policy]]:
    with sqlite_ledger(path) as ledger:
        yield ledger


@pytest.fixture
def two(path: Path) -> Iterator[SqliteLedger[Policy]]:
    """Another ledger on the same file: another connection, another writer."""
    with sqlite_ledger(path) as ledger:
        yield ledger


def new_rule(decision_id: str, scope: str) -> Verdict[str]:
    return yes(decision_id, writes=[Insert("rules", {"id": scope, "scope": scope})], policy_changed=True)


def test_every_connection_syncs_on_commit(path: Path) -> None:
    with closing(sqlite.connect(path)) as connection:
        values = [
            next(iter(connection.execute(f"PRAGMA {name}").fetchone().values()))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert values == ["wal", 2, 1, 2000]


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_ledger_without_a_file_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="MemoryLedger"):
        SqliteLedger(path, load=load, chain_key=KEY)


def test_a_file_without_the_tables_fails_the_start(tmp_path: Path) -> None:
    ledger = sqlite_ledger(tmp_path / "empty.db")
    with pytest.raises(RuntimeError, match="has no ledger"):
        ledger.start()
    ledger.close()


def test_a_reply_leaves_after_its_commit(one: SqliteLedger[Policy], path: Path) -> None:
    """Promise P1: whoever sees the reply, at whatever moment, finds the record from any connection."""
    begun, seen = Event(), list[object]()

    def look(_future: Future[str]) -> None:
        seen.extend(row["decision_id"] for row in sql(path, "SELECT decision_id FROM audit"))

    def decide(_policy: Policy, _facts: Facts) -> Verdict[str]:
        assert begun.wait(30)
        return yes("d-1")

    future = one.submit(entry("d-1", decide))
    future.add_done_callback(look)
    assert sql(path, "SELECT decision_id FROM audit") == []
    begun.set()
    assert future.result(30) == "yes"
    one.commit(entry("d-2"))  # its turn comes when the callback of the first is through
    assert seen == ["d-1"]


def test_a_record_that_cannot_be_written_costs_its_own_reply_alone(
    one: SqliteLedger[Policy], path: Path
) -> None:
    """Promise P1, attack case 222."""
    sql(
        path,
        "CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.decision_id = 'd-7' "
        "BEGIN SELECT RAISE(ABORT, 'the sink is full'); END",
    )
    row = Upsert("people", {"id": "alice", "status": "active", "epoch": 1, "team": None})
    entries = [entry(f"d-{n}", on_success=(jti(f"j-{n}"),)) for n in range(12)]
    refused = already(yes("d-7", writes=[row]))
    entries[7] = entry("d-7", refused, always=(code("c-7"),), on_success=(jti("j-7"),))
    futures = [one.submit(each) for each in entries]
    with pytest.raises(Unavailable):
        futures[7].result(30)
    assert [future.result(30) for n, future in enumerate(futures) if n != 7] == ["yes"] * 11
    assert "d-7" not in decision_ids(one)
    assert sql(path, "SELECT * FROM people") == []
    assert one.commit(entry("d-8", always=(code("c-7"),), on_success=(jti("j-7"),))) == "yes"


def test_a_commit_that_fails_is_not_tried_again(one: SqliteLedger[Policy], path: Path) -> None:
    """The foreign key is checked by COMMIT itself."""
    decided: list[str] = []

    def decide(_policy: Policy, _facts: Facts) -> Verdict[str]:
        decided.append("once")
        return yes("d-1", writes=[Insert("badges", {"id": "b", "person": "nobody"})])

    with pytest.raises(Unavailable, match="unknown"):
        one.commit(entry("d-1", decide, always=(code("c"),)))
    assert decided == ["once"]
    assert (decision_ids(one), sql(path, "SELECT * FROM badges")) == ([], [])
    assert one.commit(entry("d-2", always=(code("c"),))) == "yes"


def test_a_head_that_did_not_move_is_tried_once_more(one: SqliteLedger[Policy], path: Path) -> None:
    sql(
        path,
        "CREATE TRIGGER stuck BEFORE UPDATE ON ledger_head WHEN EXISTS (SELECT 1 FROM rules) "
        "BEGIN SELECT RAISE(IGNORE); END",
    )
    writes = [[Insert("rules", {"id": "r", "scope": "s"})], []]
    assert one.commit(entry("d-1", lambda _p, _f: yes("d-1", writes=writes.pop(0)))) == "yes"
    assert decision_ids(one) == ["d-1"]
    stuck = yes("d-2", writes=[Insert("rules", {"id": "r", "scope": "s"})])
    with pytest.raises(Unavailable, match="moved twice"):
        one.commit(entry("d-2", already(stuck)))
    assert (decision_ids(one), sql(path, "SELECT * FROM rules")) == (["d-1"], [])


def test_a_locked_file_costs_an_entry_and_heals(path: Path) -> None:
    """Promise P6: somebody writes without passing the gate, and takes long."""
    with sqlite_ledger(path, patience=0.02) as ledger, closing(sqlite.connect(path)) as rude:
        rude.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as refused:
            ledger.commit(entry("d-1"))
        assert isinstance(refused.value.__cause__, sqlite3.OperationalError)
        rude.execute("ROLLBACK")
        eventually(lambda: is_ready(ledger))  # it may have tried meanwhile, and wait before the next time
        assert ledger.commit(entry("d-2")) == "yes"


def test_a_held_gate_costs_an_entry_and_heals(path: Path) -> None:
    with sqlite_ledger(path, patience=0.02) as ledger:
        with write_gate(path), pytest.raises(Unavailable) as refused:
            ledger.commit(entry("d-1"))
        assert isinstance(refused.value.__cause__, TimeoutError)
        eventually(lambda: is_ready(ledger))
        assert ledger.commit(entry("d-2")) == "yes"


def test_the_gate_is_open_again_after_the_transaction_has_begun(
    one: SqliteLedger[Policy], path: Path
) -> None:
    """Whoever waits behind a long entry waits in the database and not at the gate."""
    passed: list[bool] = []

    def decide(_policy: Policy, _facts: Facts) -> Verdict[str]:
        with write_gate(path, patience=0):
            passed.append(True)
        return yes("d-1")

    assert one.commit(entry("d-1", decide)) == "yes"
    assert passed == [True]


def test_a_gate_lets_one_pass_at_a_time(path: Path) -> None:
    first, second = Gate(path), Gate(path)
    with first.passing(), pytest.raises(TimeoutError), second.passing(patience=0.01):
        raise AssertionError
    with second.passing(patience=0):
        pass
    first.close()
    second.close()


def test_a_command_writes_beside_a_running_ledger(one: SqliteLedger[Policy], path: Path) -> None:
    with closing(sqlite.connect(path)) as connection:
        with write_gate(path):
            connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO rules (id, scope) VALUES ('r', 'chat.read')")
        connection.execute("UPDATE ledger_head SET policy_seq = policy_seq + 1")
        connection.execute("COMMIT")
    assert one.fresh(T) == Policy(1, frozenset({"chat.read"}))


def test_used_ids_and_the_chain_outlive_a_restart(path: Path) -> None:
    """RAS-19; promise P4."""
    with sqlite_ledger(path) as before:
        assert before.commit(entry("d-1", on_success=(jti("a"),))) == "yes"
        epoch = before.head(T).epoch
    with sqlite_ledger(path) as after:
        assert after.commit(entry("d-2", on_success=(jti("a"),))) == "lost"
        assert after.commit(entry("d-3", on_success=(jti("b"),))) == "yes"
        assert check(after, T, key=KEY) is None
        assert after.head(T).epoch == epoch


def test_the_value_of_a_one_time_id_is_nowhere_in_the_file(path: Path) -> None:
    """Promise P9."""
    with sqlite_ledger(path) as ledger:
        ledger.commit(entry("d-visible", always=(code("SplxlOBeZQQYbYS6WxSbIA"),)))
    octets = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"d-visible" in octets
    assert b"SplxlOBeZQQYbYS6WxSbIA" not in octets


def test_reading_needs_no_writer(path: Path) -> None:
    """A command that lists or verifies must not take the writer's place."""
    ledger = sqlite_ledger(path)
    assert ledger.head(T).audit_no == 0
    assert ledger.snapshot(T) == Policy(0, frozenset())
    assert not ledger.ready
    with pytest.raises(Unavailable):
        ledger.commit(entry("d-1"))
    ledger.close()


def test_a_fact_that_cannot_be_read_is_unavailable_and_the_next_one_is_read(
    one: SqliteLedger[Policy],
) -> None:
    with pytest.raises(Unavailable):
        one.read([Key("no_such_table", "id", "a")])
    assert one.read([Key("people", "id", "a")])(Key("people", "id", "a")) == ()


def test_many_keys_of_one_column_are_answered_each_by_its_own_rows(one: SqliteLedger[Policy]) -> None:
    """One statement asks for several keys; more than one statement can hold are asked in turn."""
    people = [
        Insert("people", {"id": f"p-{n}", "status": "", "epoch": n, "team": f"t-{n % 2}"}) for n in range(5)
    ]
    one.commit(entry("d", already(Verdict("yes", [], people))))
    keys = [Key("people", "id", f"p-{n}") for n in range(1100)]
    teams = [Key("people", "team", "t-0"), Key("people", "team", "t-1"), Key("people", "team", "t-2")]
    facts = one.read([*keys, *teams])
    assert [[row["epoch"] for row in facts(key)] for key in keys] == [[0], [1], [2], [3], [4]] + [[]] * 1095
    assert [{row["epoch"] for row in facts(key)} for key in teams] == [{0, 2, 4}, {1, 3}, set()]


def test_facts_outside_an_entry_are_of_one_moment(one: SqliteLedger[Policy]) -> None:
    """A page must not show a person of before and a session of after."""
    keys = [Key("people", "id", "alice"), Key("rules", "id", "alice")]
    both = [
        Upsert("people", {"id": "alice", "status": "0", "epoch": 1, "team": None}),
        Upsert("rules", {"id": "alice", "scope": "0"}),
    ]
    named, done = ("status", "scope"), Event()

    def write() -> None:
        for n in range(200):
            rows = [
                Upsert(old.table, {**old.row, name: str(n)}) for old, name in zip(both, named, strict=True)
            ]
            one.commit(entry("d", already(Verdict("yes", [], rows))))
        done.set()

    one.commit(entry("d", already(Verdict("yes", [], both))))
    thread = Thread(target=write)
    thread.start()
    while not done.is_set():
        facts = one.read(keys)
        assert facts(keys[0])[0]["status"] == facts(keys[1])[0]["scope"]
    thread.join()
    assert cast("str", one.read(keys)(keys[1])[0]["scope"]) == "199"


def test_readers_do_not_wait_for_each_other(path: Path) -> None:
    """A page that reads for long holds up no other page: each has a snapshot of the file of its own."""
    with sqlite_ledger(path) as ledger, ledger._transaction() as slow:
        before = slow.head(T)
        with ThreadPoolExecutor(2) as pool:
            assert pool.submit(ledger.head, T).result(LONG) == before
            assert pool.submit(ledger.commit, entry("d-1")).result(LONG) == "yes"
            assert pool.submit(ledger.head, T).result(LONG).audit_no == before.audit_no + 1
        assert slow.head(T) == before


@pytest.mark.soak
def test_there_are_no_more_readers_than_the_machine_can_bear(path: Path) -> None:
    """Each is an open file and a cache of pages; whoever finds no place is told so in time."""
    with sqlite_ledger(path) as ledger:
        with ExitStack() as reading:
            for _ in range(4):
                reading.enter_context(ledger._transaction())
            with pytest.raises(Unavailable, match="no turn"):
                ledger.head(T)
        assert ledger.head(T).audit_no == 0
