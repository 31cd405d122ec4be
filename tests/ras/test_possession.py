"""Grants and tokens that are bound to a key: the four cases of draft section 9.8.1.2, and public clients."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.http import Reply
from idjag.ras import NotRedeemed, Registration, Resource
from tests.proofs import KEY, OTHER_KEY, jkt, proof
from tests.ras.test_client_auth import refused_before
from tests.ras.world import (
    API,
    CLIENT,
    FILES,
    NOW,
    World,
    assert_refused,
    body,
    client,
    config,
    grant,
    request,
    token_claims,
)

ENDPOINT = "https://acme.chat.example/token"
BOUND = {"cnf": {"jkt": jkt()}}
PUBLIC = client(registration=Registration(CLIENT, names.NO_AUTHENTICATION))


def bring(world: World, proof_: str | None = None, /, *, form: Any = None, **claims: Any) -> Reply:
    """A grant with these claims, and a proof in the header."""
    parameters = {"assertion": grant(**claims)} | (form or {})
    sent = request(parameters)
    headers = sent.headers if proof_ is None else (*sent.headers, (b"dpop", proof_.encode()))
    return world.post(parameters, headers=headers)


def made(**changes: Any) -> str:
    return proof(ENDPOINT, now=NOW, **changes)


def bound_to(reply: Reply) -> Any:
    """The key that the token of a reply is bound to; its token type agrees."""
    assert reply.status == 200, body(reply)
    cnf = token_claims(reply).get("cnf")
    assert body(reply)["token_type"] == ("Bearer" if cnf is None else "DPoP")
    return cnf


def test_a_bound_grant_with_its_key_makes_a_bound_token(world: World) -> None:
    """DPOP-07, DPOP-12, RAS-36: draft section 9.8.1.2.1."""
    assert bound_to(bring(world, made(), **BOUND)) == {"jkt": jkt()}
    event = world.event()
    assert (event.name, event.fields["cnf_jkt"]) == ("id_jag.redeemed", jkt())


def test_a_bound_grant_may_name_the_key_itself(world: World) -> None:
    """A-21: ``jwk`` stands for its thumbprint."""
    jwk = {name: value for name, value in KEY.public.to_dict().items() if name in ("kty", "crv", "x", "y")}
    assert bound_to(bring(world, made(), cnf={"jwk": jwk})) == {"jkt": jkt()}


def test_a_bound_grant_with_another_key_is_refused(world: World) -> None:
    """DPOP-08: draft section 9.8.1.2.1."""
    reply = bring(world, made(key=OTHER_KEY), **BOUND)
    assert_refused(world, reply, "invalid_grant", "confirmation_mismatch")


def test_a_bound_grant_without_a_key_is_refused(world: World) -> None:
    """DPOP-09: draft section 9.8.1.2.2; and burns nothing."""
    assertion = grant(**BOUND)
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "confirmation_missing")
    assert bound_to(bring(world, made(), form={"assertion": assertion})) == {"jkt": jkt()}


def test_an_unbound_grant_with_a_key_makes_a_bound_token(world: World) -> None:
    """DPOP-10: draft section 9.8.1.2.3."""
    assert bound_to(bring(world, made())) == {"jkt": jkt()}
    assert bound_to(bring(world)) is None


def test_an_api_that_takes_only_bound_tokens_gets_no_other() -> None:
    """DPOP-11: draft section 9.8.1.2.4; one strict resource among several is enough."""
    strict = Resource(API, frozenset({"chat.read"}), key_bound=True)
    world = World(config=config(resources=(strict, Resource(FILES, frozenset({"chat.read"})))))
    assert_refused(world, bring(world, resource=API), "invalid_grant", "confirmation_required")
    assert_refused(world, bring(world, resource=[FILES, API]), "invalid_grant", "confirmation_required")
    assert bound_to(bring(world, resource=FILES)) is None
    assert bound_to(bring(world, made(), resource=API)) == {"jkt": jkt()}
    assert bound_to(bring(world, made(), resource=API, **BOUND)) == {"jkt": jkt()}


@pytest.mark.parametrize(
    "cnf",
    [
        {},
        {"x5t#S256": jkt()},
        {"jkt": jkt(), "x5t#S256": jkt()},
        {"jkt": jkt(), "jwk": {}},
        {"jkt": "short"},
        {"jkt": None},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"kid": "x"},
        "x",
        [],
    ],
    ids=[
        "empty",
        "x5t#S256",
        "two thumbprints",
        "two members",
        "a short jkt",
        "no jkt",
        "a symmetric key",
        "kid",
        "a text",
        "a list",
    ],
)
def test_a_binding_that_we_cannot_check_is_refused(world: World, cnf: Any) -> None:
    """DPOP-14: never ignored, with a proof and without."""
    for sent in (made(), None):
        assert_refused(world, bring(world, sent, cnf=cnf), "invalid_grant", "confirmation_unsupported")


WRONG = [
    pytest.param({"htm": "GET"}, id="another method"),
    pytest.param({"htu": "https://acme.chat.example/other"}, id="another path"),
    pytest.param({"htu": "https://other.example/token"}, id="another host"),
    pytest.param({"iat": NOW - 3600}, id="old"),
    pytest.param({"iat": NOW + 3600}, id="ahead"),
    pytest.param({"jti": None}, id="no jti"),
    pytest.param({"jti": "x" * 10_240}, id="a long jti"),
    pytest.param({"header": {"typ": "JWT"}}, id="another type"),
    pytest.param({"header": {"alg": "none"}}, id="unsigned"),
    pytest.param({"header": {"jwk": None}}, id="no key"),
]


@pytest.mark.parametrize("changes", WRONG)
@pytest.mark.parametrize("claims", [{}, BOUND], ids=["unbound", "bound"])
def test_a_wrong_proof_is_never_ignored(world: World, changes: Any, claims: Any) -> None:
    """DPOP-10, attack case 107: no token, bound or not; and no key of an issuer is fetched for it."""
    reply = bring(world, made(**changes), **claims)
    assert_refused(world, reply, "invalid_dpop_proof", "dpop_proof_invalid")
    assert world.keys.asked == []
    assert bring(world, made(), **claims).status == 200


def test_two_proofs_are_refused(world: World) -> None:
    """Attack case 108: in one header or in two; the second of two could be the one that counts elsewhere."""
    reply = bring(world, f"{made()}, {made()}")
    assert_refused(world, reply, "invalid_dpop_proof", "dpop_proof_invalid")
    twice = [(b"dpop", made().encode()), (b"dpop", made().encode())]
    reply = world.post(headers=(*request().headers, *twice))
    assert_refused(world, reply, "invalid_dpop_proof", "dpop_proof_invalid")


def test_a_proof_is_good_once(world: World) -> None:
    """DPOP-16: and the grant of the second request is not burnt."""
    once, assertion = made(), grant()
    assert bring(world, once).status == 200
    reply = bring(world, once, form={"assertion": assertion})
    assert_refused(world, reply, "invalid_dpop_proof", "dpop_proof_invalid")
    assert len(world.store.events) == 2
    assert bring(world, made(), form={"assertion": assertion}).status == 200


def test_a_proof_is_used_up_by_a_refusal_too(world: World) -> None:
    """DPOP-16: whatever is decided."""
    once = made()
    assert_refused(world, bring(world, once, aud="https://x.example/"), "invalid_grant", "audience_wrong")
    assert_refused(world, bring(world, once), "invalid_dpop_proof", "dpop_proof_invalid")


def test_the_grant_type_of_the_example_is_a_synonym_for_bound_grants(world: World) -> None:
    """DPOP-13, A-21."""
    as_dpop = {"grant_type": names.JWT_DPOP}
    assert bound_to(bring(world, made(), form=as_dpop, **BOUND)) == {"jkt": jkt()}
    for sent in (made(), None):
        assert_refused(world, bring(world, sent, form=as_dpop), "invalid_grant", "confirmation_required")
    assert_refused(world, bring(world, form=as_dpop, **BOUND), "invalid_grant", "confirmation_missing")
    reply = bring(world, made(key=OTHER_KEY), form=as_dpop, **BOUND)
    assert_refused(world, reply, "invalid_grant", "confirmation_mismatch")


def test_the_host_door_takes_a_proof_too(world: World) -> None:
    """Embedders: the value of the header, and the URL where it is not the configured one."""
    redeem = world.ras.redeem
    redemption = redeem(grant(**BOUND), client_id=CLIENT, proof=made())
    assert (redemption.jkt, redemption.token_type) == (jkt(), "DPoP")
    assert redemption.members()["token_type"] == "DPoP"
    elsewhere = "https://mcp.example/oauth/token"
    there = proof(elsewhere, now=NOW)
    assert redeem(grant(), client_id=CLIENT, proof=there, url=elsewhere).jkt == jkt()
    with pytest.raises(NotRedeemed, match="claim=htu") as refusal:
        redeem(grant(), client_id=CLIENT, proof=proof(elsewhere, now=NOW))
    assert refusal.value.error == "invalid_dpop_proof"
    with pytest.raises(NotRedeemed, match="used before"):
        redeem(grant(), client_id=CLIENT, proof=there, url=elsewhere)
    with pytest.raises(NotRedeemed, match="confirmation_missing"):
        redeem(grant(**BOUND), client_id=CLIENT)
    assert redeem(grant(), client_id=CLIENT).token_type == "Bearer"


def test_the_asynchronous_doors_take_a_proof_too(world: World) -> None:
    """One flow, two drivers."""

    async def both() -> tuple[str | None, int]:
        redemption = await world.ras.aredeem(grant(**BOUND), client_id=CLIENT, proof=made())
        sent = request({"assertion": grant(**BOUND)})
        headers = (*sent.headers, (b"dpop", proof("https://x.example/t", now=NOW).encode()))
        answered = request({"assertion": grant(**BOUND)}, headers=headers)
        reply = await world.ras.atoken(answered, url="https://x.example/t")
        return redemption.jkt, reply.status

    assert asyncio.run(both()) == (jkt(), 200)


def test_the_configuration_says_where_the_token_endpoint_is() -> None:
    """What is advertised is what proofs are made for."""
    world = World(config=config(token_endpoint="https://mcp.example/oauth/token"))
    assert world.ras.metadata()["token_endpoint"] == "https://mcp.example/oauth/token"
    assert_refused(world, bring(world, made()), "invalid_dpop_proof", "dpop_proof_invalid")
    assert bring(world, proof("https://mcp.example/oauth/token", now=NOW)).status == 200


def public_world(**changes: Any) -> World:
    return World(config=config(clients=(PUBLIC,), **changes))


def as_public(world: World, sent: str | None = None, /, form: Any = None, **claims: Any) -> Reply:
    """A request that names the client and brings no credentials."""
    parameters = {"client_id": CLIENT, "assertion": grant(**claims)} | (form or {})
    made_ = request(parameters, authorization=None)
    headers = made_.headers if sent is None else (*made_.headers, (b"dpop", sent.encode()))
    return world.post(parameters, authorization=None, headers=headers)


def test_a_public_client_redeems_a_grant_that_is_bound_to_its_key() -> None:
    """RAS-04, A-14: the positive control."""
    world = public_world()
    assert bound_to(as_public(world, made(), **BOUND)) == {"jkt": jkt()}
    assert world.event().fields["actor"] == {"kind": "client", "id": CLIENT}


@pytest.mark.parametrize(
    ("sent", "claims"),
    [
        pytest.param(made(), {}, id="an unbound grant"),
        pytest.param(None, BOUND, id="no proof"),
        pytest.param(None, {}, id="neither"),
    ],
)
def test_a_public_client_gets_nothing_for_anything_else(sent: str | None, claims: Any) -> None:
    """RAS-04, attack case 40: a stranger in the audit log too."""
    world = public_world()
    replies = [as_public(world, sent, **claims) for _ in range(3)]
    refused_before(world, replies[0], "unauthorized_client", "client_public")
    assert [reply.status for reply in replies] == [400] * 3
    assert len(world.store.events) == 1  # whoever knows a public id cannot fill the log


@pytest.mark.parametrize(
    ("changes", "claims", "error", "reason"),
    [
        ({"key": OTHER_KEY}, BOUND, "invalid_grant", "confirmation_mismatch"),
        ({"htm": "GET"}, BOUND, "invalid_dpop_proof", "dpop_proof_invalid"),
        ({}, BOUND | {"client_id": "other"}, "invalid_grant", "client_mismatch"),
        ({}, BOUND | {"iss": "https://evil.example"}, "invalid_grant", "issuer_not_trusted"),
    ],
)
def test_a_public_client_is_a_stranger_until_its_key_is_proven(
    changes: Any, claims: Any, error: str, reason: str
) -> None:
    """RAS-04: the id must be that of the grant, and the key too."""
    world = public_world()
    refused_before(world, as_public(world, made(**changes), **claims), error, reason)


def test_what_is_refused_after_the_key_was_proven_has_its_own_event() -> None:
    """Contract section 9: by then the client is known; its proof is used up, its grant is not."""
    world = public_world()
    once = made()
    for _ in range(2):
        reply = as_public(world, made(), sub="nobody", email="x@acme.example", email_verified=True, **BOUND)
        assert_refused(world, reply, "access_denied", "account_unknown")
    reply = as_public(world, once, form={"scope": "admin"}, **BOUND)
    assert_refused(world, reply, "invalid_scope", "scope_not_allowed")
    assert_refused(world, as_public(world, once, **BOUND), "invalid_dpop_proof", "dpop_proof_invalid")


def test_a_host_that_knows_a_public_client_cannot_redeem_without_a_key_either() -> None:
    """RAS-04 at the door for hosts."""
    world = public_world()
    with pytest.raises(NotRedeemed, match="client_public"):
        world.ras.redeem(grant(), client_id=CLIENT, proof=made())
    assert world.ras.redeem(grant(**BOUND), client_id=CLIENT, proof=made()).jkt == jkt()


def test_a_bound_token_says_all_that_another_says(world: World) -> None:
    """AT-01."""
    plain, bound = (token_claims(bring(world, sent)) for sent in (None, made()))
    assert bound.keys() - plain.keys() == {"cnf"}


@pytest.mark.parametrize("endpoint", ["introspect", "revoke"])
def test_a_public_client_proves_nothing_at_the_other_endpoints(endpoint: Any) -> None:
    """RAS-04: there is no key there that would tell who asks."""
    world = public_world()
    reply = world.ras.serve(endpoint, request({"client_id": CLIENT, "token": "x"}, authorization=None))
    refused_before(world, reply, "unauthorized_client", "client_public")
