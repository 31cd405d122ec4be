"""The cache of key sets under many threads and in an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Self

import pytest

from idjag.protocol.errors import Reason, Refused
from idjag.trust.fetch import Fetched
from idjag.trust.jwks import Jwks, KeysUnavailable
from idjag.trust.memory import MemoryFetcher
from tests.trust.parts import COOLDOWN, DOWN, ISSUER, LIMITS, ONE, RETRY, TTL, URI, Clock, kids

OTHER, OTHER_URI = "https://other.example", "https://other.example/jwks"


class Gate:
    """A fetcher whose answer for one place waits until the test opens it; others have theirs at once."""

    def __init__(self, answer: Callable[[], Fetched]) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.asked: list[str] = []
        self.bounds: set[tuple[int, str]] = set()
        self._answer = answer

    def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
        self.asked.append(url)
        self.bounds.add((max_bytes, accept))
        if url != URI:
            return good()
        self.entered.set()
        assert self.opened.wait(60)
        return self._answer()

    def close(self) -> None:
        self.entered.clear()
        self.opened.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.set()


def good() -> Fetched:
    return MemoryFetcher({URI: ONE}).get(URI, max_bytes=10_000)


def down() -> Fetched:
    raise DOWN


def serves(jwks: Jwks, issuer: str = ISSUER, uri: str = URI) -> bool:
    try:
        return kids(jwks.keys(issuer, uri)) == ["one"]
    except KeysUnavailable:
        return False


def filled(gate: Gate, clock: Clock) -> Jwks:
    """A cache that has its first set, behind a gate that is closed again."""
    gate.opened.set()
    jwks = Jwks(gate, clock, limits=LIMITS)
    assert serves(jwks)
    gate.close()
    return jwks


@pytest.mark.parametrize("answer", [good, down])
def test_many_threads_share_one_flight(answer: Callable[[], Fetched]) -> None:
    """One flight per issuer: 20 first uses are one fetch, whether it succeeds or fails."""
    with Gate(answer) as gate, ThreadPoolExecutor(20) as pool:
        jwks = Jwks(gate, Clock(), limits=LIMITS)
        uses = [pool.submit(serves, jwks) for _ in range(20)]
        assert gate.entered.wait(30)
        gate.opened.set()
        assert [use.result(30) for use in uses] == [answer is good] * 20
    assert gate.asked == [URI]
    assert gate.bounds == {(256 * 1024, "application/jwk-set+json, application/json")}


def test_an_event_loop_shares_one_flight_and_holds_no_thread() -> None:
    """One flight for 200 coroutines; not one of them has a thread."""

    async def all_at_once(jwks: Jwks, gate: Gate) -> list[list[str | None]]:
        before = set(threading.enumerate())
        uses = [asyncio.ensure_future(jwks.akeys(ISSUER, URI)) for _ in range(200)]
        await asyncio.sleep(0)
        assert await asyncio.to_thread(gate.entered.wait, 30)
        waiting = [one.name for one in set(threading.enumerate()) - before if "idjag" in one.name]
        gate.opened.set()
        found = [kids(await use) for use in uses]
        assert waiting == ["idjag-fetch"]
        return found

    with Gate(good) as gate:
        assert asyncio.run(all_at_once(Jwks(gate, Clock(), limits=LIMITS), gate)) == [["one"]] * 200
    assert gate.asked == [URI]


def test_what_is_at_hand_costs_an_event_loop_no_wait() -> None:
    """The usual case: a coroutine that never yields."""
    with Gate(good) as gate:
        coroutine = filled(gate, Clock()).akeys(ISSUER, URI)
        with pytest.raises(StopIteration):
            coroutine.send(None)


def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    """Cancelling one waiter must not end the flight for the next."""

    async def one_leaves(jwks: Jwks, gate: Gate) -> list[str | None]:
        leaves, stays = (asyncio.ensure_future(jwks.akeys(ISSUER, URI)) for _ in range(2))
        assert await asyncio.to_thread(gate.entered.wait, 30)
        leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaves
        gate.opened.set()
        return kids(await stays)

    with Gate(good) as gate:
        assert asyncio.run(one_leaves(Jwks(gate, Clock(), limits=LIMITS), gate)) == ["one"]


def test_a_hanging_issuer_holds_its_own_callers_alone_and_for_a_known_time() -> None:
    """No head-of-line blocking: other issuers are served while one says nothing (promise P19)."""
    with Gate(good) as gate, ThreadPoolExecutor(4) as pool:
        jwks = Jwks(gate, Clock(), limits=replace(LIMITS, patience=0.2))
        hanging = pool.submit(serves, jwks)
        assert gate.entered.wait(30)
        while not serves(jwks, OTHER, OTHER_URI):  # a busy machine may take longer than this patience
            pass
        assert hanging.result(30) is False
        with pytest.raises(KeysUnavailable, match="no answer yet"):
            asyncio.run(jwks.akeys(ISSUER, URI))
    assert gate.asked == [URI, OTHER_URI]


def test_threads_that_wait_are_bounded_for_one_issuer() -> None:
    """Thread bound: a third of all that may wait; the next one is told at once that we are busy."""
    with Gate(good) as gate, ThreadPoolExecutor(2) as pool:
        jwks = Jwks(gate, Clock(), limits=replace(LIMITS, waiting=6, patience=3600))
        seated = [pool.submit(serves, jwks) for _ in range(2)]
        assert gate.entered.wait(30)
        own, _every = jwks._kept.look((ISSUER, URI)).seats
        while own._value:  # one of the two is still on its way to its seat
            threading.Event().wait(0.001)
        with pytest.raises(Refused) as refused:
            jwks.keys(ISSUER, URI)
        assert refused.value.reason is Reason.UNAVAILABLE
        gate.opened.set()
        assert [use.result(30) for use in seated] == [True, True]
        assert serves(jwks)


def test_fetches_at_one_time_are_bounded() -> None:
    """Thread bound: with one flight allowed, a second issuer hears that we are busy, and later is served."""
    with Gate(good) as gate, ThreadPoolExecutor(1) as pool:
        jwks = Jwks(gate, Clock(), limits=replace(LIMITS, flights=1))
        hanging = pool.submit(serves, jwks)
        assert gate.entered.wait(30)
        with pytest.raises(Refused) as refused:
            jwks.keys(OTHER, OTHER_URI)
        assert refused.value.reason is Reason.UNAVAILABLE
        gate.opened.set()
        assert hanging.result(30)
        assert kids(jwks.keys(OTHER, OTHER_URI)) == ["one"]


def test_who_waited_for_a_slow_failure_does_not_try_again_in_turn() -> None:
    """20 waiting threads must not make a hanging issuer 20 times as slow."""
    clock = Clock()

    def slow() -> Fetched:
        clock.now += 100  # longer than any pause
        raise DOWN

    with Gate(slow) as gate, ThreadPoolExecutor(20) as pool:
        jwks = Jwks(gate, clock, limits=LIMITS)
        uses = [pool.submit(serves, jwks) for _ in range(20)]
        assert gate.entered.wait(30)
        gate.opened.set()
        assert [use.result(30) for use in uses] == [False] * 20
        assert not serves(jwks)  # the pause begins when it has failed
    assert gate.asked == [URI]


def test_old_keys_serve_while_another_thread_renews_them() -> None:
    """A slow issuer costs one request its time, not all of them."""
    clock = Clock()
    with Gate(good) as gate, ThreadPoolExecutor(1) as pool:
        jwks = filled(gate, clock)
        clock.now += TTL
        renewing = pool.submit(serves, jwks)
        assert gate.entered.wait(30)
        assert jwks._kept.look((ISSUER, URI)).landed is None  # nothing to wait for
        assert serves(jwks)
        assert not renewing.done()
        gate.opened.set()
        assert renewing.result(30)
    assert gate.asked == [URI, URI]


def test_who_renews_waits_only_briefly_while_there_is_something_to_use() -> None:
    """An issuer that hangs after it was good delays one request a little, and none much."""
    clock = Clock()
    with Gate(good) as gate:
        gate.opened.set()
        jwks = Jwks(gate, clock, limits=replace(LIMITS, brief=0.05, patience=3600))
        assert serves(jwks)
        gate.close()
        clock.now += TTL
        assert serves(jwks)
        assert gate.entered.wait(30)
        assert gate.asked == [URI, URI]


def test_an_unknown_kid_waits_for_the_flight_that_may_bring_it() -> None:
    """Rotation under load: the second token with the new kid must not fail because a first one asks."""
    clock = Clock()
    with Gate(good) as gate, ThreadPoolExecutor(2) as pool:
        jwks = filled(gate, clock)
        clock.now += COOLDOWN
        first = pool.submit(jwks.keys, ISSUER, URI, kid="new")
        assert gate.entered.wait(30)
        second = pool.submit(jwks.keys, ISSUER, URI, kid="new")
        with pytest.raises(TimeoutError):
            second.result(0.1)
        gate.opened.set()
        assert first.result(30) is second.result(30)
    assert gate.asked == [URI, URI]


def test_what_arrives_after_an_issuer_was_forgotten_is_used_by_nobody() -> None:
    """Attack case 163: a flight that was under way brings no trust back, to those who wait for it neither."""
    with Gate(good) as gate, ThreadPoolExecutor(1) as pool:
        jwks = Jwks(gate, Clock(), limits=LIMITS)
        flight = pool.submit(serves, jwks)
        assert gate.entered.wait(30)
        jwks.forget(ISSUER)
        gate.opened.set()
        assert flight.result(30) is False
        assert serves(jwks)
    assert gate.asked == [URI, URI]


def test_a_fault_of_ours_leaves_nobody_waiting() -> None:
    """An exception that nobody foresaw ends the flight like any failure; the next one may succeed."""
    clock = Clock()

    def broken() -> Fetched:
        if clock.now < 1001:
            raise KeyError("canary")
        return good()

    with Gate(broken) as gate:
        gate.opened.set()
        jwks = Jwks(gate, clock, limits=LIMITS)
        with pytest.raises(KeysUnavailable, match="KeyError") as missing:
            jwks.keys(ISSUER, URI)
        assert "canary" not in missing.value.problem
        clock.now += RETRY
        assert serves(jwks)
