"""Nonces for DPoP proofs, where the configuration demands them: RFC 9449 section 8 (DPOP-15)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from idjag.protocol.http import Reply
from idjag.ras import JwtSigner, NotRedeemed, Ras
from idjag.ras.config import build, load
from tests.proofs import jkt, proof
from tests.ras.test_config import CONTRACT, ENVIRON, write
from tests.ras.world import CLIENT, NOW, RAS, World, body, config, grant, ids, key, request

ENDPOINT = f"{RAS}token"
KEY = b"k" * 32


def strict(nonce_key: bytes = KEY, **changes: Any) -> World:
    """A server that demands nonces."""
    world = World()
    world.ras = Ras(
        config(dpop_nonce=True, **changes),
        keys=world.keys,
        accounts=world.store,
        store=world.store,
        signer=JwtSigner(key("ras")),
        nonce_key=nonce_key,
        clock=world.clock,
        new_id=ids("ref"),
    )
    return world


def bring(world: World, nonce: str | None = None, **form: Any) -> Reply:
    parameters = {"assertion": grant(iat=world.clock.now, exp=world.clock.now + 300)} | form
    sent = proof(ENDPOINT, now=world.clock.now, nonce=nonce)
    return world.post(parameters, headers=(*request(parameters).headers, (b"dpop", sent.encode())))


def nonce_of(reply: Reply) -> str:
    [nonce] = [value.decode() for name, value in reply.headers if name == b"dpop-nonce"]
    return nonce


def test_a_proof_without_nonce_is_sent_back_with_one() -> None:
    """DPOP-15, attack case 111: and the next one is good."""
    world = strict()
    reply = bring(world)
    assert (reply.status, body(reply)["error"]) == (400, "use_dpop_nonce")
    assert world.event().fields["reason"] == "use_dpop_nonce"
    assert bring(world, nonce_of(reply)).status == 200


def test_every_answer_carries_the_next_nonce() -> None:
    """RFC 9449 section 8.2: also to who brought no proof, or no credentials."""
    world = strict()
    first = nonce_of(bring(world))
    for reply in (
        bring(world, first),
        world.post(),
        world.post(authorization=None),
        world.post(method="GET"),
    ):
        assert nonce_of(reply) == first


def test_a_nonce_grows_old() -> None:
    """DPOP-15, attack case 111: one window is good, older ones are not."""
    world = strict()
    nonce = nonce_of(bring(world))
    world.clock.now += 300
    assert bring(world, nonce).status == 200
    world.clock.now += 400
    assert body(bring(world, nonce))["error"] == "use_dpop_nonce"


def test_a_nonce_of_another_server_is_none_of_ours() -> None:
    """DPOP-15, attack case 111: neither another issuer's nor another key's; nodes of one key agree."""
    nonce = nonce_of(bring(strict()))
    assert bring(strict(), nonce).status == 200
    other_key = nonce_of(bring(strict(b"o" * 32)))
    other_issuer = nonce_of(strict(issuer="https://other.example/").post(method="GET"))
    for foreign in (other_key, other_issuer, "invented", "x" * 256):
        assert body(bring(strict(), foreign))["error"] in ("use_dpop_nonce", "invalid_dpop_proof")
    assert len({nonce, other_key, other_issuer}) == 3


def test_who_brings_no_proof_needs_no_nonce() -> None:
    """Nonces are for proofs: DPoP itself stays the client's choice."""
    assert strict().post().status == 200


def test_without_the_switch_no_nonce_is_asked_for(world: World) -> None:
    """The positive control; one that somebody else's server gave does no harm."""
    for nonce in (None, "from elsewhere"):
        reply = bring(world, nonce)
        assert reply.status == 200
        assert b"dpop-nonce" not in dict(reply.headers)
    assert world.ras.nonce_headers() == ()


def test_a_host_learns_the_nonce_that_its_client_must_repeat() -> None:
    """Embedders answer by themselves."""
    world = strict()
    with pytest.raises(NotRedeemed) as refusal:
        world.ras.redeem(grant(), client_id=CLIENT, proof=proof(ENDPOINT, now=NOW))
    assert refusal.value.error == "use_dpop_nonce"
    assert refusal.value.headers == world.ras.nonce_headers()
    assert nonce_of(refusal.value.reply) == dict(refusal.value.headers)[b"dpop-nonce"].decode()
    repeated = proof(ENDPOINT, now=NOW, nonce=nonce_of(refusal.value.reply))
    assert world.ras.redeem(grant(), client_id=CLIENT, proof=repeated).jkt == jkt()


def test_the_file_switches_them_on_and_they_survive_a_restart(tmp_path: Path) -> None:
    """DPOP-15: the key is derived from what the database keeps sealed."""
    text = CONTRACT.replace("access_token:", "dpop: {nonce: required}\naccess_token:")
    loaded = load(write(tmp_path, text), ENVIRON)
    nonces = []
    for _ in range(2):
        with build(loaded, clock=lambda: NOW) as built:
            sent = request({"assertion": grant()})
            headers = (*sent.headers, (b"dpop", proof(ENDPOINT, now=NOW).encode()))
            refused = asyncio.run(built.ras.atoken(request({"assertion": grant()}, headers=headers)))
            assert body(refused)["error"] == "use_dpop_nonce"
            nonces.append(nonce_of(refused))
    assert nonces[0] == nonces[1]
