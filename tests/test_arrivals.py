"""Outcomes of other threads in an event loop: brought together, in time, and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from threading import Thread
from typing import Any

import pytest

from idjag.arrivals import Arrivals

LONG = 60.0


class Counting(asyncio.SelectorEventLoop):
    """Counts how often other threads called it."""

    calls = 0

    def _write_to_self(self) -> None:
        """What wakes a loop that sleeps; each time it is a system call."""
        self.calls += 1
        super()._write_to_self()  # type: ignore[misc]


class Hurried(asyncio.SelectorEventLoop):
    """Time passes when a test says so, in seconds."""

    passed = 0.0

    def time(self) -> float:
        return super().time() + self.passed


def settle(futures: list[Future[int]]) -> None:
    for n, future in enumerate(futures):
        future.set_result(n)


def elsewhere(work: Callable[[], object]) -> None:
    """In another thread, to its end, while the loop stands still."""
    thread = Thread(target=work)
    thread.start()
    thread.join()


async def begun(*waits: Awaitable[Any]) -> list[asyncio.Task[Any]]:
    """Tasks that wait already."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.sleep(0)
    return tasks


def test_outcomes_that_land_together_wake_the_loop_once() -> None:
    loop = Counting()
    futures = [Future[int]() for _ in range(16)]
    arrivals = Arrivals(within=LONG)

    async def wait() -> list[int]:
        tasks = await begun(*map(arrivals.of, futures))
        elsewhere(lambda: settle(futures))
        return [int(each) for each in await asyncio.gather(*tasks)]

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(wait()) == list(range(16))
    assert loop.calls == 1


def test_outcomes_that_land_later_wake_the_loop_again() -> None:
    arrivals = Arrivals()

    async def wait() -> list[int]:
        seen = list[int]()
        for n in range(3):
            future = Future[int]()
            (task,) = await begun(arrivals.of(future))
            elsewhere(partial(future.set_result, n))
            seen.append(await task)
        return seen

    assert asyncio.run(wait()) == [0, 1, 2]


def test_an_error_reaches_the_one_who_waits_and_nobody_else() -> None:
    good, bad = Future[str](), Future[str]()
    arrivals = Arrivals(within=LONG)

    async def wait() -> list[object]:
        tasks = await begun(arrivals.of(bad), arrivals.of(good))
        elsewhere(partial(bad.set_exception, LookupError("no")))
        elsewhere(partial(good.set_result, "yes"))
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    first, second = asyncio.run(wait())
    assert isinstance(first, LookupError)
    assert second == "yes"


def test_a_future_cancelled_elsewhere_cancels_the_one_who_waits() -> None:
    future = Future[str]()
    arrivals = Arrivals(within=LONG)

    async def wait() -> None:
        (task,) = await begun(arrivals.of(future))
        elsewhere(future.cancel)
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(wait())


def test_who_waits_too_long_is_told_and_what_has_not_begun_is_cancelled() -> None:
    late, later, done = Future[str](), Future[str](), Future[str]()
    arrivals = Arrivals(within=0.01)
    done.set_result("in time")

    async def wait() -> list[object]:
        waits = (arrivals.of(late), arrivals.of(later), arrivals.of(done))
        return list(await asyncio.gather(*waits, return_exceptions=True))

    first, second, third = asyncio.run(wait())
    assert isinstance(first, TimeoutError)
    assert isinstance(second, TimeoutError)
    assert third == "in time"
    assert late.cancelled()
    assert later.cancelled()


def test_the_one_timer_is_set_again_for_who_came_later() -> None:
    loop = Hurried()
    first, second = Future[str](), Future[str]()
    arrivals = Arrivals(within=LONG)

    async def wait() -> None:
        (task,) = await begun(arrivals.of(first))
        loop.passed += LONG / 2
        (other,) = await begun(arrivals.of(second))
        loop.passed += LONG / 2
        with pytest.raises(TimeoutError):
            await task
        assert not second.cancelled()
        loop.passed += LONG / 2
        with pytest.raises(TimeoutError):
            await other

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(wait())
    assert second.cancelled()


def test_a_client_that_goes_away_cancels_what_has_not_begun_and_costs_nobody_else() -> None:
    gone, stays = Future[str](), Future[str]()
    arrivals = Arrivals(within=LONG)

    async def wait() -> str:
        task, other = await begun(arrivals.of(gone), arrivals.of(stays))
        task.cancel()
        await asyncio.wait({task})
        elsewhere(partial(stays.set_result, "served"))
        return str(await other)

    assert asyncio.run(wait()) == "served"
    assert gone.cancelled()


def test_what_lands_after_its_loop_was_closed_disturbs_nobody() -> None:
    begun_elsewhere, after = Future[str](), Future[str]()
    assert begun_elsewhere.set_running_or_notify_cancel()
    arrivals = Arrivals(within=0.01)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await arrivals.of(begun_elsewhere)

    async def wait() -> str:
        (task,) = await begun(arrivals.of(after))
        elsewhere(partial(after.set_result, "served"))
        return str(await task)

    asyncio.run(give_up())
    begun_elsewhere.set_result("late")
    assert asyncio.run(wait()) == "served"
