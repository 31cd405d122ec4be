"""Every law of the ledger between two real connections, step by step, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from threading import Barrier, Event, Thread
from typing import TypeAlias

import pytest

from idjag.ledger.entry import (
    Conflict,
    Entry,
    Facts,
    Insert,
    Key,
    Unavailable,
    Update,
    Upsert,
    Verdict,
)
from idjag.ledger.postgres import PostgresLedger
from idjag.ledger.sqlite import SqliteLedger
from idjag.ledger.trail import check
from tests.ledger.parts import (
    KEY,
    LONG,
    Policy,
    T,
    already,
    decision_ids,
    entry,
    event,
    jti,
    postgres_ledger,
    sqlite_ledger,
    yes,
)

ALICE = Key("people", "id", "alice")

Durable: TypeAlias = SqliteLedger[Policy] | PostgresLedger[Policy]
Pair: TypeAlias = tuple[Durable, Durable]
Nodes: TypeAlias = tuple[PostgresLedger[Policy], PostgresLedger[Policy]]


@pytest.fixture(params=["sqlite", "postgres"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two ledgers on one database: two connections, two writers."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            path = request.getfixturevalue("path")
            yield stack.enter_context(sqlite_ledger(path)), stack.enter_context(sqlite_ledger(path))
        else:
            url = request.getfixturevalue("url")
            yield stack.enter_context(postgres_ledger(url)), stack.enter_context(postgres_ledger(url))


@pytest.fixture
def nodes(url: str) -> Iterator[Nodes]:
    """Two ledgers of which neither waits while the other decides."""
    with postgres_ledger(url) as one, postgres_ledger(url) as two:
        yield one, two


def person(**columns: str | int | None) -> Upsert:
    return Upsert("people", {"id": "alice", "status": "active", "epoch": 0, "team": None, **columns})


def rule(decision_id: str, scope: str) -> Verdict[str]:
    return yes(decision_id, writes=[Insert("rules", {"id": scope, "scope": scope})], policy_changed=True)


def count(decision_id: str) -> Entry[Policy, str]:
    """An entry that adds one to what it read."""

    def decide(_policy: Policy, facts: Facts) -> Verdict[str]:
        epoch = facts(ALICE)[0]["epoch"]
        assert isinstance(epoch, int)
        return yes(decision_id, writes=[Update("people", {"id": "alice"}, {"epoch": epoch + 1})])

    return entry(decision_id, decide, reads=(ALICE,))


class Pause:
    """A decision that stops half-way, so that somebody else can come in between; it may run again."""

    def __init__(self, then: Entry[Policy, str]) -> None:
        self.reached, self.go_on = Event(), Event()
        self.policies: list[Policy] = []
        self._then = then

    def decide(self, policy: Policy, facts: Facts) -> Verdict[str]:
        self.policies.append(policy)
        self.reached.set()
        assert self.go_on.wait(LONG)
        return self._then.decide(policy, facts)

    def entry(self) -> Entry[Policy, str]:
        then = self._then
        return entry("paused", self.decide, reads=then.reads, on_success=then.consume_on_success)


def test_two_ledgers_have_one_winner(pair: Pair) -> None:
    """RAS-20; promise P4."""
    together, outcomes = Barrier(50), list[str]()

    def redeem(n: int) -> None:
        together.wait()
        outcomes.append(pair[n % 2].commit(entry(f"d-{n}", on_success=(jti("a"),))))

    threads = [Thread(target=redeem, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["lost"] * 49 + ["yes"]
    assert len(decision_ids(pair[0])) == 50
    assert check(pair[1], T, key=KEY) is None


def test_an_acknowledged_change_is_seen_by_every_later_entry_elsewhere(pair: Pair) -> None:
    """Promises P5 and P16."""
    one, two = pair

    def allowed(scope: str) -> str:
        def decide(policy: Policy, _facts: Facts) -> Verdict[str]:
            return Verdict("yes" if scope in policy.scopes else "no", [])

        return two.commit(entry("ask", decide))

    for n in range(20):
        assert allowed(f"s-{n}") == "no"
        assert one.commit(entry(f"d-{n}", already(rule(f"d-{n}", f"s-{n}")))) == "yes"
        assert allowed(f"s-{n}") == "yes"
        assert two.snapshot(T).seq == two.fresh(T).seq == n + 1


def test_a_fact_committed_elsewhere_is_seen_by_every_later_entry(pair: Pair) -> None:
    """Promise P5: people are not in the snapshot."""
    one, two = pair

    def status(_policy: Policy, facts: Facts) -> Verdict[str]:
        return Verdict(str(facts(ALICE)[0]["status"]), [])

    for value in ("active", "disabled", "active"):
        one.commit(entry("d", already(yes("d", writes=[person(status=value)]))))
        assert two.commit(entry("ask", status, reads=(ALICE,))) == value


def test_of_two_changes_computed_on_one_state_the_second_is_a_conflict(pair: Pair) -> None:
    """Promise P20."""
    one, two = pair
    seq = two.fresh(T).seq
    assert one.commit(entry("d-1", already(rule("d-1", "a")), expect_policy_seq=seq)) == "yes"
    with pytest.raises(Conflict):
        two.commit(entry("d-2", already(rule("d-2", "b")), expect_policy_seq=seq))
    assert decision_ids(one) == ["d-1"]


def test_many_writers_on_two_ledgers_lose_no_update_and_keep_one_chain(pair: Pair) -> None:
    """No deadlock, no serialization failure comes through, no number is given twice."""
    pair[0].commit(entry("hire", already(yes("hire", writes=[person()]))))

    def work(n: int) -> None:
        for k in range(10):
            ledger = pair[(n + k) % 2]
            assert ledger.commit(count(f"c-{n}-{k}")) == "yes"
            assert ledger.commit(entry(f"x-{n}-{k}", on_success=(jti(f"{n}-{k}"), jti(f"{k}-{n}-")))) == "yes"

    errors: list[BaseException] = []

    def safely(n: int) -> None:
        try:
            work(n)
        except BaseException as error:  # noqa: BLE001  # said below
            errors.append(error)

    threads = [Thread(target=safely, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert pair[0].read([ALICE])(ALICE)[0]["epoch"] == 80
    assert pair[0].head(T).audit_no == len(set(decision_ids(pair[0]))) == 161
    assert check(pair[1], T, key=KEY) is None


def test_a_policy_that_moves_while_an_entry_is_decided_is_decided_on_again(nodes: Nodes) -> None:
    """Architecture section 4.3: the head is compared when it is taken."""
    one, two = nodes
    for n in range(2):  # the second time both know that they are not alone
        pause = Pause(entry("paused"))
        future = one.submit(pause.entry())
        assert pause.reached.wait(LONG)
        assert two.commit(entry("rule", already(rule("rule", f"s-{n}")))) == "yes"
        pause.go_on.set()
        assert future.result(LONG) == "yes"
        assert [policy.seq for policy in pause.policies] == [n, n + 1]
    assert decision_ids(one) == ["rule", "paused"] * 2
    assert check(two, T, key=KEY) is None


def test_a_row_that_changes_while_an_entry_that_writes_is_decided_is_read_again(nodes: Nodes) -> None:
    """Two nodes that count the same thing lose no count."""
    one, two = nodes
    one.commit(entry("hire", already(yes("hire", writes=[person()]))))
    pause = Pause(count("paused"))
    future = one.submit(pause.entry())
    assert pause.reached.wait(LONG)
    assert two.commit(count("meanwhile")) == "yes"
    pause.go_on.set()
    assert future.result(LONG) == "yes"
    assert one.read([ALICE])(ALICE)[0]["epoch"] == 2


def test_what_is_written_without_an_event_moves_the_head_too(nodes: Nodes) -> None:
    """Nobody can see it in the numbers of the audit log."""
    one, two = nodes
    one.commit(entry("hire", already(yes("hire", writes=[person()]))))
    pause = Pause(count("paused"))
    future = one.submit(pause.entry())
    assert pause.reached.wait(LONG)
    two.commit(entry("quiet", already(Verdict("yes", [], [person(epoch=7)]))))
    pause.go_on.set()
    assert future.result(LONG) == "yes"
    assert one.read([ALICE])(ALICE)[0]["epoch"] == 8


def test_an_entry_without_writes_is_not_decided_again_for_its_neighbours_records(nodes: Nodes) -> None:
    """Once two nodes have met, they only put their records one after the other."""
    one, two = nodes
    decided = []
    for value in ("a", "b"):
        pause = Pause(entry("paused", on_success=(jti(value),)))
        future = one.submit(pause.entry())
        assert pause.reached.wait(LONG)
        assert two.commit(entry("meanwhile")) == "yes"
        pause.go_on.set()
        assert future.result(LONG) == "yes"
        decided.append(len(pause.policies))
    assert decided == [2, 1]
    assert check(two, T, key=KEY) is None


@pytest.mark.parametrize(("fate", "expected"), [("yes", "lost"), ("no", "yes"), ("fault", "yes")])
def test_who_wants_an_id_that_another_node_is_about_to_use_waits_for_the_outcome(
    nodes: Nodes, fate: str, expected: str
) -> None:
    """RAS-20; promise P4: it is used, or it is free, and never both."""
    one, two = nodes

    def decide(_policy: Policy, _facts: Facts) -> Verdict[str]:
        if fate == "fault":
            raise KeyError
        return Verdict(fate, [event("paused")], succeeded=fate == "yes")

    pause = Pause(entry("paused", decide, on_success=(jti("a"),)))
    first = one.submit(pause.entry())
    assert pause.reached.wait(LONG)
    second = two.submit(entry("second", on_success=(jti("a"),)))
    assert not second.done()
    pause.go_on.set()
    assert second.result(LONG) == expected
    if fate == "fault":
        with pytest.raises(Unavailable):
            first.result(LONG)
    else:
        assert first.result(LONG) == fate


def test_whoever_stands_still_in_a_transaction_loses_what_he_holds(nodes: Nodes) -> None:
    """He may be stopped: after two seconds the database gives his ids to others, and he has no reply."""
    one, two = nodes
    pause = Pause(entry("paused", on_success=(jti("a"),)))
    first = one.submit(pause.entry())
    assert pause.reached.wait(LONG)
    try:
        outcome = two.commit(entry("second", on_success=(jti("a"),)))
    except Unavailable:  # the wait for a lock ended a moment before the transaction that had it
        outcome = two.commit(entry("third", on_success=(jti("a"),)))
    assert outcome == "yes"
    pause.go_on.set()
    with pytest.raises(Unavailable):
        first.result(LONG)
    assert one.commit(entry("last", on_success=(jti("a"),))) == "lost"
