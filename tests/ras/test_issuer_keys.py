"""Keys of issuers, fetched: one throttled refresh for a kid nobody knows, and closed doors without keys."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.protocol.jose import KeySet, PrivateKey
from idjag.ras import NoKeys
from idjag.trust.jwks import Jwks
from idjag.trust.memory import MemoryFetcher
from tests.ras.world import IDP, OTHER_IDP, RAS, World, assert_refused, client, config, grant, key, trusted

METADATA = f"{IDP}/.well-known/oauth-authorization-server"
JWKS_URI = f"{IDP}/keys"


class Seconds:
    """The monotonic clock of the cache."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Fetched:
    """A server whose issuer's documents are in memory."""

    def __init__(self, *keys: PrivateKey, **changes: Any) -> None:
        self.seconds = Seconds()
        self.fetcher = MemoryFetcher({METADATA: {"issuer": IDP, "jwks_uri": JWKS_URI}})
        self.publish(*keys)
        self.world = World(keys=Jwks(self.fetcher, self.seconds), **changes)

    def publish(self, *keys: PrivateKey) -> None:
        self.fetcher.documents[JWKS_URI] = dict(KeySet(each.public for each in keys).to_dict())

    def fetches(self) -> int:
        return self.fetcher.asked.count(JWKS_URI)


def test_keys_are_found_through_the_metadata_and_kept() -> None:
    """RAS-09."""
    server = Fetched(key("idp"))
    assert [server.world.post().status for _ in range(3)] == [200, 200, 200]
    assert server.fetcher.asked == [METADATA, JWKS_URI]


def test_a_configured_address_is_used_instead() -> None:
    """Contract section 5: jwks_uri."""
    elsewhere = "https://keys.acme.example/jwks"
    server = Fetched(config=config(trusted_issuers=(trusted(jwks_uri=elsewhere),)))
    server.fetcher.documents[elsewhere] = dict(KeySet([key("idp").public]).to_dict())
    assert server.world.post().status == 200
    assert server.fetcher.asked == [elsewhere]


def test_an_unknown_kid_causes_one_fetch_and_then_none_for_a_while() -> None:
    """RAS-10, attack case 117: invented kids are no lever."""
    server = Fetched(key("idp"))
    assert server.world.post().status == 200
    server.seconds.now += 31
    for _ in range(5):
        reply = server.world.post({"assertion": grant(key("invented"))})
        assert_refused(server.world, reply, "invalid_grant", "signature_invalid")
    assert server.fetches() == 2


def test_a_rotated_key_is_found_by_its_kid() -> None:
    """RAS-10: the positive control; the old set was still fresh."""
    server = Fetched(key("idp"))
    assert server.world.post().status == 200
    server.publish(key("idp"), key("idp-next"))
    server.seconds.now += 31
    assert server.world.post({"assertion": grant(key("idp-next"))}).status == 200


def test_no_key_no_token() -> None:
    """RAS-10, attack case 181: an outage from the start."""
    server = Fetched()
    reply = server.world.post()
    assert_refused(server.world, reply, "invalid_grant", "keys_unavailable")
    assert "no usable key" in server.world.event().fields["inputs"]["facts"]["problem"]
    server.publish(key("idp"))
    server.seconds.now += 31
    assert server.world.post().status == 200


def test_an_outage_is_bridged_and_then_closes() -> None:
    """RAS-10, P19: cached keys serve until they are too old."""
    server = Fetched(key("idp"))
    assert server.world.post().status == 200
    del server.fetcher.documents[JWKS_URI]
    server.seconds.now += 3600
    assert server.world.post().status == 200
    server.seconds.now += 4 * 3600
    assert_refused(server.world, server.world.post(), "invalid_grant", "keys_unavailable")


def test_the_keys_of_two_issuers_are_kept_apart() -> None:
    """RAS-11 over the real cache: the same kid on both."""
    ours, theirs = key("a", kid="same"), key("b", kid="same")
    both = client(issuers=frozenset({IDP, OTHER_IDP}))
    server = Fetched(ours, config=config(clients=(both,)))
    their_keys = f"{OTHER_IDP}/keys"
    server.fetcher.documents |= {
        f"{OTHER_IDP}/.well-known/oauth-authorization-server": {"issuer": OTHER_IDP, "jwks_uri": their_keys},
        their_keys: dict(KeySet([theirs.public]).to_dict()),
    }
    assert server.world.post({"assertion": grant(ours)}).status == 200
    linked = grant(theirs, iss=OTHER_IDP, sub="gil", email="gil@globex.example", email_verified=True)
    assert server.world.post({"assertion": linked}).status == 200
    for wrong in (grant(theirs, iss=IDP), grant(ours, iss=OTHER_IDP)):
        reply = server.world.post({"assertion": wrong})
        assert_refused(server.world, reply, "invalid_grant", "signature_invalid")


def test_trust_that_ends_drops_the_cached_keys() -> None:
    """RAS-47, attack case 163."""
    server = Fetched(key("idp"))
    assert server.world.post().status == 200
    server.world.ras.configure(config(trusted_issuers=(trusted(OTHER_IDP),)))
    server.publish(key("idp-next"))
    server.world.ras.configure(config())
    assert_refused(server.world, server.world.post(), "invalid_grant", "signature_invalid")
    assert server.fetches() == 2


def test_a_host_without_fetching_needs_pinned_keys() -> None:
    """Embedders with pinned keys open no connection."""
    pinned = config(trusted_issuers=(trusted(keys=KeySet([key("idp").public])),))
    assert World(keys=NoKeys(), config=pinned).post().status == 200
    world = World(keys=NoKeys())
    assert_refused(world, world.post(), "invalid_grant", "keys_unavailable")


def test_the_key_of_one_trusted_issuer_never_signs_for_another() -> None:
    """RAS-09, RAS-11, attack case 97: the same kid in both key sets."""
    ours, theirs = key("a", kid="same"), key("b", kid="same")
    world = World(config=config(clients=(client(issuers=frozenset({IDP, OTHER_IDP})),)))
    world.keys.sets = {IDP: _key_set(ours), OTHER_IDP: _key_set(theirs)}
    reply = world.post({"assertion": grant(theirs, iss=IDP)})
    assert_refused(world, reply, "invalid_grant", "signature_invalid")
    assert world.post({"assertion": grant(ours, iss=IDP)}).status == 200


def test_pinned_keys_are_used_and_nothing_is_fetched(world: World) -> None:
    """Contract section 5: ``keys``."""
    world.ras.configure(config(trusted_issuers=(trusted(keys=_key_set(key("pinned"))),)))
    assert world.post({"assertion": grant(key("pinned"))}).status == 200
    assert_refused(world, world.post(), "invalid_grant", "signature_invalid")
    assert world.keys.asked == []


def test_an_outage_of_the_keys_closes_the_door(world: World) -> None:
    """RAS-10, attack case 181."""
    world.keys.down = {IDP}
    assert_refused(world, world.post(), "invalid_grant", "keys_unavailable")
    world.keys.down = set()
    assert world.post().status == 200


def test_only_the_algorithms_of_the_issuer_count(world: World) -> None:
    """RAS-09, attack case 116: a key that is there does not make its algorithm allowed."""
    assert world.post({"assertion": grant(key("idp-rsa", "RS256"))}).status == 200
    world.ras.configure(config(trusted_issuers=(trusted(algorithms=("ES256",)),)))
    reply = world.post({"assertion": grant(key("idp-rsa", "RS256"))})
    assert_refused(world, reply, "invalid_grant", "signature_invalid")


def _key_set(*keys: PrivateKey) -> KeySet:
    return KeySet(each.public for each in keys)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trusted_issuers": (trusted(), trusted())}, "listed twice"),
        ({"trusted_issuers": (trusted(RAS),)}, "own issuer"),
        ({"clients": (client(), client())}, "listed twice"),
        ({"default_resource": "https://elsewhere.example/"}, "not among the resources"),
        ({"resources": ()}, "at least one"),
        ({"access_token_lifetime": 86400}, "must be 1 to 43200 seconds"),
        ({"access_token_lifetime": 0}, "must be 1 to 43200 seconds"),
    ],
)
def test_a_configuration_that_cannot_be_meant_fails_at_the_start(
    changes: dict[str, Any], message: str
) -> None:
    """RAS-38, A-17 and style: deployer mistakes fail at start."""
    with pytest.raises(ValueError, match=message):
        config(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithms": ()},
        {"algorithms": ("HS256",)},
        {"algorithms": ("none",)},
        {"max_lifetime": 0},
        {"max_lifetime": 3601},
        {"jwks_uri": JWKS_URI, "keys": KeySet([])},
    ],
)
def test_a_trusted_issuer_that_cannot_be_meant_fails_at_the_start(changes: dict[str, Any]) -> None:
    """RAS-09, RAS-16."""
    with pytest.raises(ValueError, match=r"must be|not both"):
        trusted(**changes)
