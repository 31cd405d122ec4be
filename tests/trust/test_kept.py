"""How long what others publish is kept, and what is said about it; under a clock that the test moves."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from idjag.trust.fetch import Fetched
from idjag.trust.kept import Kept, Limits
from idjag.trust.looks import NotKept, arrived, settle
from idjag.trust.outbound import FetchFailed
from tests.trust.parts import COOLDOWN, LIMITS, MAX_STALE, RETRY, Clock, have_landed


class Source:
    """Numbers its answers; ``headers`` and ``failing`` are what the next one has."""

    def __init__(self) -> None:
        self.fetches = 0
        self.headers: dict[str, str] = {}
        self.failing = ""

    def __call__(self, key: str) -> tuple[str, Fetched]:
        self.fetches += 1
        if self.failing:
            raise FetchFailed(self.failing)
        return f"{key} {self.fetches}", Fetched(200, b"", dict(self.headers))


class Things:
    """A store of kept things over a source, and the clock between."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.clock, self.source = Clock(), Source()
        self.landed: list[tuple[str, str | None, str]] = []
        self.kept: Kept[str, str] = Kept(
            self.source,
            lambda key: f"thing {key}",
            limits=limits,
            monotonic=self.clock,
            landed=lambda *what: self.landed.append(what),
        )

    def after(self, seconds: float, key: str = "a") -> str:
        self.clock.now += seconds
        try:
            return settle(arrived(self.kept.look(key)))
        finally:
            have_landed()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 600),
        ({"cache-control": "public"}, 600),
        ({"cache-control": "max-age=120"}, 120),
        ({"cache-control": "public, MAX-AGE=120, must-revalidate"}, 120),
        ({"cache-control": 'max-age="120"'}, 120),
        ({"cache-control": "max-age=300", "age": "100"}, 200),
        ({"cache-control": "max-age=300", "age": "never"}, 300),
        ({"cache-control": "max-age=0"}, 60),
        ({"cache-control": "max-age=59"}, 60),
        ({"cache-control": "max-age=120", "age": "99999"}, 60),
        ({"cache-control": "no-store"}, 60),
        ({"cache-control": "max-age=300, no-cache"}, 60),
        ({"cache-control": "max-age=86400"}, 3600),
        ({"cache-control": "max-age=300, max-age=120"}, 120),
        ({"cache-control": "max-age=99999999999999999999"}, 3600),
        ({"cache-control": "max-age=-1"}, 60),
        ({"cache-control": "max-age="}, 60),
        ({"cache-control": "s-maxage=120"}, 600),
    ],
)
def test_an_answer_says_how_long_it_is_fresh_within_our_bounds(headers: dict[str, str], seconds: int) -> None:
    """CAU-11, RFC 9111 section 5.2.2: a minute to an hour, and ten minutes when nothing is said."""
    things = Things(replace(LIMITS, max_stale=2 * 3600))
    things.source.headers = headers
    assert things.after(0) == "a 1"
    assert things.after(seconds - 1) == "a 1"
    assert things.after(1) == "a 2"


def test_freshness_counts_from_the_beginning_of_the_fetch() -> None:
    """A slow answer is not younger than it is."""
    things = Things()

    def slow(key: str) -> tuple[str, Fetched]:
        things.clock.now += 100
        return things.source(key)

    kept = Kept(slow, str, limits=LIMITS, monotonic=things.clock)
    assert settle(arrived(kept.look("a"))) == "a 1"
    things.clock.now += LIMITS.ttl - 101
    assert settle(arrived(kept.look("a"))) == "a 1"
    things.clock.now += 1
    assert settle(arrived(kept.look("a"))) == "a 2"
    things.source.failing = "host: 500"
    things.clock.now += MAX_STALE - 100  # and the failure takes its 100 seconds too
    with pytest.raises(NotKept, match="not renewed"):
        settle(arrived(kept.look("a")))


def test_things_are_kept_apart_by_their_keys() -> None:
    things = Things()
    assert [things.after(0, "a"), things.after(0, "b"), things.after(0, "a")] == ["a 1", "b 2", "a 1"]


def test_a_failure_is_never_kept_and_a_good_thing_survives_it(caplog: pytest.LogCaptureFixture) -> None:
    """Attack case 181: said in the log each time that it was tried, and used no longer than it may be."""
    things = Things()
    things.source.failing = "host: 500"
    with caplog.at_level(logging.WARNING, "idjag.trust"):
        with pytest.raises(NotKept, match="thing a: host: 500"):
            things.after(0)
        things.source.failing = ""
        assert things.after(RETRY) == "a 2"
        things.source.failing = "host: 404"
        assert things.after(LIMITS.ttl) == "a 2"
        assert things.after(COOLDOWN - 1) == "a 2"
        assert things.source.fetches == 3
        assert things.after(1) == "a 2"
        with pytest.raises(NotKept, match="not renewed for over 3600 seconds: host: 404"):
            things.after(MAX_STALE)
    said = [record.getMessage() for record in caplog.records]
    assert said[:2] == ["thing a: host: 500", "thing a: host: 404; what was fetched earlier stays in use"]


def test_what_came_is_told_with_what_was_there_before() -> None:
    """For those who want to say that something has changed."""
    things = Things()
    things.after(0)
    things.after(1)
    things.source.failing = "host: 404"
    things.after(LIMITS.ttl)
    things.source.failing = ""
    things.after(COOLDOWN)
    assert things.landed == [("a", None, "a 1"), ("a", "a 1", "a 3")]


def test_what_is_forgotten_is_fetched_anew() -> None:
    """Attack case 163."""
    things = Things()
    things.after(0, "a")
    things.after(0, "b")
    look = things.kept.look("a")
    things.kept.forget(lambda key: key == "a")
    with pytest.raises(NotKept, match="no longer wanted"):
        look.value()
    assert [things.after(0, "a"), things.after(0, "b")] == ["a 3", "b 2"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"retry": 0},
        {"retry": 31},
        {"cooldown": 61},
        {"shortest": 601},
        {"ttl": 3601},
        {"max_stale": 3599},
        {"flights": 0},
        {"waiting": 2},
    ],
)
def test_limits_that_contradict_each_other_stop_the_start(wrong: dict[str, float]) -> None:
    """A deployer's mistake fails at once."""
    changes: dict[str, Any] = dict(wrong)
    assert replace(LIMITS) == LIMITS
    with pytest.raises(ValueError, match="limits: "):
        replace(LIMITS, **changes)
