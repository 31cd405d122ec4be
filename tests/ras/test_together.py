"""Lookups of many requests: put together while another one is under way, and none pays for its neighbours."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Event

import pytest

from idjag.ras.together import Together

LONG = 60.0


class Desk:
    """Answers with ten times the number, one call at a time; ``first`` lets the first call end."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.begun, self.first = Event(), Event()

    def ask(self, numbers: Sequence[int]) -> list[int]:
        self.calls.append(list(numbers))
        self.begun.set()
        assert self.first.wait(LONG)
        if 13 in numbers:
            raise ValueError("no")
        return [10 * number for number in numbers]


async def asked(desk: Desk, together: Together[int, int], *numbers: int) -> list[int | BaseException]:
    """The outcome of each when the first is under way before the others are asked."""
    first = asyncio.create_task(together.of(numbers[0]))
    await asyncio.to_thread(desk.begun.wait, LONG)
    rest = [asyncio.create_task(together.of(number)) for number in numbers[1:]]
    await asyncio.sleep(0)
    await asyncio.to_thread(int)  # another call would have begun by now
    alone = len(desk.calls) == 1
    desk.first.set()
    assert alone
    return await asyncio.gather(first, *rest, return_exceptions=True)


def test_what_is_asked_while_one_is_under_way_is_asked_in_one_go_next() -> None:
    desk = Desk()
    assert asyncio.run(asked(desk, Together(desk.ask), 1, 2, 3, 4)) == [10, 20, 30, 40]
    assert desk.calls == [[1], [2, 3, 4]]


def test_a_question_that_fails_costs_nobody_else_the_answer() -> None:
    desk = Desk()
    outcomes = asyncio.run(asked(desk, Together(desk.ask), 1, 2, 13, 4))
    assert [str(outcome) for outcome in outcomes] == ["10", "20", "no", "40"]


def test_more_than_a_batch_holds_is_asked_in_turns() -> None:
    desk = Desk()
    numbers = tuple(range(1000, 1100))
    assert asyncio.run(asked(desk, Together(desk.ask), 1, *numbers)) == [10, *(10 * n for n in numbers)]
    assert [len(call) for call in desk.calls] == [1, 64, 36]


def test_who_goes_away_takes_nothing_from_the_others() -> None:
    desk = Desk()
    together = Together(desk.ask)

    async def one_goes() -> int:
        goes = asyncio.create_task(together.of(1))
        await asyncio.to_thread(desk.begun.wait, LONG)
        stays = asyncio.create_task(together.of(2))
        goes.cancel()
        desk.first.set()
        with pytest.raises(asyncio.CancelledError):
            await goes
        return await stays

    assert asyncio.run(one_goes()) == 20


def test_another_event_loop_is_served_as_the_first_was() -> None:
    desk = Desk()
    desk.first.set()
    together = Together(desk.ask)
    assert [asyncio.run(together.of(n)) for n in (1, 2)] == [10, 20]
