"""Questions of many requests put together: what comes while one answer is awaited is asked in one go next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

__all__ = ["Together"]

Q = TypeVar("Q")
A = TypeVar("A")

_MOST: Final = 64


class Together(Generic[Q, A]):
    """``ask`` answers questions in their order, and may block: one thread at a time calls it."""

    def __init__(self, ask: Callable[[Sequence[Q]], Sequence[A]]) -> None:
        self._ask = ask
        self._here: _Waiting[Q, A] | None = None

    async def of(self, question: Q) -> A:
        """The answer; raises what ``ask`` raises for this question alone."""
        loop = asyncio.get_running_loop()
        here = self._here
        if here is None or here.loop is not loop:
            here = self._here = _Waiting(loop, self._ask)
        return await here.answer(question)


class _Waiting(Generic[Q, A]):
    """One event loop and who waits there."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ask: Callable[[Sequence[Q]], Sequence[A]]) -> None:
        self.loop = loop
        self._ask = ask
        self._asked: list[tuple[Q, asyncio.Future[A]]] = []
        self._asking: asyncio.Task[None] | None = None

    def answer(self, question: Q) -> asyncio.Future[A]:
        """It comes with those of all who ask in this turn of the loop, or while others are being answered."""
        waiter: asyncio.Future[A] = self.loop.create_future()
        self._asked.append((question, waiter))
        if self._asking is None:
            self._asking = self.loop.create_task(self._go())
        return waiter

    async def _go(self) -> None:
        try:
            while self._asked:
                now, self._asked = self._asked[:_MOST], self._asked[_MOST:]
                await self._settle(now)
        finally:
            self._asking = None

    async def _settle(self, asked: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        """Whose question cannot be answered must not cost the others theirs."""
        try:
            answers = await asyncio.to_thread(self._ask, [question for question, _ in asked])
        except Exception as error:  # noqa: BLE001  # it is raised where somebody waits for it
            if len(asked) > 1:
                for each in asked:
                    await self._settle([each])
            elif not asked[0][1].done():
                asked[0][1].set_exception(error)
            return
        for (_, waiter), answer in zip(asked, answers, strict=True):
            if not waiter.done():
                waiter.set_result(answer)
