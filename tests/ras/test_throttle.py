"""Who guesses secrets is slowed down, and nobody else: attack case 38."""

from __future__ import annotations

import pytest

from idjag.protocol.errors import Refused
from idjag.ras.throttle import Throttle
from tests.ras.test_client_auth import by_key
from tests.ras.world import CLIENT, NOW, World, basic, body, grant

HERE, THERE = "192.0.2.1", "192.0.2.2"


def fail(throttle: Throttle, times: int, client_id: str = CLIENT, source: str = HERE) -> None:
    for _ in range(times):
        throttle.failed(client_id, source, now=NOW)


def wait(throttle: Throttle, client_id: str = CLIENT, source: str = HERE, *, now: int = NOW) -> int:
    """Seconds that this client must wait there; 0 when it may try."""
    try:
        throttle.check(client_id, source, now=now)
    except Refused as refused:
        return refused.wait
    return 0


def test_twenty_wrong_secrets_slow_down_their_sender_alone(world: World) -> None:
    """Attack case 38: the right secret from another address works, and other clients from the same one."""
    for _ in range(20):
        assert world.post(authorization=basic(secret="wrong")).status == 401
    reply = world.post()
    assert (reply.status, body(reply)["error"]) == (429, "temporarily_unavailable")
    assert dict(reply.headers)[b"retry-after"] == b"60"
    assert world.post(source=THERE).status == 200
    assert world.post(by_key(), authorization=None).status == 200
    world.clock.now += 61
    assert world.post({"assertion": grant(iat=NOW + 61, exp=NOW + 300)}).status == 200


def test_who_knows_the_secret_after_all_begins_anew(world: World) -> None:
    """Attack case 38 at the door: nineteen typing errors, then twice."""
    for _ in range(2):
        assert {world.post(authorization=basic(secret="wrong")).status for _ in range(19)} == {401}
        assert world.post().status == 200


def test_the_right_secret_in_time_forgets_the_failures() -> None:
    throttle = Throttle()
    fail(throttle, 19)
    throttle.succeeded(CLIENT, HERE, now=NOW)
    fail(throttle, 19)
    assert wait(throttle) == 0
    fail(throttle, 1)
    assert wait(throttle) == 60


def test_failures_long_ago_do_not_count() -> None:
    """Attack case 38: the pause begins anew with each, and a minute without one is the end of them."""
    throttle = Throttle()
    fail(throttle, 19)
    throttle.failed(CLIENT, HERE, now=NOW + 60)
    assert wait(throttle, now=NOW + 60) == 0
    for _ in range(19):
        throttle.failed(CLIENT, HERE, now=NOW + 60)
    assert wait(throttle, now=NOW + 61) == 59


def test_the_pause_of_a_client_that_is_known_here_ends_too() -> None:
    throttle = Throttle()
    throttle.succeeded(CLIENT, HERE, now=NOW)
    fail(throttle, 20)
    assert [wait(throttle, now=NOW + seconds) for seconds in (0, 59, 60, 61)] == [60, 1, 0, 0]


def test_a_network_of_ipv6_is_one_source() -> None:
    """Attack case 38: nobody guesses on from the next of its 2^64 addresses."""
    throttle = Throttle()
    for number in range(20):
        fail(throttle, 1, source=f"2001:db8::{number:x}")
    assert wait(throttle, source="2001:db8::ffff") == 60
    assert wait(throttle, source="2001:db8:0:1::1") == 0
    throttle.succeeded(CLIENT, "2001:db8::1:1", now=NOW)
    assert wait(throttle, source="2001:db8::ffff") == 0


def test_many_names_from_one_address_are_slowed_down_together() -> None:
    """A burst of guesses under ever new names; whoever is known there goes on, or comes from elsewhere."""
    throttle = Throttle(burst=200)
    throttle.succeeded("known", HERE, now=NOW)
    for number in range(199):
        fail(throttle, 1, f"invented-{number}")
    assert wait(throttle, "new") == 0
    fail(throttle, 1, "invented-199")
    assert wait(throttle, "new") == 60
    assert wait(throttle, "known") == 0
    assert wait(throttle, "new", THERE) == 0
    assert wait(throttle, "new", now=NOW + 60) == 0


def test_who_was_known_long_ago_is_a_stranger_again() -> None:
    throttle = Throttle(burst=1)
    throttle.succeeded(CLIENT, HERE, now=NOW - 3600)
    fail(throttle, 1, "invented")
    assert wait(throttle) == 60
    throttle.succeeded(CLIENT, HERE, now=NOW)
    assert wait(throttle) == 0


def test_invented_names_do_not_switch_the_throttle_off() -> None:
    """What is counted is bounded, and whoever fails now is always counted."""
    throttle = Throttle(burst=10**9)
    for number in range(12_000):
        throttle.failed(f"invented-{number}", HERE, now=NOW)
        throttle.succeeded(f"known-{number}", HERE, now=NOW)
    assert (len(throttle._clients), len(throttle._known)) == (10_000, 10_000)
    fail(throttle, 20)
    assert wait(throttle) == 60


def test_what_strangers_call_themselves_is_not_kept() -> None:
    """However long it is: digests of one length."""
    throttle = Throttle()
    for name in ("x" * 2048, "\ud800", ""):
        fail(throttle, 1, name, source=name * 2)
    kept = [*throttle._clients._kept, *throttle._sources._kept]
    assert {len(key) for key in kept} == {16}
    assert len({*kept}) == 6


def test_a_name_and_an_address_are_not_mixed_up() -> None:
    throttle = Throttle(limit=1)
    fail(throttle, 1, "ab", source="c")
    assert wait(throttle, "a", "bc") == 0
    assert wait(throttle, "ab", "c") == 60


def test_a_long_name_is_shortened_in_the_audit_log() -> None:
    throttle = Throttle(limit=1)
    fail(throttle, 1, "x" * 2048)
    with pytest.raises(Refused, match="too_many_failures") as refusal:
        throttle.check("x" * 2048, HERE, now=NOW)
    assert refusal.value.fact == {"client": "x" * 80}
