"""What the writer does when a connection breaks, and when another node moves the head."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from idjag.ledger.entry import Facts, Head, Insert, Row, Unavailable, Verdict
from idjag.ledger.memory import MemoryStore, MemoryTransaction
from idjag.ledger.transaction import Store
from tests.ledger.parts import Policy, entry, jti, yes
from tests.ledger.writer import LONG, opened, recorded, writer


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
    with writer(faulty.connect) as committer:
        with pytest.raises(Unavailable):
            committer.commit(entry("a"))
        assert faulty.begun == 1
        faulty.step = None
        assert faulty.connected_again.wait(LONG)
        assert committer.commit(entry("b")) == "yes"
        assert (faulty.connections, faulty.closed) == (2, 1)
    assert faulty.closed == 2


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


def test_without_a_connection_entries_fail_at_once() -> None:
    """The clock stands still, so that the second attempt to connect never comes."""
    faulty = Faulty("commit")
    with writer(faulty.connect) as committer:
        faulty.refusals = 2
        for name in ("a", "b"):
            with pytest.raises(Unavailable):
                committer.commit(entry(name))
        assert not committer.ready
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
