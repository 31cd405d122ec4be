"""The way of one good redemption, and the doors that lead to it."""

from __future__ import annotations

import asyncio

import pytest

from idjag.protocol.errors import Reason
from idjag.ras import Account, NotRedeemed
from tests.ras.world import (
    ALICE,
    API,
    CLIENT,
    FILES,
    IDP,
    NOW,
    RAS,
    World,
    basic,
    body,
    client,
    config,
    grant,
    request,
    token_claims,
)


def test_a_good_grant_is_redeemed(world: World) -> None:
    """RAS-01, RAS-35, RAS-36, RAS-37."""
    reply = world.post({"assertion": grant()})
    answer = body(reply)
    assert reply.status == 200
    assert {name: value for name, value in answer.items() if name != "access_token"} == {
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "chat.read chat.history",
        "resource": API,
    }
    assert dict(reply.headers)[b"cache-control"] == b"no-store"


def test_the_token_is_our_own_and_says_what_rfc_9068_wants(world: World) -> None:
    """RAS-30, RAS-38, RAS-48, AT-01, AT-02."""
    token = token_claims(world.post({"assertion": grant()}))
    jti = token.pop("jti")
    assert token == {
        "iss": RAS,
        "sub": "u-alice",
        "aud": API,
        "client_id": CLIENT,
        "iat": NOW,
        "exp": NOW + 900,
        "scope": "chat.read chat.history",
        "auth_time": NOW - 60,
        "acr": "urn:acme:loa2",
        "amr": ["pwd", "otp"],
    }
    assert jti


def test_what_a_grant_does_not_say_the_token_does_not_say(world: World) -> None:
    """AT-02: the positive control of invented authentication."""
    token = token_claims(world.post({"assertion": grant(auth_time=None, acr=None, amr=None)}))
    assert not {"auth_time", "acr", "amr"} & token.keys()


def test_a_redemption_is_recorded_once_with_what_was_verified(world: World) -> None:
    """Contract section 9."""
    reply = world.post({"assertion": grant(jti="the-jti"), "scope": "chat.read"})
    [event] = world.store.events
    assert event.name == "id_jag.redeemed"
    assert event.fields == {
        "decision_id": dict(reply.headers)[b"x-decision-id"].decode(),
        "actor": {"kind": "client", "id": CLIENT},
        "subject": "u-alice",
        "profile": "id-jag",
        "client_id_at_resource": CLIENT,
        "audience": RAS,
        "resources": [API],
        "scopes_requested": ["chat.read"],
        "scopes_granted": ["chat.read"],
        "inputs": {"now": NOW, "iss": IDP, "sub": ALICE, "scope": ["chat.read", "chat.history"]},
        "jti": "the-jti",
        "acr": "urn:acme:loa2",
        "amr": ["pwd", "otp"],
        "auth_time": NOW - 60,
        "ip": "192.0.2.1",
    }


def test_claims_that_we_do_not_know_do_no_harm(world: World) -> None:
    """RAS-40, RAS-41: the shape that Okta sends; ``act`` is not copied."""
    assertion = grant(
        act={"sub": "agent", "sub_profile": "ai_agent"},
        sub_profile="user",
        sub_id={"format": "saml-nameid", "nameid": "alice"},
        resource=None,
        email="alice@acme.example",
        email_verified=True,
        jti="ID.x7Q",
        custom={"a": [1]},
    )
    token = token_claims(world.post({"assertion": assertion}))
    assert token["sub"] == "u-alice"
    assert "act" not in token


def test_the_host_door_gives_what_the_token_door_gives(world: World) -> None:
    """Three doors, one code."""
    redemption = world.ras.redeem(grant(), client_id=CLIENT, scope="chat.read", resource=API)
    assert redemption.members() | {"access_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "chat.read",
        "resource": API,
    }
    assert (redemption.account_id, redemption.issuer, redemption.subject) == ("u-alice", IDP, ALICE)
    assert redemption.access_token not in repr(redemption)


def test_the_asynchronous_doors_do_the_same(world: World) -> None:
    """Sans-I/O: one flow, two drivers."""

    async def both() -> tuple[str, int]:
        redemption = await world.ras.aredeem(grant(), client_id=CLIENT)
        reply = await world.ras.atoken(request())
        return redemption.account_id, reply.status

    assert asyncio.run(both()) == ("u-alice", 200)


def test_the_host_door_refuses_with_what_a_host_needs(world: World) -> None:
    """The embedder answers in its own way, with our reference."""
    with pytest.raises(NotRedeemed) as refusal:
        world.ras.redeem(grant(aud="https://other.example/"), client_id=CLIENT)
    refused = refusal.value
    assert (refused.reason, refused.error, refused.status) == (Reason.AUDIENCE_WRONG, "invalid_grant", 400)
    assert refused.description == f"The assertion was not accepted. (ref {refused.decision_id})"
    assert world.event().fields["decision_id"] == refused.decision_id


def test_the_asynchronous_host_door_refuses_alike(world: World) -> None:
    with pytest.raises(NotRedeemed, match="audience_wrong"):
        asyncio.run(world.ras.aredeem(grant(aud="https://other.example/"), client_id=CLIENT))


def test_the_host_door_refuses_a_client_that_is_not_registered_for_the_grant(world: World) -> None:
    with pytest.raises(NotRedeemed, match="client_unknown"):
        world.ras.redeem(grant(client_id="nobody"), client_id="nobody")


def test_the_host_door_checks_what_it_is_asked_like_the_form(world: World) -> None:
    """The host passes on what its client sent."""
    with pytest.raises(NotRedeemed, match="scope_malformed"):
        world.ras.redeem(grant(), client_id=CLIENT, scope="chat.read  chat.history")
    with pytest.raises(NotRedeemed, match="resource_malformed"):
        world.ras.redeem(grant(), client_id=CLIENT, resource=f"{API}#x")
    redemption = world.ras.redeem(grant(), client_id=CLIENT, scope=["chat.read"], resource=[API])
    assert redemption.scopes == ("chat.read",)


def test_the_same_client_id_in_another_tenant_is_another_client() -> None:
    """RAS-18: a door that belongs to one tenant does not know the other's clients."""
    ours, theirs = client(tenant="acme"), client(secret="their-own", tenant="globex")
    world = World(config=config(clients=(ours, theirs)))
    assert world.ras.token(request(), tenant="globex").status == 401
    with_theirs = request(authorization=basic(CLIENT, "their-own"))
    assert body(world.ras.token(with_theirs, tenant="globex"))["error"] == "access_denied"
    assert world.ras.token(request()).status == 401  # a door for all serves an ambiguous id to neither


def test_a_door_of_one_tenant_serves_its_own_client() -> None:
    """The positive control of RAS-18."""
    world = World(config=config(clients=(client(tenant="acme"),)))
    world.store.put(Account("u-alice", tenant="acme"))
    assert world.ras.token(request(), tenant="acme").status == 200
    assert world.ras.token(request()).status == 200
    assert world.ras.token(request(), tenant="globex").status == 401


def test_several_resources_are_answered_as_an_array(world: World) -> None:
    """RAS-35, A-07."""
    reply = world.post({"assertion": grant(resource=[API, FILES], scope="chat.read")})
    assert body(reply)["resource"] == [API, FILES]
    assert token_claims(reply)["aud"] == [API, FILES]
