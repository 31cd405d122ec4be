"""What others publish, kept: fetched once for all who ask, used while good, and nobody's neighbours wait.

Every fetch has a thread of its own.  Who asks is told at once what is at hand, or what to wait for.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, TypeVar

from idjag.trust.fetch import Fetched
from idjag.trust.looks import Look, NotKept
from idjag.trust.outbound import FetchFailed

__all__ = ["Kept", "Limits"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# A max-age that is no number is none that we could believe: 0.
_DIRECTIVE = re.compile(r"(?:^|[\s,])(no-store|no-cache|max-age=\"?([0-9]{0,9}))", re.IGNORECASE)
_MOST_ENTRIES = 10_000

log = logging.getLogger("idjag.trust")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things are kept, and how much may be under way; times in seconds.

    ``ttl``: how long an answer that says nothing is used before it is fetched again; one that says
    ``max-age`` is held to between ``shortest`` and ``longest``.  ``max_stale``: how long after it was fetched
    it is used at most, when it cannot be renewed.  ``cooldown``: between two fetches while there is something
    to use; ``retry``: while there is nothing.  ``patience``: how long one caller waits with nothing in hand,
    ``brief`` with something old.  ``flights``: fetches at one time.  ``waiting``: threads that wait at one
    time, and for one thing a third of them; callers of an event loop cost nothing and are not counted.
    """

    ttl: float = 600.0
    shortest: float = 60.0
    longest: float = 3600.0
    max_stale: float = 4 * 3600.0
    cooldown: float = 30.0
    retry: float = 5.0
    patience: float = 5.0
    brief: float = 1.0
    flights: int = 32
    waiting: int = 96

    def __post_init__(self) -> None:
        times = (self.cooldown, self.shortest, self.ttl, self.longest, self.max_stale)
        if not 0 < self.retry <= self.cooldown or list(times) != sorted(times):
            raise ValueError(
                "limits: retry, cooldown, shortest, ttl, longest, max_stale must be in this order"
            )
        if self.flights < 1 or self.waiting < 3:
            raise ValueError("limits: at least one flight, and three that wait")

    def lifetime(self, fetched: Fetched) -> float:
        """How long the answer is fresh: RFC 9111 sections 4.2.1 and 5.2.2, within our own bounds."""
        said = _DIRECTIVE.findall(fetched.headers.get("cache-control", ""))
        if not said:
            return self.ttl
        ages = [int(seconds) if seconds else 0 for _, seconds in said]
        age = fetched.headers.get("age", "")
        spent = int(age) if re.fullmatch(r"[0-9]{1,9}", age) else 0
        return min(max(float(min(ages) - spent), self.shortest), self.longest)


@dataclass(frozen=True, slots=True)
class _State(Generic[V]):
    """What is known of one thing; times are seconds of the monotonic clock."""

    value: V | None = None
    fetched: float = 0.0
    due: float = 0.0
    tried: float | None = None
    problem: str = "never fetched"


@dataclass(slots=True, eq=False)
class _Entry(Generic[V]):
    """One thing; ``flight`` is done when the fetch that is under way has ended, well or not."""

    state: _State[V]
    seats: threading.Semaphore
    lock: threading.Lock = field(default_factory=threading.Lock)
    flight: Future[None] | None = None
    forgotten: bool = False


class Kept(Generic[K, V]):
    """Things by key, for many threads.

    ``fetch`` gives a thing and the answer that it came in, or raises FetchFailed; it runs in a thread of its
    own, once at a time for each key.  ``name`` is what a thing is called in logs and problems.  ``landed`` is
    told what was there before, if anything, and what came.  No key is ever taken from a request.
    """

    def __init__(
        self,
        fetch: Callable[[K], tuple[V, Fetched]],
        name: Callable[[K], str],
        *,
        limits: Limits,
        monotonic: Callable[[], float] = time.monotonic,
        landed: Callable[[K, V | None, V], None] = lambda _key, _before, _now: None,
    ) -> None:
        self._fetch = fetch
        self._name = name
        self._limits = limits
        self._monotonic = monotonic
        self._landed = landed
        self._entries: dict[K, _Entry[V]] = {}
        self._adding = threading.Lock()
        self._flights = threading.Semaphore(limits.flights)
        self._seats = threading.Semaphore(limits.waiting)

    def look(self, key: K, lacks: Callable[[V], bool] = lambda _value: False) -> Look[V]:
        """What is at hand; ``lacks`` says of something fresh that it is a reason to fetch again all the same.

        Never blocks: begins a fetch when one is due and none is under way.
        """
        entry = self._entry(key)
        value = partial(self._value, key, entry)
        with entry.lock:
            state, now = entry.state, self._monotonic()
            serves = self._serves(state, now)
            lacking = serves and state.value is not None and lacks(state.value)
            if serves and now < state.due and not lacking:
                return Look(value)
            due = entry.flight is None and self._may_try(state, now)
            began = due and self._take_off(key, entry)
            flight = entry.flight
        if due and not began and not serves:
            return Look(partial(self._grounded, key))
        if not (began or lacking) and serves:
            # who has something old in hand does not queue behind the one who renews it
            return Look(value)
        patience = self._limits.brief if serves and not lacking else self._limits.patience
        return Look(value, flight, patience, (entry.seats, self._seats))

    def forget(self, known: Callable[[K], bool]) -> None:
        """Drop the things of these keys; what is under way for them comes to nothing."""
        with self._adding:
            gone = [key for key in self._entries if known(key)]
            for key in gone:
                entry = self._entries.pop(key)
                with entry.lock:
                    entry.forgotten = True
                    entry.state = _State(problem="no longer wanted")

    def _entry(self, key: K) -> _Entry[V]:
        entry = self._entries.get(key)
        if entry is None:
            with self._adding:
                if len(self._entries) >= _MOST_ENTRIES:  # what is no longer configured is asked for by nobody
                    self._entries.pop(next(iter(self._entries)))
                seats = threading.Semaphore(self._limits.waiting // 3)
                entry = self._entries.setdefault(key, _Entry(_State(), seats))
        return entry

    def _serves(self, state: _State[V], now: float) -> bool:
        return state.value is not None and now - state.fetched <= self._limits.max_stale

    def _may_try(self, state: _State[V], now: float) -> bool:
        """Not sooner after the last attempt than this, successful or not: strangers can make us look."""
        limits = self._limits
        pause = limits.cooldown if self._serves(state, now) else limits.retry
        return state.tried is None or now - state.tried >= pause

    def _take_off(self, key: K, entry: _Entry[V]) -> bool:
        """Begin a fetch; False when too many are under way.  The caller holds the entry's lock."""
        if not self._flights.acquire(blocking=False):
            return False
        flight: Future[None] = Future()
        flight.set_running_or_notify_cancel()  # nobody who gives up can cancel it for the others
        thread = threading.Thread(
            target=self._fly, args=(key, entry, flight), name="idjag-fetch", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads
            self._flights.release()
            return False
        entry.flight = flight
        return True

    def _fly(self, key: K, entry: _Entry[V], flight: Future[None]) -> None:
        before, started = entry.state, self._monotonic()
        after = self._outcome(key, before, started)
        self._flights.release()
        with entry.lock:
            entry.flight = None
            if not entry.forgotten:
                # counted from the end: else those who waited for a slow failure would each try in turn
                entry.state = replace(after, tried=self._monotonic())
        flight.set_result(None)
        if after.value is not None and after.value is not before.value and not entry.forgotten:
            self._landed(key, before.value, after.value)

    def _outcome(self, key: K, state: _State[V], started: float) -> _State[V]:
        """What is known after one fetch; whatever goes wrong, what was good stays in use for its time."""
        try:
            value, answer = self._fetch(key)
        except FetchFailed as failed:
            problem = failed.problem
        except Exception as error:  # noqa: BLE001 - a fault of ours must not leave callers waiting for ever
            problem = f"fetching it failed here ({type(error).__name__})"
        else:
            return _State(value, fetched=started, due=started + self._limits.lifetime(answer))
        kept = "; what was fetched earlier stays in use" if self._serves(state, started) else ""
        log.warning("%s: %s%s", self._name(key), problem, kept)
        return replace(state, problem=problem)

    def _value(self, key: K, entry: _Entry[V]) -> V:
        state, now = entry.state, self._monotonic()
        if state.value is not None and self._serves(state, now):
            return state.value
        if entry.flight is not None:
            raise NotKept(f"{self._name(key)}: no answer yet")
        stale = f"not renewed for over {self._limits.max_stale:g} seconds: "
        raise NotKept(f"{self._name(key)}: {stale if state.value is not None else ''}{state.problem}")

    def _grounded(self, key: K) -> V:
        raise NotKept(f"{self._name(key)}: too much is being fetched at this moment", ours=True)
