"""The cache of key sets under many threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from idjag.trust.fetch import Fetched
from idjag.trust.jwks import Jwks, KeysUnavailable
from idjag.trust.memory import MemoryFetcher
from tests.trust.parts import COOLDOWN, DOWN, ISSUER, ONE, TTL, URI, Clock, kids


class Gate:
    """A fetcher whose answer waits until the test opens it."""

    def __init__(self, answer: Callable[[], Fetched]) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.asked: list[tuple[str, int, str]] = []
        self._answer = answer

    def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
        self.asked.append((url, max_bytes, accept))
        self.entered.set()
        assert self.opened.wait(30)
        return self._answer()

    def close(self) -> None:
        self.entered.clear()
        self.opened.clear()


def good() -> Fetched:
    return MemoryFetcher({URI: ONE}).get(URI, max_bytes=10_000)


def down() -> Fetched:
    raise DOWN


def serves(jwks: Jwks) -> bool:
    try:
        return kids(jwks.keys(ISSUER, URI)) == ["one"]
    except KeysUnavailable:
        return False


def filled(gate: Gate, clock: Clock) -> Jwks:
    """A cache that has its first set, behind a gate that is closed again."""
    gate.opened.set()
    jwks = Jwks(gate, clock, ttl=TTL, cooldown=COOLDOWN)
    assert serves(jwks)
    gate.close()
    return jwks


@pytest.mark.parametrize("answer", [good, down])
def test_many_threads_share_one_flight(answer: Callable[[], Fetched]) -> None:
    """One flight per issuer: 20 first uses are one fetch, whether it succeeds or fails."""
    gate = Gate(answer)
    jwks = Jwks(gate, Clock())
    with ThreadPoolExecutor(20) as pool:
        uses = [pool.submit(serves, jwks) for _ in range(20)]
        assert gate.entered.wait(30)
        gate.opened.set()
        assert [use.result(30) for use in uses] == [answer is good] * 20
    assert len(gate.asked) == 1


def test_who_waited_for_a_slow_failure_does_not_try_again_in_turn() -> None:
    """20 waiting threads must not make a hanging issuer 20 times as slow."""
    clock = Clock()

    def slow() -> Fetched:
        clock.now += 100  # longer than any pause
        raise DOWN

    gate = Gate(slow)
    jwks = Jwks(gate, clock)
    with ThreadPoolExecutor(20) as pool:
        uses = [pool.submit(serves, jwks) for _ in range(20)]
        assert gate.entered.wait(30)
        gate.opened.set()
        assert [use.result(30) for use in uses] == [False] * 20
    assert len(gate.asked) == 1


def test_old_keys_serve_while_another_thread_renews_them() -> None:
    """A slow issuer costs one request its time, not all of them."""
    gate, clock = Gate(good), Clock()
    jwks = filled(gate, clock)
    clock.now += TTL
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(serves, jwks)
        try:
            assert gate.entered.wait(30)
            assert serves(jwks)
            assert not renewing.done()
        finally:
            gate.opened.set()
        assert renewing.result(30)
    assert len(gate.asked) == 2


def test_an_unknown_kid_waits_for_the_flight_that_may_bring_it() -> None:
    """Rotation under load: the second token with the new kid must not fail because a first one asks."""
    gate, clock = Gate(good), Clock()
    jwks = filled(gate, clock)
    clock.now += COOLDOWN
    with ThreadPoolExecutor(2) as pool:
        try:
            first = pool.submit(jwks.refresh, ISSUER, URI)
            assert gate.entered.wait(30)
            second = pool.submit(jwks.refresh, ISSUER, URI)
            with pytest.raises(TimeoutError):
                second.result(0.1)
        finally:
            gate.opened.set()
        assert first.result(30) is second.result(30)
    assert len(gate.asked) == 2


def test_what_arrives_after_an_issuer_was_forgotten_is_not_kept() -> None:
    """Attack case 163: a flight that was under way must not bring trust back."""
    gate, clock = Gate(good), Clock()
    jwks = Jwks(gate, clock)
    with ThreadPoolExecutor(1) as pool:
        flight = pool.submit(serves, jwks)
        try:
            assert gate.entered.wait(30)
            jwks.forget(ISSUER)
        finally:
            gate.opened.set()
        assert flight.result(30)
    assert serves(jwks)
    assert len(gate.asked) == 2
