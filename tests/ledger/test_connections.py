"""What the writer does when a connection breaks, and when another node moves the head."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

import pytest

from idjag.ledger.committer import Committer
from idjag.ledger.entry import Facts, Head, Insert, Row, Unavailable, Verdict
from idjag.ledger.memory import MemoryStore, MemoryTransaction
from idjag.ledger.run import Law, Snapshots
from idjag.ledger.transaction import Changes, Store
from tests.ledger.parts import KEY, LONG, Policy, entry, eventually, is_ready, jti, load, yes
from tests.ledger.writer import opened, recorded, writer


class Faulty(MemoryStore):
    """A store whose transactions fail at one step, as long as it is told to."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.tables = opened().tables
        self.step: str | None = step
        self.begun = self.connections = self.closed = 0
        self.refusals = 0
        self.connected_again = threading.Event()

    def connect(self) -> Store:
        if self.refusals:
            self.refusals -= 1
            raise OSError("connection refused")
        self.connections += 1
        if self.connections > 1:
            self.connected_again.set()
        return self

    def begin(self) -> MemoryTransaction:
        self.begun += 1
        if self.step == "begin":
            raise OSError("connection reset")
        return FaultyTransaction(self)

    def close(self) -> None:
        self.closed += 1


class FaultyTransaction(MemoryTransaction):
    def __init__(self, store: Faulty) -> None:
        super().__init__(store)
        self._faulty = store

    def append(self, rows: Sequence[Row]) -> None:
        if self._faulty.step == "rollback":
            raise ValueError("no such column")
        super().append(rows)

    def write(self, changes: Changes) -> None:
        if self._faulty.step == "write":
            raise OSError("no space left on device")
        super().write(changes)

    def commit(self) -> None:
        if self._faulty.step == "commit":
            raise OSError("connection reset")
        super().commit()

    def rollback(self) -> None:
        super().rollback()
        if self._faulty.step == "rollback":
            raise OSError("connection reset")


@pytest.mark.parametrize("step", ["begin", "commit", "rollback"])
def test_a_broken_connection_is_given_up_and_the_entry_is_not_tried_again(step: str) -> None:
    """A commit whose outcome is unknown must not be repeated: what it gave may have been given."""
    faulty = Faulty(step)
    decided = list[str]()

    def decide(_policy: Policy, _facts: Facts) -> Verdict[str]:
        decided.append("a")
        return yes("a")

    now = iter(range(1_000_000))
    with writer(faulty.connect, clock=lambda: float(next(now)), deadline=1e6) as committer:
        with pytest.raises(Unavailable):
            committer.commit(entry("a", decide))
        faulty.step = None
        assert faulty.connected_again.wait(LONG)
        assert committer.commit(entry("b")) == "yes"
        assert faulty.connections >= 2
    assert faulty.closed == faulty.connections
    assert decided == ["a"] * (step != "begin")
    assert recorded(faulty)[-1] == "b"


@pytest.mark.parametrize(
    "step",
    ["commit", pytest.param("begin", marks=pytest.mark.soak), pytest.param("write", marks=pytest.mark.soak)],
)
def test_a_writer_that_cannot_make_anything_durable_is_not_ready_until_it_can(step: str) -> None:
    """P21: connected is not enough; and it finds out without an entry, which nobody would send it."""
    faulty, now = Faulty(step), iter(range(1_000_000))
    with writer(faulty.connect, clock=lambda: float(next(now)), deadline=1e6) as committer:
        faulty.step = None
        assert committer.commit(entry("before")) == "yes"
        assert is_ready(committer)
        faulty.step = step
        with pytest.raises(Unavailable):
            committer.commit(entry("a"))
        for _ in range(5):
            # while nothing can be written, every new attempt must leave it as it is
            eventually(partial(tried_after, faulty, faulty.begun))
            assert not is_ready(committer)
        faulty.step = None
        eventually(lambda: is_ready(committer))
        assert committer.commit(entry("after")) == "yes"
        if step != "commit":  # there nobody knows what is left
            assert recorded(faulty) == ["before", "after"]
            assert faulty.table("one_time") == {}


def test_an_entry_that_is_not_fit_for_the_database_leaves_the_writer_ready() -> None:
    """P6: nobody's fault must take a node out of service."""
    faulty = Faulty("")
    with writer(faulty.connect) as committer:
        for number in range(3):
            with pytest.raises(Unavailable):
                committer.commit(entry(f"a-{number}", unfit))
            assert is_ready(committer)
        assert committer.commit(entry("b")) == "yes"
        assert faulty.connections == 1


def unfit(_policy: Policy, _facts: Facts) -> Verdict[str]:
    raise ZeroDivisionError


def tried_after(faulty: Faulty, begun: int) -> bool:
    return faulty.begun > begun


def test_the_writer_connects_again_without_being_asked() -> None:
    """Readiness would keep away the requests that would make it ready."""
    faulty, now = Faulty("commit"), iter(range(1_000_000))
    with writer(faulty.connect, clock=lambda: float(next(now)), deadline=1e6) as committer:
        faulty.refusals = 3
        with pytest.raises(Unavailable):
            committer.commit(entry("a"))
        faulty.step = None
        assert faulty.connected_again.wait(LONG)
        assert committer.commit(entry("b")) == "yes"


def test_attempts_come_at_once_and_then_at_most_two_seconds_apart() -> None:
    """Whatever comes back is found within 5 s, however long it was away; no test of time says so as well."""
    committer: Committer[Policy] = Committer(opened, Law(Snapshots(load), KEY), monotonic=lambda: 0.0)
    waits = []
    for _ in range(50):
        committer._back_off()
        waits.append(committer._next_attempt)
    assert waits[0] == 0.0
    assert waits == sorted(waits)
    assert max(waits) <= 2.0


def test_without_a_connection_entries_fail_at_once() -> None:
    """The clock stands still, so that the second attempt to connect never comes."""
    faulty = Faulty("commit")
    with writer(faulty.connect) as committer:
        faulty.refusals = 2
        for name in ("a", "b"):
            with pytest.raises(Unavailable):
                committer.commit(entry(name))
        assert not is_ready(committer)
        assert faulty.begun == 1


class Moving(MemoryStore):
    """A store where another node changes the policy while an entry is decided, ``times`` times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.tables = opened().tables
        self.times = times

    def begin(self) -> MemoryTransaction:
        return MovingTransaction(self)


class MovingTransaction(MemoryTransaction):
    def __init__(self, store: Moving) -> None:
        super().__init__(store)
        self._moving = store

    def touch(self, tenant: str, before: Head, after: Head) -> None:
        if self._moving.times:
            self._moving.times -= 1
            other = MemoryTransaction(self._moving)
            head = other.head(tenant)
            other.apply([Insert("rules", {"id": f"r-{head.policy_seq}", "scope": f"s-{head.policy_seq}"})])
            moved = Head(head.epoch, head.policy_seq + 1, head.audit_no, head.link)
            other.touch(tenant, head, moved)
            other.commit()
        super().touch(tenant, before, after)


def test_an_entry_whose_head_moved_is_decided_again_on_the_new_policy() -> None:
    store, seen = Moving(1), list[Policy]()

    def decide(policy: Policy, _facts: Facts) -> Verdict[str]:
        seen.append(policy)
        return yes("a")

    with writer(lambda: store) as committer:
        assert committer.commit(entry("a", decide, on_success=(jti("a"),))) == "yes"
    assert seen == [Policy(0, frozenset()), Policy(1, frozenset({"s-0"}))]
    assert recorded(store) == ["a"]


def test_an_entry_whose_head_moved_twice_is_given_up() -> None:
    store = Moving(2)
    with writer(lambda: store) as committer:
        with pytest.raises(Unavailable, match="moved twice"):
            committer.commit(entry("a", on_success=(jti("a"),)))
        assert recorded(store) == []
        assert committer.commit(entry("b", on_success=(jti("a"),))) == "yes"
