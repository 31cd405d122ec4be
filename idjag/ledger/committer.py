"""The one writer of a process: takes entries from the line, settles each, answers; knows no database.

Entries are settled one by one here.  A later committer may settle many in one transaction; its callers
will not notice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

from idjag.ledger.entry import Conflict, Entry, Unavailable
from idjag.ledger.run import Snapshots, log_failure, settle
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
        snapshots: Snapshots[S],
        *,
        chain_key: bytes,
        deadline: float = DEADLINE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._snapshots = snapshots
        self._chain_key = chain_key
        self._deadline = deadline
        self._monotonic = monotonic
        self._line = Line()
        self._thread: Thread | None = None
        self._starting = Lock()
        self._store: Store | None = None
        self._delay = 0.0
        self._next_attempt = 0.0

    @property
    def ready(self) -> bool:
        """Whether the writer has a connection that it trusts."""
        return self._store is not None

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
        """Queue an entry; a full or closed line shows in the future, as Unavailable."""
        future: Future[R] = Future()
        try:
            self._line.put(Job(entry=entry, future=future, until=self._monotonic() + self._deadline))
        except Unavailable as error:
            future.set_exception(error)
        return future

    def commit(self, entry: Entry[S, R]) -> R:
        """Queue an entry and wait for its reply, no longer than the deadline."""
        future = self.submit(entry)
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
            job = self._line.take(self._pause())
            self._connect_again()
            if job is not None:
                self._answer(job)
            # While the writer waits for the next job it must not keep the last one alive.
            del job
        self._disconnect()

    def _answer(self, job: Job) -> None:
        """Give the job its one outcome; whatever happens, the writer goes on."""
        try:
            if not job.future.set_running_or_notify_cancel():
                return
            outcome = self._outcome(job)
            if isinstance(outcome, _Reply):
                job.future.set_result(outcome.value)
            else:
                job.future.set_exception(outcome)
        except (InvalidStateError, RuntimeError) as error:
            # Somebody else has answered a future that is ours alone; its neighbours are still waiting.
            log_failure("a future was answered elsewhere", error)

    def _outcome(self, job: Job) -> _Reply | Exception:
        if self._monotonic() > job.until:
            return Unavailable("it waited longer than the deadline")
        if self._store is None:
            return Unavailable("no connection to the database")
        try:
            reply = settle(job.entry, self._store, snapshots=self._snapshots, chain_key=self._chain_key)
        except Broken as error:
            self._disconnect()
            self._back_off()
            return error
        except (Unavailable, Conflict) as error:
            return error
        except BaseException as error:  # noqa: BLE001  # an exit asked for in a decision ends no ledger
            log_failure("an entry failed", error)
            return _caused(Unavailable("the entry failed"), error)
        self._delay = 0.0
        return _Reply(reply)

    def _pause(self) -> float | None:
        """Seconds until the next attempt to connect; None while there is a connection."""
        if self._store is not None:
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


class _Reply:
    """A reply, told apart from exceptions: an owner's reply may be anything."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _caused(error: Unavailable, cause: BaseException) -> Unavailable:
    error.__cause__ = cause
    return error
