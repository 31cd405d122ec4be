"""Assertion grants that are no ID-JAGs: RFC 7523, a switch of its own for each issuer (RAS-46)."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.ras import NotRedeemed, Resource
from tests.proofs import jkt, proof
from tests.ras.test_subjects import identity
from tests.ras.world import (
    API,
    IDP,
    NOW,
    OTHER_IDP,
    RAS,
    World,
    assert_refused,
    body,
    claims,
    client,
    config,
    grant,
    key,
    raw_token,
    request,
    token_claims,
    trusted,
)

# What RFC 7523 asks for and no more.
LEAN = {"client_id": None, "iat": None, "scope": None, "resource": None, "auth_time": None}
LEAN |= {"acr": None, "amr": None}


def generic(typ: Any = "JWT", **changes: Any) -> str:
    return grant(typ=typ, **(LEAN | changes))


def world_of(*profiles: Any, **changes: Any) -> World:
    usual = {"default_scopes": ("chat.read",)} | changes
    return World(config=config(trusted_issuers=(trusted(profiles=frozenset(profiles), **usual),)))


def both() -> World:
    return world_of("id-jag", "jwt-bearer")


def test_a_generic_grant_is_redeemed_where_it_is_switched_on() -> None:
    """RFC 7523 sections 2.1 and 3; the audit log knows which profile it was."""
    world = world_of("jwt-bearer")
    reply = world.post({"assertion": generic(jti="g-1")})
    assert reply.status == 200, body(reply)
    token = token_claims(reply)
    assert (token["sub"], token["scope"], token["aud"]) == ("u-alice", "chat.read", API)
    fields = world.event().fields
    assert (fields["profile"], fields["jti"]) == ("jwt-bearer", "g-1")


def test_a_type_may_be_missing() -> None:
    """RFC 7523 names none."""
    good = {name: value for name, value in claims().items() if LEAN.get(name, 1) is not None}
    assertion = raw_token({"alg": "ES256", "kid": "idp"}, good, key("idp"))
    assert both().post({"assertion": assertion}).status == 200
    assert both().post({"assertion": generic("application/JWT")}).status == 200


def test_an_issuer_that_is_trusted_for_one_is_not_trusted_for_the_other() -> None:
    """RAS-46: both ways, and each with its own positive control."""
    only_people, only_generic = world_of("id-jag"), world_of("jwt-bearer")
    refused = only_people.post({"assertion": generic()})
    assert_refused(only_people, refused, "invalid_grant", "assertion_type")
    assert only_people.post().status == 200
    assert_refused(only_generic, only_generic.post(), "invalid_grant", "issuer_not_trusted")
    assert only_generic.post({"assertion": generic()}).status == 200
    world = both()
    assert [world.post({"assertion": each}).status for each in (generic(), grant())] == [200, 200]


@pytest.mark.parametrize(
    "typ", ["at+jwt", "oauth-id-jag", "client-authentication+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt"]
)
def test_any_other_type_is_another_token_s(typ: str) -> None:
    """RAS-07, RFC 8725 section 3.11: also where generic grants are switched on."""
    world = both()
    assert_refused(world, world.post({"assertion": generic(typ)}), "invalid_grant", "assertion_type")


@pytest.mark.parametrize("typ", ["JWT", "oauth-id-jag+jwt"])
def test_an_id_token_for_a_relying_party_of_our_name_is_no_grant(typ: str) -> None:
    """RFC 8725 section 3.12: as a grant of either profile it fails."""
    world = both()
    reply = world.post({"assertion": grant(typ=typ, **LEAN | {"nonce": "n", "iat": NOW})})
    assert (reply.status, body(reply)["error"]) == (400, "invalid_grant")


def test_the_token_endpoint_is_an_audience_of_generic_grants_alone() -> None:
    """RFC 7523 section 3, item 3; RAS-12 and attack case 87 stay for ID-JAGs."""
    world = both()
    assert world.post({"assertion": generic(aud=f"{RAS}token")}).status == 200
    assert_refused(
        world, world.post({"assertion": grant(aud=f"{RAS}token")}), "invalid_grant", "audience_wrong"
    )
    refused = world.post({"assertion": generic(aud=[RAS, f"{RAS}token"])})
    assert_refused(world, refused, "invalid_grant", "audience_wrong")


def test_a_client_that_a_grant_names_must_be_the_one_that_brings_it() -> None:
    """RAS-17 for whoever says it."""
    world = both()
    assert world.post({"assertion": generic(client_id=client().client_id)}).status == 200
    refused = world.post({"assertion": generic(client_id="another")})
    assert_refused(world, refused, "invalid_grant", "client_mismatch")


def test_a_generic_grant_is_good_once() -> None:
    """RAS-19; without a jti it is good for nothing."""
    world = both()
    assertion = generic()
    assert world.post({"assertion": assertion}).status == 200
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "replay")
    assert_refused(world, world.post({"assertion": generic(jti=None)}), "invalid_grant", "claim_wrong")


@pytest.mark.parametrize(
    ("granted", "asked", "scope"),
    [
        pytest.param(None, None, "chat.read", id="the default of the issuer"),
        pytest.param("chat.read chat.history admin", None, "chat.read chat.history", id="the client's"),
        pytest.param("chat.read chat.history", "chat.history", "chat.history", id="what is asked"),
        pytest.param(None, "chat.history", None, id="more than the default"),
        pytest.param("admin", None, None, id="more than the client may"),
    ],
)
def test_a_generic_grant_never_reaches_beyond_the_ceilings(
    granted: str | None, asked: str | None, scope: str | None
) -> None:
    """RAS-31, RAS-33."""
    world = both()
    reply = world.post({"assertion": generic(scope=granted)} | ({"scope": asked} if asked else {}))
    if scope is None:
        assert_refused(world, reply, "invalid_scope", "scope_not_allowed")
    else:
        assert body(reply)["scope"] == scope


def test_the_ceiling_of_the_issuer_holds_too() -> None:
    """RAS-31."""
    world = world_of("jwt-bearer", scope_ceiling=frozenset({"chat.history"}))
    reply = world.post({"assertion": generic(scope="chat.read chat.history")})
    assert body(reply)["scope"] == "chat.history"


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"authorization_details": []}, "invalid_authorization_details", "authorization_details"),
        ({"cnf": {"x5t#S256": "x"}}, "invalid_grant", "confirmation_unsupported"),
        ({"cnf": {"jkt": jkt()}}, "invalid_grant", "confirmation_missing"),
        ({"resource": "https://elsewhere.example/"}, "invalid_grant", "resource_claim_wrong"),
        ({"exp": NOW + 601}, "invalid_grant", "lifetime_too_long"),
        ({"aud_tenant": "globex"}, "invalid_grant", "tenant_wrong"),
        ({"sub": IDP}, "invalid_grant", "assertion_type"),
        ({"sub": "nobody"}, "invalid_grant", "identity_claims_missing"),
    ],
)
def test_what_an_id_jag_may_not_no_generic_grant_may(changes: Any, error: str, reason: str) -> None:
    """CHN-07, DPOP-14, RAS-27, RAS-34, TEN-09."""
    world = both()
    assert_refused(world, world.post({"assertion": generic(**changes)}), error, reason)


def test_a_generic_grant_may_be_bound_to_a_key() -> None:
    """DPOP-07, DPOP-11: the four cases are the same."""
    strict = config(
        trusted_issuers=(trusted(profiles=frozenset({"jwt-bearer"})),),
        resources=(Resource(API, frozenset({"chat.read"}), key_bound=True),),
    )
    world = World(config=strict)
    made = generic(scope="chat.read", cnf={"jkt": jkt()})
    sent = request({"assertion": made})
    headers = (*sent.headers, (b"dpop", proof(f"{RAS}token", now=NOW).encode()))
    assert body(world.post({"assertion": made}, headers=headers))["token_type"] == "DPoP"
    refused = world.post({"assertion": generic(scope="chat.read")})
    assert_refused(world, refused, "invalid_grant", "confirmation_required")


def test_the_keys_of_one_issuer_are_not_another_s() -> None:
    """RAS-09, RAS-11."""
    world = both()
    forged = world.post({"assertion": grant(key("other"), typ="JWT", **LEAN)})
    assert_refused(world, forged, "invalid_grant", "signature_invalid")
    foreign = world.post({"assertion": grant(key("other"), typ="JWT", **LEAN | {"iss": OTHER_IDP})})
    assert_refused(world, foreign, "invalid_grant", "issuer_not_trusted")


def test_nobody_signs_in_by_an_issuer_that_is_trusted_for_generic_grants_alone() -> None:
    """RAS-46 at the door for people."""
    with pytest.raises(NotRedeemed, match="issuer_not_trusted"):
        world_of("jwt-bearer").ras.signed_in(identity())
    assert both().ras.signed_in(identity()) == "u-bob"
