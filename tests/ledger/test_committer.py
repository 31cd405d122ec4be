"""The writer thread and its line: who comes first, who is turned away, and that nobody waits in vain."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from threading import Thread

import pytest

from idjag.ledger.committer import Committer
from idjag.ledger.entry import Entry, Facts, Unavailable, Verdict
from idjag.ledger.memory import MemoryTransaction
from idjag.ledger.run import Law, Snapshots
from idjag.ledger.transaction import Store
from idjag.ledger.waiting import MOST_WAITING, URGENT_RESERVE
from tests.ledger.parts import KEY, LONG, NOW, Policy, T, entry, load, yes
from tests.ledger.writer import opened, recorded, writer


class Holdup:
    """An entry that keeps the writer busy until it is released."""

    def __init__(self, committer: Committer[Policy]) -> None:
        self._begun, self._released = threading.Event(), threading.Event()
        self.future = committer.submit(entry("holdup", self._decide))
        assert self._begun.wait(LONG)

    def release(self) -> None:
        self._released.set()

    def _decide(self, _policy: Policy, _facts: Facts) -> Verdict[str]:
        self._begun.set()
        assert self._released.wait(LONG)
        return yes("holdup")


def test_urgent_entries_come_first() -> None:
    store = opened()
    with writer(lambda: store) as committer:
        holdup = Holdup(committer)
        futures = [committer.submit(entry(name, urgent=name == "hold")) for name in ("a", "b", "hold")]
        holdup.release()
        assert [future.result(LONG) for future in futures] == ["yes"] * 3
    assert recorded(store) == ["holdup", "hold", "a", "b"]


def test_a_full_line_turns_away_and_keeps_places_for_the_kill_switch() -> None:
    store = opened()
    with writer(lambda: store) as committer:
        holdup = Holdup(committer)
        waiting = [committer.submit(entry(f"d-{n}")) for n in range(MOST_WAITING)]
        with pytest.raises(Unavailable, match="too many"):
            committer.submit(entry("one more")).result(LONG)
        urgent = [committer.submit(entry(f"u-{n}", urgent=True)) for n in range(URGENT_RESERVE)]
        with pytest.raises(Unavailable, match="too many"):
            committer.submit(entry("one more", urgent=True)).result(LONG)
        holdup.release()
        assert {future.result(LONG) for future in [*waiting, *urgent]} == {"yes"}
        assert committer.commit(entry("afterwards")) == "yes"
    assert "one more" not in recorded(store)


def test_a_cancelled_entry_does_not_run_and_its_neighbours_get_their_answers() -> None:
    store = opened()
    with writer(lambda: store) as committer:
        holdup = Holdup(committer)
        futures = [committer.submit(entry(name)) for name in ("a", "b", "c")]
        assert futures[1].cancel()
        assert not holdup.future.cancel()
        holdup.release()
        assert (futures[0].result(LONG), futures[2].result(LONG)) == ("yes", "yes")
    assert recorded(store) == ["holdup", "a", "c"]


@pytest.mark.parametrize("when", ["waiting", "running"])
def test_a_future_that_somebody_else_answered_costs_its_neighbours_nothing(when: str) -> None:
    store = opened()
    with writer(lambda: store) as committer:
        holdup = Holdup(committer)
        futures = [committer.submit(entry(name)) for name in ("a", "b")]
        (futures[0] if when == "waiting" else holdup.future).set_result("mine")
        holdup.release()
        assert futures[1].result(LONG) == "yes"


def test_a_callback_that_fails_costs_the_next_entry_nothing() -> None:
    store = opened()

    def fail(_future: Future[str]) -> None:
        raise RuntimeError("the loop is closed")

    with writer(lambda: store) as committer:
        holdup = Holdup(committer)
        holdup.future.add_done_callback(fail)
        holdup.release()
        assert committer.commit(entry("a")) == "yes"


def test_closing_finishes_what_is_queued() -> None:
    store = opened()
    with writer(lambda: store) as committer:
        holdup = Holdup(committer)
        futures = [committer.submit(entry(f"d-{n}")) for n in range(20)]
        closing = Thread(target=committer.close)
        closing.start()
        holdup.release()
        closing.join(LONG)
        assert [future.result(0) for future in futures] == ["yes"] * 20
        with pytest.raises(Unavailable, match="not serving"):
            committer.commit(entry("too late"))
        assert not committer.ready
    assert len(recorded(store)) == 21


def test_the_writer_is_no_daemon_and_ends_with_close() -> None:
    store, before = opened(), threading.enumerate()
    with writer(lambda: store) as committer:
        (thread,) = [each for each in threading.enumerate() if each not in before]
        assert thread.name == "idjag-ledger-writer"
        assert not thread.daemon
        with pytest.raises(RuntimeError, match="started already"):
            committer.start()
        assert committer.ready
    assert not thread.is_alive()
    committer.close()


def test_a_committer_that_was_not_started_serves_nobody() -> None:
    store = opened()
    committer: Committer[Policy] = Committer(lambda: store, Law(Snapshots(load), KEY))
    with pytest.raises(Unavailable, match="not serving"):
        committer.submit(entry("a")).result(LONG)
    committer.close()


def test_a_first_connection_that_fails_fails_the_start() -> None:
    def connect() -> Store:
        raise OSError("no such host")

    committer: Committer[Policy] = Committer(connect, Law(Snapshots(load), KEY))
    with pytest.raises(OSError, match="no such host"):
        committer.start()
    with pytest.raises(Unavailable, match="not serving"):
        committer.commit(entry("a"))
    committer.close()


def test_an_entry_that_waited_too_long_is_not_run() -> None:
    store, now = opened(), [0.0]
    with writer(lambda: store, deadline=5.0, clock=lambda: now[0]) as committer:
        holdup = Holdup(committer)
        old = committer.submit(entry("old"))
        now[0] = 0.5
        fresh = committer.submit(entry("fresh"))
        now[0] = 5.25
        holdup.release()
        with pytest.raises(Unavailable, match="waited longer"):
            old.result(LONG)
        assert fresh.result(LONG) == "yes"
    assert recorded(store) == ["holdup", "fresh"]


def test_who_gave_up_waiting_finds_nothing_done() -> None:
    store = opened()
    with writer(lambda: store, deadline=0.05) as committer:
        holdup = Holdup(committer)
        with pytest.raises(Unavailable, match="deadline"):
            committer.commit(entry("impatient"))
        holdup.release()
    assert recorded(store) == ["holdup"]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_an_exit_asked_for_in_a_decision_ends_that_entry_alone(kind: type[BaseException]) -> None:
    store = opened()

    def decide(_policy: Policy, _facts: Facts) -> Verdict[str]:
        raise kind

    with writer(lambda: store) as committer:
        with pytest.raises(Unavailable) as refused:
            committer.commit(entry("a", decide))
        assert isinstance(refused.value.__cause__, kind)
        assert committer.commit(entry("b")) == "yes"
    assert recorded(store) == ["b"]


def test_a_reply_may_be_an_exception() -> None:
    store, reply = opened(), ValueError("a value like any other")
    answer: Entry[Policy, ValueError] = Entry(
        T, "a", NOW, lambda _policy, _facts: Verdict(reply, []), lambda _one_time: Verdict(reply, [])
    )
    with writer(lambda: store) as committer:
        assert committer.commit(answer) is reply


def test_what_an_event_loop_queues_in_one_turn_is_one_batch() -> None:
    """The writer wakes up once, and one commit serves all of them."""
    store, begun = opened(), list[str]()

    class Counted:
        def begin(self) -> MemoryTransaction:
            begun.append("batch")
            return store.begin()

        def close(self) -> None:
            store.close()

    async def ask(committer: Committer[Policy]) -> list[str]:
        futures = [committer.submit(entry(f"d-{n}")) for n in range(16)]
        return [await asyncio.wrap_future(future) for future in futures]

    with writer(Counted) as committer:
        for _ in range(2):
            assert asyncio.run(ask(committer)) == ["yes"] * 16
    assert begun == ["batch"] * 2


def test_a_loop_that_ends_before_its_next_turn_keeps_no_entry_back_for_good() -> None:
    """Whatever is queued next wakes the writer, from another loop or from none."""

    async def leave(committer: Committer[Policy]) -> Future[str]:
        return committer.submit(entry("left"))

    with writer(opened) as committer:
        coroutine = leave(committer)
        loop = asyncio.new_event_loop()
        task = loop.create_task(coroutine)
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.close()
        assert committer.commit(entry("next")) == "yes"
        assert task.result().result(LONG) == "yes"
