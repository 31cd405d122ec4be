"""The wire facts where a key is proven (DPoP): what is bound, for whom, and what strangers make of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from idjag.demo.wire import Answer
from idjag.protocol import names
from tests import proofs
from tests.interop.files import ALICE_SUB
from tests.interop.foreign_ras import foreign_ras
from tests.interop.serving import served
from tests.interop.wire import ask, assert_refused, encoded_basic, post
from tests.interop.world import ISSUERS, World, claims_of


def proven(url: str, form: dict[str, str], *, basic: str, key: Any = proofs.KEY) -> Answer:
    """A token request with a proof, a second one when the server wants a nonce in it: as clients do it."""

    def once(**claims: Any) -> Answer:
        made = proofs.proof(url, now=int(time.time()), key=key, **claims)
        return post(url, form, basic=basic, headers={"dpop": made})

    answer = once()
    if answer.status == 400 and answer.json()["error"] == "use_dpop_nonce":
        return once(nonce=answer.headers["dpop-nonce"])
    return answer


def bound_id_jag(world: World, target: str) -> dict[str, Any]:
    """The answer of an exchange by Wiki with a proof."""
    form = {
        "grant_type": names.TOKEN_EXCHANGE,
        "requested_token_type": names.ID_JAG_TOKEN,
        "subject_token": world.id_token,
        "subject_token_type": names.ID_TOKEN,
        "audience": world.targets[target].issuer,
    }
    answer = proven(f"{world.idp}/token", form, basic=encoded_basic("wiki", world.secrets["wiki"]))
    assert answer.status == 200, answer.body
    world.canaries.add(str(answer.json()["access_token"]))
    return answer.json()


def endpoint(world: World, target: str) -> str:
    return world.targets[target].issuer.removesuffix("/") + "/token"


@pytest.mark.parametrize("name", ISSUERS)
def test_fact_4_a_bound_grant_is_still_n_a_and_its_token_is_dpop(world: World, name: str) -> None:
    """Facts 4 and 5, DPOP-04, DPOP-07, DPOP-12, DPOP-15: with nonces at the IdP and at one of the RASes."""
    target, jkt = world.targets[name], proofs.jkt()
    grant = bound_id_jag(world, name)
    assert (grant["token_type"], grant["issued_token_type"]) == ("N_A", names.ID_JAG_TOKEN)
    assert claims_of(grant["access_token"])["cnf"] == {"jkt": jkt}
    form = {"grant_type": names.JWT_BEARER, "assertion": str(grant["access_token"])}
    basic = encoded_basic(target.wiki, world.secrets[target.wiki])
    assert_refused(post(endpoint(world, name), form, basic=basic), "invalid_grant")
    assert_refused(proven(endpoint(world, name), form, basic=basic, key=proofs.OTHER_KEY), "invalid_grant")
    redeemed = proven(endpoint(world, name), form, basic=basic)
    assert (redeemed.status, redeemed.json()["token_type"]) == (200, "DPoP")
    assert claims_of(str(redeemed.json()["access_token"]))["cnf"] == {"jkt": jkt}


def test_fact_5_a_ras_without_dpop_refuses_a_bound_grant(world: World) -> None:
    """Fact 5: Authlib and Cloudflare refuse `cnf`, so an app sends a proof for those that take it alone."""
    target = world.targets["foreign-es256"]
    clients = {target.wiki: world.secrets[target.wiki]}
    app = foreign_ras({target.alg: target.issuer}, idp=world.idp, clients=clients, people={ALICE_SUB})
    with served(app, world.played["foreign"]):
        bound = str(bound_id_jag(world, target.id)["access_token"])
        answers = [redeem_there(world, each) for each in (bound, world.id_jag(target.id))]
    assert [answer.status for answer in answers] == [400, 200]
    assert "'cnf'" in str(answers[0].json()["error_description"])


def redeem_there(world: World, assertion: str) -> Answer:
    target = world.targets["foreign-es256"]
    basic = encoded_basic(target.wiki, world.secrets[target.wiki])
    form = {"grant_type": names.JWT_BEARER, "assertion": assertion}
    return post(f"{target.issuer}/token", form, basic=basic)


def test_fact_10_a_single_page_app_may_send_proofs_and_read_nonces(world: World) -> None:
    """Fact 10, MET-20: at the IdP; the token endpoint of a RAS is for no page."""
    origin = world.urls["rp"]
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,dpop"}
    for url, theirs in ((f"{world.idp}/token", True), (endpoint(world, "bare"), False)):
        preflight = ask("OPTIONS", url, headers={"origin": origin, **asked})
        answer = post(url, {"grant_type": "password"}, headers={"origin": origin})
        named = [each.headers.get("access-control-allow-origin") for each in (preflight, answer)]
        assert named == [origin if theirs else None] * 2
        if theirs:
            assert "dpop" in preflight.headers["access-control-allow-headers"].split(", ")
            assert "dpop-nonce" in answer.headers["access-control-expose-headers"].split(", ")
        assert "access-control-allow-credentials" not in {**preflight.headers, **answer.headers}
