"""The cache of key sets, under a clock that the test moves."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from idjag.protocol.jose.jwk import KeySet
from idjag.trust.fetch import Fetched, OutboundAllow, PinnedFetcher
from idjag.trust.jwks import Jwks, KeysUnavailable
from idjag.trust.memory import MemoryFetcher
from tests.trust.parts import (
    COOLDOWN,
    DOWN,
    ISSUER,
    LIMITS,
    MAX_STALE,
    METADATA,
    ONE,
    RETRY,
    TTL,
    TWO,
    URI,
    Clock,
    kids,
)
from tests.trust.servers import Authority, Server, response


class Cache:
    """A Jwks over documents in memory, with what a test asks of it."""

    def __init__(self, document: Any, *, metadata: Any = None) -> None:
        self.clock = Clock()
        self.fetcher = MemoryFetcher({URI: document, METADATA: metadata} if metadata else {URI: document})
        self.jwks = Jwks(self.fetcher, self.clock, limits=LIMITS)

    def publish(self, document: Any) -> None:
        self.fetcher.documents[URI] = document

    def after(self, seconds: float) -> list[str | None]:
        """The kids that serve that much later."""
        self.clock.now += seconds
        return kids(self.jwks.keys(ISSUER, URI))

    def refreshed(self, seconds: float = 0) -> list[str | None]:
        """The kids after an unknown one turned up that much later."""
        self.clock.now += seconds
        return kids(self.jwks.keys(ISSUER, URI, kid="unknown"))

    @property
    def fetches(self) -> int:
        return len(self.fetcher.asked)


def test_keys_are_fetched_once_and_kept_for_their_time() -> None:
    """The positive control: one fetch until ttl, then the new set."""
    cache = Cache(ONE)
    assert cache.after(0) == ["one"]
    cache.publish(TWO)
    assert cache.after(TTL - 1) == ["one"]
    assert cache.fetches == 1
    assert cache.after(1) == ["two"]
    assert cache.fetches == 2


def test_an_unknown_kid_brings_a_rotated_key() -> None:
    """RAS-10: rotation is seen before the set's time is over."""
    cache = Cache(ONE)
    assert cache.after(0) == ["one"]
    cache.publish(TWO)
    assert cache.refreshed(COOLDOWN) == ["two"]


def test_a_kid_that_is_named_is_looked_for_in_a_new_set() -> None:
    """RAS-10: unknown kid, one throttled refresh; a known one costs nothing."""
    cache = Cache(ONE)
    cache.after(0)
    cache.publish(TWO)
    cache.clock.now += COOLDOWN
    assert kids(cache.jwks.keys(ISSUER, URI, kid="one")) == ["one"]
    assert kids(cache.jwks.keys(ISSUER, URI, kid=None)) == ["one"]
    assert cache.fetches == 1
    assert kids(cache.jwks.keys(ISSUER, jwks_uri=URI, kid="two")) == ["two"]
    assert kids(cache.jwks.keys(ISSUER, URI, kid="invented")) == ["two"]
    assert cache.fetcher.asked == [URI, URI]


@pytest.mark.parametrize("kid", ["https://evil.example/jwks", "../../etc/passwd", "' OR 1=1--", "x" * 5000])
def test_a_kid_never_becomes_a_place_to_fetch_from(kid: str) -> None:
    """XCH-40, attack cases 117 and 122: nothing of a token names a target."""
    cache = Cache(ONE)
    cache.jwks.keys(ISSUER, URI, kid=kid)
    cache.clock.now += COOLDOWN
    cache.jwks.keys(ISSUER, URI, kid=kid)
    assert cache.fetcher.asked == [URI, URI]


def test_unknown_kids_cause_at_most_one_fetch_per_cool_down() -> None:
    """RAS-10: invented kids must not make us a load on the issuer."""
    cache = Cache(ONE)
    cache.after(0)
    for _ in range(100):
        cache.refreshed()
    assert cache.refreshed(COOLDOWN - 1) == ["one"]
    assert cache.fetches == 1
    cache.refreshed(1)
    assert cache.fetches == 2
    cache.refreshed()
    assert cache.fetches == 2


def test_a_failed_refresh_counts_for_the_cool_down() -> None:
    """An issuer that is down is not asked more often than one that answers."""
    cache = Cache(ONE)
    cache.after(0)
    cache.publish(DOWN)
    assert cache.refreshed(COOLDOWN) == ["one"]
    assert cache.refreshed(COOLDOWN - 1) == ["one"]
    assert cache.fetches == 2


def test_keys_serve_while_the_issuer_is_down_until_max_stale_and_not_longer() -> None:
    """Attack case 181, promise P19: then it is closed, also for a refresh."""
    cache = Cache(ONE)
    cache.after(0)
    cache.publish(DOWN)
    assert cache.after(TTL) == ["one"]
    assert cache.after(MAX_STALE - TTL) == ["one"]
    with pytest.raises(KeysUnavailable, match="not renewed for over 3600 seconds"):
        cache.after(1)
    with pytest.raises(KeysUnavailable, match="connection refused"):
        cache.refreshed()
    cache.publish(TWO)
    assert cache.after(RETRY) == ["two"]


def test_an_issuer_that_is_down_is_asked_once_per_cool_down() -> None:
    """Not with every token."""
    cache = Cache(ONE)
    cache.after(0)
    cache.publish(DOWN)
    cache.after(TTL)
    cache.after(COOLDOWN - 1)
    assert cache.fetches == 2
    cache.after(1)
    assert cache.fetches == 3


def test_without_any_keys_it_is_closed_and_tried_again_soon() -> None:
    """RAS-10: fail closed; promise P6: healed within five seconds of the issuer's return."""
    cache = Cache(DOWN)
    with pytest.raises(KeysUnavailable, match=r"JWKS of https://idp\.example: .*connection refused"):
        cache.after(0)
    cache.publish(ONE)
    with pytest.raises(KeysUnavailable):
        cache.after(RETRY - 1)
    assert cache.fetches == 1
    assert cache.after(1) == ["one"]


POISON = [
    pytest.param({}, id="empty object"),
    pytest.param({"keys": []}, id="no keys"),
    pytest.param({"keys": {}}, id="keys is an object"),
    pytest.param({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}]}, id="only a symmetric key"),
    pytest.param({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}, id="only a broken key"),
    pytest.param({"keys": [*ONE["keys"], *ONE["keys"]]}, id="a kid twice"),
    pytest.param(b"", id="empty body"),
    pytest.param(b"[]", id="array"),
    pytest.param(b"<html>sign in</html>", id="HTML"),
    pytest.param(b'{"keys":[],"keys":[]}', id="repeated member"),
    pytest.param(b'{"keys":' + b"[" * 500 + b"]" * 500 + b"}", id="deep"),
    pytest.param({f"k{number}": number for number in range(10_000)}, id="10,000 members"),
    pytest.param({"keys": [{}] * 10_000}, id="10,000 empty keys"),
    pytest.param(b"x" * 300_000, id="too long"),
    pytest.param(Fetched(200, b'{"keys":[]}', {"content-type": "text/html"}), id="HTML by its type"),
    pytest.param(DOWN, id="down"),
]


@pytest.mark.parametrize("document", POISON)
def test_a_poisoned_set_never_replaces_a_good_one_silently(
    document: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Attack cases 179 and 181: the good set stays, the log says why, and its age goes on."""
    cache = Cache(ONE)
    cache.after(0)
    cache.publish(document)
    with caplog.at_level(logging.WARNING, "idjag.trust"):
        assert cache.after(TTL) == ["one"]
        assert cache.refreshed(COOLDOWN) == ["one"]
    assert [record.getMessage() for record in caplog.records if "stays in use" in record.getMessage()]
    with pytest.raises(KeysUnavailable):
        cache.after(MAX_STALE)


@pytest.mark.parametrize("document", POISON)
def test_a_poisoned_set_is_never_a_first_one(document: Any) -> None:
    """Without a good set there is nothing to serve."""
    with pytest.raises(KeysUnavailable):
        Cache(document).after(0)


def test_a_set_of_the_wrong_media_type_is_refused_for_that_alone() -> None:
    """One thing changed: the type."""
    body = KeySet.parse(ONE)[0].to_dict()
    for media_type in ("application/json; charset=utf-8", "application/jwk-set+json", "text/plain"):
        typed = Fetched(200, response_body(body), {"content-type": media_type})
        assert Cache(typed).after(0) == ["one"]
    with pytest.raises(KeysUnavailable, match="text/html"):
        Cache(Fetched(200, response_body(body), {"content-type": "text/html"})).after(0)


def response_body(document: Any) -> bytes:
    return MemoryFetcher({URI: document}).get(URI, max_bytes=10_000).body


def test_a_key_that_cannot_be_used_is_logged_and_costs_its_neighbours_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Attack case 120: weak and symmetric keys are left out."""
    weak = {"kty": "oct", "k": "canary", "kid": "shared"}
    with caplog.at_level(logging.WARNING, "idjag.trust"):
        assert Cache({"keys": [weak, *ONE["keys"]]}).after(0) == ["one"]
    (record,) = caplog.records
    assert "left out: key 0" in record.getMessage()
    assert "canary" not in record.getMessage()


def test_keys_of_one_issuer_are_not_keys_of_another() -> None:
    """RAS-11: the same place under two issuers is two sets."""
    cache = Cache(ONE)
    cache.fetcher.documents["https://other.example/jwks"] = TWO
    assert cache.after(0) == ["one"]
    assert kids(cache.jwks.keys("https://other.example", "https://other.example/jwks")) == ["two"]
    assert cache.after(0) == ["one"]


def test_another_jwks_uri_is_another_set() -> None:
    """An administrator who corrects the address does not wait for the old set to end."""
    cache = Cache(ONE)
    cache.after(0)
    cache.fetcher.documents["https://keys.example/"] = TWO
    assert kids(cache.jwks.keys(ISSUER, "https://keys.example/")) == ["two"]


def test_a_forgotten_issuer_has_no_keys_left() -> None:
    """Attack case 163: when trust ends, cached keys and discovery end."""
    cache = Cache(ONE)
    cache.after(0)
    cache.publish(DOWN)
    cache.jwks.forget("https://other.example")
    assert cache.after(0) == ["one"]
    cache.jwks.forget(ISSUER)
    with pytest.raises(KeysUnavailable):
        cache.after(0)


def test_without_a_jwks_uri_the_metadata_says_where() -> None:
    """Contract section 5: jwks_uri null."""
    cache = Cache(ONE, metadata={"issuer": ISSUER, "jwks_uri": URI})
    assert kids(cache.jwks.keys(ISSUER, None)) == ["one"]
    assert kids(cache.jwks.keys(ISSUER, None)) == ["one"]
    assert cache.fetcher.asked == [METADATA, URI]


@pytest.mark.parametrize(
    "metadata", [{"issuer": ISSUER}, {"issuer": "https://other.example", "jwks_uri": URI}, b"{}"]
)
def test_metadata_that_gives_no_keys_closes_but_keeps_a_good_set(metadata: Any) -> None:
    """Attack case 171; RFC 8414 section 3.3."""
    with pytest.raises(KeysUnavailable):
        Cache(ONE, metadata=metadata).jwks.keys(ISSUER, None)
    cache = Cache(ONE, metadata={"issuer": ISSUER, "jwks_uri": URI})
    cache.jwks.keys(ISSUER, None)
    cache.fetcher.documents[METADATA] = metadata
    cache.clock.now += TTL
    assert kids(cache.jwks.keys(ISSUER, None)) == ["one"]


def test_keys_come_over_real_tls(authority: Authority) -> None:
    """The same through the real fetcher, and again after the server went away."""
    clock = Clock()
    jwks = Jwks(PinnedFetcher(OutboundAllow(loopback=True), authority.ca_file), clock)
    with Server(response(response_body(ONE)), tls=authority.context("localhost")) as server:
        uri = f"https://localhost:{server.port}/jwks"
        assert kids(jwks.keys(ISSUER, uri)) == ["one"]
    clock.now += TTL
    assert kids(jwks.keys(ISSUER, uri)) == ["one"]
    clock.now += 4 * 3600
    with pytest.raises(KeysUnavailable, match="connection refused"):
        jwks.keys(ISSUER, uri)
