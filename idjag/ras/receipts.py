"""Tells issuers what became of their grants, if they ask for it: beside the requests, and never in their way.

What waits is kept in memory and bounded; the oldest goes when there is too much.  A receipt says nothing that
its issuer could not know: the jti, when, and an outcome of the fixed vocabulary (idjag.protocol.receipt).
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlencode

from idjag.protocol import receipt
from idjag.protocol.addresses import is_secure
from idjag.protocol.jose import KeySet, PrivateKey, jws
from idjag.protocol.receipt import Receipt
from idjag.ras.ports import Report
from idjag.trust.fetch import Fetched
from idjag.trust.issuers import discover
from idjag.trust.outbound import FetchFailed

__all__ = ["Counts", "Receipts", "Web"]

_GIVEN_UP: Final = 24 * 3600.0  # seconds after which nobody tries any more
_ASKED_AGAIN: Final = 3600.0  # seconds for which an issuer's metadata is believed
_WAITS: Final = (10.0, 30.0, 120.0, 300.0, 900.0, 3600.0)
_THREADS: Final = 4
_MOST_GRANTS: Final = 10_000
_MAX_ANSWER: Final = 4096
_TOLD_EVERY: Final = 60.0

log = logging.getLogger("idjag.ras")


class Web(Protocol):
    """The one way out; ``idjag.trust.fetch.PinnedFetcher`` is it."""

    def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
        """A document; raises FetchFailed."""
        ...

    def post(self, url: str, form: bytes, *, max_bytes: int, good: tuple[int, ...]) -> Fetched:
        """Send a form; raises FetchFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Counts:
    """Since the start: how many were delivered and how many dropped; and how many wait now."""

    delivered: int
    dropped: int
    waiting: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A receipt on its way; ``since`` by the clock that only goes forward."""

    told: Receipt
    since: float


@dataclass(slots=True)
class _Line:
    """What waits for one issuer, the oldest first; ``due``: not sooner."""

    issuer: str
    waiting: deque[_Waiting] = field(default_factory=deque)
    due: float = 0.0
    failures: int = 0
    busy: bool = False
    endpoint: str | None = None
    looked: float | None = None


class Receipts:
    """The port ``idjag.ras.ports.Receipts``, for one process.

    ``key`` signs receipts and should sign nothing else; ``public`` is what issuers verify with.  ``web`` is
    the way out; ``most`` may wait.  An issuer whose metadata has no ``receipt_endpoint`` asks for none.  A
    failure is tried again after ``waits`` (seconds), for a day.  Threads begin with the first receipt.
    """

    def __init__(
        self,
        key: PrivateKey,
        web: Web,
        *,
        most: int = 1000,
        waits: Sequence[float] = _WAITS,
        clock: Callable[[], int] = lambda: int(time.time()),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if most < 1 or not waits:
            raise ValueError("receipts: at least one may wait, and there is a time to wait")
        self._key = key
        self._web = web
        self._most = most
        self._waits = tuple(waits)
        self._clock = clock
        self._monotonic = monotonic
        self._lines: dict[str, _Line] = {}
        self._told: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()
        self._threads: list[threading.Thread] = []
        self._turn = threading.Condition()
        self._ends: float | None = None
        self._delivered = self._dropped = 0
        self._logged: float | None = None

    @property
    def counts(self) -> Counts:
        """How it goes, for the host's own figures."""
        with self._turn:
            return Counts(self._delivered, self._dropped, self._waiting())

    def public(self) -> KeySet:
        """What issuers verify receipts with: publish it, or give it to their administrators."""
        return KeySet([self._key.public])

    def sign_with(self, key: PrivateKey) -> None:
        """Another key from the next try on, also for what waits."""
        self._key = key

    def report(self, report: Report) -> None:
        """Take one report; never waits for anybody."""
        with self._turn:
            if self._ends is not None or not self._room_for(report):
                return
            line = self._lines.setdefault(report.issuer, _Line(report.issuer))
            told = Receipt(
                iss=report.sender,
                aud=report.issuer,
                jti=secrets.token_urlsafe(16),
                id_jag=report.id_jag,
                outcome=report.outcome,
                at=report.at,
            )
            if self._waiting() >= self._most:
                # of whom the most wait: an issuer that is away must not take the places of the others
                max(self._lines.values(), key=lambda each: len(each.waiting)).waiting.popleft()
                self._drop(1, "too many wait")
            line.waiting.append(_Waiting(told, self._monotonic()))
            self._begin_thread()
            self._turn.notify()

    def close(self, *, within: float = 2.0) -> None:
        """Send what can be sent at once, for ``within`` seconds, and end; the rest is counted and logged."""
        with self._turn:
            if self._ends is None:
                self._ends = self._monotonic() + within
            self._turn.notify_all()
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, self._ends - self._monotonic()) + 0.1)
        with self._turn:
            if left := self._waiting():
                for line in self._lines.values():
                    line.waiting.clear()
                self._drop(left, "the server ended")

    def _waiting(self) -> int:
        return sum(len(line.waiting) for line in self._lines.values())

    def _room_for(self, report: Report) -> bool:
        """An issuer takes so many of one grant: whoever presents a stolen one for ever fills no line."""
        key = (report.issuer, report.id_jag)
        every, refusals = self._told.pop(key, (0, 0))
        refused = report.outcome != receipt.REDEEMED
        room = every < receipt.MOST and (not refused or refusals < receipt.MOST_REFUSED)
        self._told[key] = (every + room, refusals + (room and refused))
        if len(self._told) > _MOST_GRANTS:
            self._told.popitem(last=False)
        return room

    def _begin_thread(self) -> None:
        lines = sum(bool(line.waiting) or line.busy for line in self._lines.values())
        if len(self._threads) < min(_THREADS, lines):
            # a host that forgets to close must be able to end
            name = f"idjag-receipts-{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        """Send what is due, one line at a time, until the end."""
        while (taken := self._next()) is not None:
            line, waiting = taken
            problem = self._sent(line, waiting)
            with self._turn:
                line.busy = False
                if problem is None:
                    line.failures, line.due = 0, 0.0
                else:
                    self._put_off(line, waiting)
                self._turn.notify()
            if problem is not None:
                log.info("receipt not delivered issuer=%s: %s", line.issuer, problem)

    def _next(self) -> tuple[_Line, _Waiting] | None:
        """The oldest of a line whose time has come; waits for one, and None at the end."""
        with self._turn:
            while True:
                now = self._monotonic()
                free = [line for line in self._lines.values() if line.waiting and not line.busy]
                line = min(free, key=lambda each: each.due, default=None)
                if self._ends is not None and (now >= self._ends or line is None or line.due > now):
                    return None
                if line is not None and line.due <= now:
                    line.busy = True
                    return line, line.waiting.popleft()
                self._turn.wait(None if line is None else line.due - now)

    def _sent(self, line: _Line, waiting: _Waiting) -> str | None:
        """One try; why it failed, if it did.  Whoever asks for none is told nothing."""
        try:
            endpoint = self._endpoint(line)
            if endpoint is None:
                self._silence(line)
                return None
            claims = receipt.claims(waiting.told, iat=self._clock())
            text = jws.sign(claims, key=self._key, typ=receipt.TYP)
            form = urlencode({"receipt": text}).encode("ascii")
            self._web.post(endpoint, form, max_bytes=_MAX_ANSWER, good=(200, 202, 204))
        except FetchFailed as failed:
            line.looked = None  # it may have moved
            return failed.problem
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the line
            return type(error).__name__
        with self._turn:
            self._delivered += 1
        return None

    def _endpoint(self, line: _Line) -> str | None:
        """Where the issuer's metadata says; None where it says nothing.  Raises FetchFailed."""
        now = self._monotonic()
        if line.looked is None or now - line.looked >= _ASKED_AGAIN:
            said = discover(self._web, line.issuer).members.get("receipt_endpoint")
            if said is not None and (not isinstance(said, str) or not is_secure(said)):
                raise FetchFailed("its receipt_endpoint is no https URL")
            line.endpoint, line.looked = said, now
        return line.endpoint

    def _silence(self, line: _Line) -> None:
        """It asks for none: what has gathered goes, and is no loss to be counted."""
        with self._turn:
            line.waiting.clear()

    def _put_off(self, line: _Line, waiting: _Waiting) -> None:
        """Back to the front of its line, which waits longer each time; unless a day has passed."""
        now = self._monotonic()
        line.failures += 1
        line.due = now + self._waits[min(line.failures, len(self._waits)) - 1]
        if now - waiting.since >= _GIVEN_UP or self._waiting() >= self._most:
            self._drop(1, "nobody took it for a day" if now - waiting.since >= _GIVEN_UP else "too many wait")
            return
        line.waiting.appendleft(waiting)

    def _drop(self, count: int, why: str) -> None:
        """Counted, and said once a minute."""
        self._dropped += count
        now = self._monotonic()
        if self._logged is None or now - self._logged >= _TOLD_EVERY:
            self._logged = now
            log.warning("receipts dropped: %s; since the start: %d", why, self._dropped)
