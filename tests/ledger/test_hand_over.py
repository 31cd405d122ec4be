"""The event loop and the writer take turns: one batch for all that gathered, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from threading import Thread

from idjag.ledger.hand_over import HandOver

LONG = 60.0


class Writer:
    """Decides what it is woken for in a thread, and notes in which order things happened."""

    def __init__(self, hand_over: HandOver) -> None:
        self.hand_over = hand_over
        self.seen: list[str] = []
        self.threads: list[Thread] = []

    def wake(self) -> None:
        self.seen.append("woken")
        thread = Thread(target=self._decide)
        self.threads.append(thread)
        thread.start()

    def _decide(self) -> None:
        self.seen.append("decided")
        self.hand_over.decided()


def in_a_loop(work: Callable[[asyncio.AbstractEventLoop, list[str]], None], writer: Writer) -> list[str]:
    """What happened in one turn of a loop, and in the two after it."""

    async def turns() -> None:
        work(asyncio.get_running_loop(), writer.seen)
        for _ in range(3):
            await asyncio.sleep(0)
            writer.seen.append("turn")

    asyncio.run(turns())
    for thread in writer.threads:
        thread.join(LONG)
    return writer.seen


def test_the_loop_stands_aside_until_the_batch_is_decided() -> None:
    writer = Writer(HandOver(patience=LONG))

    def twice(loop: asyncio.AbstractEventLoop, seen: list[str]) -> None:
        writer.hand_over.call(loop, writer.wake)
        writer.hand_over.call(loop, writer.wake)
        seen.append("called")

    seen = in_a_loop(twice, writer)
    assert [what for what in seen if what != "turn"] == ["called", "woken", "decided"]
    assert seen.index("decided") < seen.index("turn")


def test_what_comes_during_a_batch_wakes_the_writer_when_that_has_its_answers() -> None:
    writer = Writer(HandOver(patience=LONG))
    writer.hand_over.call(loop := asyncio.new_event_loop(), writer.wake)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert writer.seen == ["woken", "decided"]

    async def further() -> list[str]:
        writer.hand_over.call(asyncio.get_running_loop(), writer.wake)
        for _ in range(5):
            await asyncio.sleep(0)
        before = list(writer.seen)
        writer.hand_over.done()
        for _ in range(5):
            await asyncio.sleep(0.001)
        return before

    assert asyncio.run(further()) == ["woken", "decided"]
    assert writer.seen == ["woken", "decided"] * 2
    loop.close()


def test_a_writer_that_hangs_holds_the_loop_no_longer_than_its_patience() -> None:
    hand_over = HandOver(patience=0.01)

    async def call() -> float:
        begun = time.monotonic()
        hand_over.call(asyncio.get_running_loop(), lambda: None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return time.monotonic() - begun

    assert 0.01 <= asyncio.run(call()) < LONG


def test_a_loop_that_has_ended_leaves_no_entry_behind() -> None:
    """The next batch is decided although nobody waits for it any more."""
    writer = Writer(HandOver(patience=LONG))

    async def twice() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            writer.hand_over.call(loop, writer.wake)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    asyncio.run(twice())
    assert writer.seen == ["woken", "decided"]
    writer.hand_over.done()
    assert writer.seen[2] == "woken"
    writer.threads[-1].join(LONG)


def test_without_patience_the_loop_goes_on_at_once_and_entries_gather_all_the_same() -> None:
    hand_over, woken = HandOver(), list[str]()

    async def twice() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            hand_over.call(loop, lambda: woken.append("woken"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert woken == ["woken"]
        hand_over.done()
        for _ in range(5):
            await asyncio.sleep(0.001)

    asyncio.run(twice())
    assert woken == ["woken"] * 2
