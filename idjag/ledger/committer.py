"""The one writer of a process: takes entries from the line, a batch at a time, answers; knows no database."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

from idjag.ledger.batch import Failed, Outcome, Reply
from idjag.ledger.entry import Conflict, Entry, Unavailable
from idjag.ledger.failure import failed, log_failure
from idjag.ledger.hand_over import HandOver
from idjag.ledger.run import Law, try_to_write
from idjag.ledger.transaction import Broken, Store
from idjag.ledger.waiting import DEADLINE, Job, Line

__all__ = ["Committer"]

R = TypeVar("R")
S = TypeVar("S")

_FIRST_DELAY = 0.05
_LONGEST_DELAY = 2.0


class Committer(Generic[S]):
    """Owns the writer thread and, through it, the writing connection.

    ``connect`` is called in the writer thread, again after every broken connection.  ``deadline`` is in
    seconds of ``monotonic``.
    """

    def __init__(
        self,
        connect: Callable[[], Store],
        law: Law,
        *,
        deadline: float = DEADLINE,
        monotonic: Callable[[], float] = time.monotonic,
        hand_over: HandOver | None = None,
    ) -> None:
        self._connect = connect
        self._law = law
        self._deadline = deadline
        self._monotonic = monotonic
        self._line = Line()
        self._thread: Thread | None = None
        self._starting = Lock()
        self._store: Store | None = None
        self._failing = False
        self._delay = 0.0
        self._next_attempt = 0.0
        self._hand_over = hand_over or HandOver()

    @property
    def ready(self) -> bool:
        """Whether the writer is connected, and nothing says that it could not make an entry durable now.

        The writer finds out by itself when it can again: nobody is sent here meanwhile.
        """
        return self._store is not None and not self._failing

    def start(self) -> None:
        """Start the writer and wait until it is connected; raises what the first connection raised."""
        connected: Future[None] = Future()
        with self._starting:
            if self._thread is not None:
                raise RuntimeError("the committer was started already")
            # Never a daemon: one that is cut off in a commit would leave its waiters without an answer.
            self._thread = Thread(
                target=self._write, args=(connected,), name="idjag-ledger-writer", daemon=False
            )
            self._thread.start()
        connected.result()

    def submit(self, entry: Entry[S, R]) -> Future[R]:
        """Queue an entry; a full or closed line shows in the future, as Unavailable.

        From an event loop, the writer hears of it in the loop's next turn, together with all that the loop
        puts into the line until then: one wake-up and one batch.
        """
        loop = _running_loop()
        future = self._put(entry, wake=loop is None)
        if loop is not None and not future.done():
            self._hand_over.call(loop, self._line.wake)
        return future

    def _put(self, entry: Entry[S, R], *, wake: bool) -> Future[R]:
        future: Future[R] = Future()
        job = Job(entry=entry, future=future, until=self._monotonic() + self._deadline)
        try:
            self._line.put(job, wake=wake)
        except Unavailable as error:
            future.set_exception(error)
        return future

    def commit(self, entry: Entry[S, R]) -> R:
        """Queue an entry and wait for its reply, no longer than the deadline."""
        future = self._put(entry, wake=True)
        try:
            return future.result(self._deadline)
        except (TimeoutError, CancelledError):
            # What did not begin must not happen behind the back of somebody who was told that it failed.
            future.cancel()
            raise Unavailable("no outcome within the deadline") from None

    def close(self) -> None:
        """Let the writer finish the line, and wait for it."""
        self._line.close()
        with self._starting:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _write(self, connected: Future[None]) -> None:
        """The life of the writer thread."""
        try:
            self._store = self._connect()
        except BaseException as error:  # noqa: BLE001  # start() raises it, in the thread that asked
            connected.set_exception(error)
            return
        self._line.open()
        connected.set_result(None)
        while not self._line.finished:
            jobs = self._line.take(self._pause())
            self._connect_again()
            if not jobs and self._failing:
                self._try_to_write()
            self._carry_out(jobs)
            self._hand_over.done()
            # While the writer waits for the next jobs it must not keep the last ones alive.
            del jobs
        self._disconnect()

    def _carry_out(self, jobs: Sequence[Job]) -> None:
        """Give every job its one outcome; whatever happens, the writer goes on."""
        alive = deque(job for job in jobs if self._begins(job))
        if not alive:
            return
        doubtful = True
        try:
            for outcome in self._outcomes([job.entry for job in alive]):
                doubtful = (
                    doubtful and isinstance(outcome, Failed) and not isinstance(outcome.error, Conflict)
                )
                _answer(alive.popleft(), outcome)
        except Broken as error:
            self._break()
            _answer_all(alive, error)
        except BaseException as error:  # noqa: BLE001  # the writer must not end while others wait
            _answer_all(alive, failed(error))
        if doubtful and self._store is not None:
            self._try_to_write()

    def _begins(self, job: Job) -> bool:
        """Whether the job is still wanted; one that came too late has its answer now."""
        try:
            if not job.future.set_running_or_notify_cancel():
                return False
        except (InvalidStateError, RuntimeError) as error:
            log_failure("a future was answered elsewhere", error)
            return False
        if self._monotonic() > job.until:
            _answer(job, Failed(Unavailable("it waited longer than the deadline")))
            return False
        return True

    def _outcomes(self, entries: Sequence[Entry[Any, Any]]) -> Iterator[Outcome]:
        if self._store is None:
            yield from [Failed(Unavailable("no connection to the database"))] * len(entries)
            return
        for outcome in self._law.settle(entries, self._store):
            if isinstance(outcome, Reply):
                self._delay = 0.0
                self._failing = False
            yield outcome

    def _pause(self) -> float | None:
        """Seconds until the next attempt to connect or to write; None while all is well."""
        if self.ready:
            return None
        return max(0.0, self._next_attempt - self._monotonic())

    def _connect_again(self) -> None:
        if self._store is not None or self._monotonic() < self._next_attempt:
            return
        try:
            self._store = self._connect()
        except Exception as error:  # noqa: BLE001  # whatever it is, the next attempt may do better
            log_failure("no connection to the database", error)
            self._back_off()

    def _try_to_write(self) -> None:
        """Find out whether it is the database that fails, or was the entries."""
        if self._store is None or (self._failing and self._monotonic() < self._next_attempt):
            return
        try:
            try_to_write(self._store)
        except Broken as error:
            log_failure("the database cannot be written", error)
            self._break()
        except Exception as error:  # noqa: BLE001  # whatever it is, the next attempt may do better
            log_failure("the database cannot be written", error)
            self._failing = True
            self._back_off()
        else:
            self._failing = False

    def _break(self) -> None:
        """Give the connection up; a new one must show that it can write."""
        self._failing = True
        self._disconnect()
        self._back_off()

    def _back_off(self) -> None:
        """The first new attempt comes at once; each one after it later, until an entry has succeeded."""
        self._next_attempt = self._monotonic() + self._delay
        self._delay = min(max(self._delay * 2, _FIRST_DELAY), _LONGEST_DELAY)

    def _disconnect(self) -> None:
        store, self._store = self._store, None
        if store is None:
            return
        try:
            store.close()
        except Exception as error:  # noqa: BLE001  # it is given up anyway
            log_failure("a broken connection did not close", error)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _answer(job: Job, outcome: Outcome) -> None:
    try:
        if isinstance(outcome, Reply):
            job.future.set_result(outcome.value)
        else:
            job.future.set_exception(outcome.error)
    except (InvalidStateError, RuntimeError) as error:
        # Somebody else has answered a future that is ours alone; its neighbours are still waiting.
        log_failure("a future was answered elsewhere", error)


def _answer_all(jobs: Iterable[Job], error: Unavailable | Conflict) -> None:
    for job in jobs:
        _answer(job, Failed(error))
