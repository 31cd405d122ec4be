"""How far a grant reaches: scopes and resources, RAS-27 to RAS-33."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.ras import Account, Resource
from tests.ras.world import (
    API,
    FILES,
    World,
    assert_refused,
    body,
    client,
    config,
    grant,
    token_claims,
    trusted,
)


def redeemed(world: World, asked: Any = None, /, **claims: Any) -> tuple[str, Any]:
    reply = world.post({"assertion": grant(**claims), **(asked or {})})
    answer = body(reply)
    assert reply.status == 200, answer
    token = token_claims(reply)
    assert (token["scope"], token["aud"]) == (answer["scope"], answer["resource"])
    return answer["scope"], answer["resource"]


def test_without_wishes_the_grant_decides(world: World) -> None:
    """RAS-31, RAS-32."""
    assert redeemed(world, scope="chat.history chat.read") == ("chat.history chat.read", API)


def test_a_request_can_only_narrow(world: World) -> None:
    """RAS-31, attack case 92: partly outside is the intersection, and the answer says so."""
    assert redeemed(world, {"scope": "chat.read chat.write admin"}) == ("chat.read", API)


@pytest.mark.parametrize("scope", ["chat.write", "Chat.read", "chat", "chat.readwrite"])
def test_nothing_left_is_refused(world: World, scope: str) -> None:
    """RAS-32, attack case 61: whole tokens, byte for byte."""
    assert_refused(world, world.post({"scope": scope}), "invalid_scope", "scope_not_allowed")


def test_the_registration_of_the_client_is_a_ceiling(world: World) -> None:
    """RAS-31: chat.write is declared and in the grant, but not the client's."""
    assert redeemed(world, scope="chat.read chat.write") == ("chat.read", API)


def test_the_issuer_has_a_ceiling() -> None:
    """RAS-31: what this identity provider may hand out."""
    capped = trusted(scope_ceiling=frozenset({"chat.history"}))
    world = World(config=config(trusted_issuers=(capped,)))
    assert redeemed(world) == ("chat.history", API)


def test_an_empty_ceiling_is_a_ceiling() -> None:
    world = World(config=config(trusted_issuers=(trusted(scope_ceiling=frozenset()),)))
    assert_refused(world, world.post(), "invalid_scope", "scope_not_allowed")


def test_the_person_has_a_ceiling(world: World) -> None:
    """RAS-31: policy for client and person."""
    world.store.put(Account("u-alice", scopes=frozenset({"chat.read"})))
    assert redeemed(world) == ("chat.read", API)
    world.store.put(Account("u-alice", scopes=frozenset()))
    assert_refused(world, world.post(), "invalid_scope", "scope_not_allowed")


def test_a_scope_that_the_resource_does_not_declare_is_not_granted() -> None:
    """RAS-31."""
    world = World(config=config(resources=(Resource(API, frozenset({"chat.history"})),)))
    assert redeemed(world) == ("chat.history", API)


def test_a_grant_without_scope_means_what_the_issuer_entry_says() -> None:
    """RAS-33: never everything."""
    bare = World()
    reply = bare.post({"assertion": grant(scope=None)})
    assert_refused(bare, reply, "invalid_scope", "scope_not_allowed")
    world = World(config=config(trusted_issuers=(trusted(default_scopes=("chat.read", "chat.write")),)))
    assert redeemed(world, scope=None) == ("chat.read", API)
    assert redeemed(world, scope="chat.history") == ("chat.history", API)


def test_a_resource_that_is_not_ours_spoils_the_claim(world: World) -> None:
    """RAS-27."""
    for claim in ("https://elsewhere.example/", [API, "https://elsewhere.example/"], f"{API}x"):
        reply = world.post({"assertion": grant(resource=claim)})
        assert_refused(world, reply, "invalid_grant", "resource_claim_wrong")


@pytest.mark.parametrize("claim", ["nonsense", f"{API}#f", "https://api.chat.example\\@evil.example/"])
def test_a_malformed_resource_claim_is_refused(world: World, claim: str) -> None:
    """RAS-27."""
    reply = world.post({"assertion": grant(resource=claim)})
    assert_refused(world, reply, "invalid_grant", "resource_claim_wrong")


@pytest.mark.parametrize("claim", ["https://api.chat.example", "HTTPS://API.chat.example:443/", [API]])
def test_equal_resources_are_equal_and_emitted_as_registered(world: World, claim: Any) -> None:
    """XCH-27 at the RAS, A-08."""
    assert redeemed(world, resource=claim) == ("chat.read chat.history", API)


def test_a_request_names_a_subset_of_the_claim(world: World) -> None:
    """RAS-28, RAS-30."""
    both = {"resource": [API, FILES], "scope": "chat.read"}
    assert redeemed(world, **both) == ("chat.read", [API, FILES])
    assert redeemed(world, {"resource": FILES}, **both) == ("chat.read", FILES)
    assert redeemed(world, {"resource": [FILES, API, FILES]}, **both) == ("chat.read", [FILES, API])


@pytest.mark.parametrize("resource", [FILES, "https://elsewhere.example/", [API, FILES]])
def test_a_resource_beyond_the_claim_is_refused(world: World, resource: Any) -> None:
    """RAS-28, interop fact 13."""
    reply = world.post({"resource": resource})
    assert_refused(world, reply, "invalid_target", "resource_not_allowed")


def test_a_malformed_resource_parameter_is_refused(world: World) -> None:
    """Contract section 7."""
    assert_refused(world, world.post({"resource": f"{API}#x"}), "invalid_target", "resource_malformed")


def test_without_a_claim_the_default_resource_is_meant(world: World) -> None:
    """RAS-29: the shape that Okta sends; the Python SDK names the resource beside it."""
    assert redeemed(world, resource=None) == ("chat.read chat.history", API)
    assert redeemed(world, {"resource": API}, resource=None) == ("chat.read chat.history", API)
    reply = world.post({"assertion": grant(resource=None), "resource": FILES})
    assert_refused(world, reply, "invalid_target", "resource_not_allowed")


def test_without_a_claim_and_a_default_there_is_no_token() -> None:
    """RAS-29."""
    world = World(config=config(default_resource=None))
    reply = world.post({"assertion": grant(resource=None)})
    assert_refused(world, reply, "invalid_grant", "resource_claim_wrong")


def test_a_scope_must_hold_at_every_granted_resource() -> None:
    """Contract section 4, the same at both servers: an API may mean another thing by it."""
    world = World(
        config=config(clients=(client(scopes=frozenset({"chat.read", "chat.history", "files.read"})),))
    )
    both = {"resource": [API, FILES], "scope": "chat.read chat.history files.read"}
    assert redeemed(world, **both) == ("chat.read", [API, FILES])
    assert redeemed(world, {"resource": FILES}, **both) == ("chat.read files.read", FILES)


def test_several_resources_are_one_by_one_where_that_is_wished() -> None:
    """Decision 0022: ``access_token.one_resource``; RAS-28, RFC 8707 section 2.2."""
    world = World(config=config(one_resource=True))
    two: dict[str, Any] = {"resource": [API, FILES], "scope": "chat.read"}
    assert_refused(world, world.post({"assertion": grant(**two)}), "invalid_target", "resource_required")
    narrowed = world.post({"assertion": grant(**two), "resource": FILES})
    assert token_claims(narrowed)["aud"] == FILES
    assert token_claims(world.post())["aud"] == API
