"""jose 6, in Node: a stranger's judgement of what we sign, and our RAS's of what jose signs."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from idjag.demo.wire import Answer, fetch
from idjag.protocol import names
from tests.interop.files import ALICE_SUB
from tests.interop.node_program import NodeError, Script, need_node, script
from tests.interop.other_issuers import key, of_shape, site
from tests.interop.serving import served
from tests.interop.wire import assert_refused, encoded_basic, post
from tests.interop.world import World

need_node()


@pytest.fixture(scope="module")
def jose(world: World) -> Iterator[Script]:
    """The library, and the issuer whose key it signs with."""
    with served(site(world.urls["product"]), world.played["product"]), script("jose.mjs") as ready:
        yield ready


def verified(jose: Script, issuer: str, token: str, **options: Any) -> dict[str, Any]:
    """The claims, if jose finds nothing wrong; keys through the issuer's metadata."""
    form = "oauth-authorization-server"
    metadata: Any = fetch(f"{issuer}/.well-known/{form}").json()
    given = {"token": token, "jwksUri": metadata["jwks_uri"], "options": {"issuer": issuer, **options}}
    claims: dict[str, Any] = jose("verify", **given)["payload"]
    return claims


@pytest.mark.parametrize(("target", "alg"), [("bare", "ES256"), ("foreign-rs256", "RS256")])
def test_jose_verifies_our_id_jags(world: World, jose: Script, target: str, alg: str) -> None:
    """JAG-01 to JAG-03, MET-09: type, audience, required claims, the key by its kid."""
    there = world.targets[target]
    asked = {
        "typ": names.ID_JAG_TYP,
        "audience": there.issuer,
        "algorithms": [alg],
        "maxTokenAge": "1 minute",
    }
    required = {"requiredClaims": ["jti", "exp", "iat", "client_id"]}
    claims = verified(jose, world.idp, world.id_jag(target), **asked, **required)
    assert (claims["sub"], claims["client_id"]) == (ALICE_SUB, there.wiki)
    with pytest.raises(NodeError, match='unexpected "aud" claim value'):
        verified(jose, world.idp, world.id_jag(target), **asked | {"audience": f"{there.issuer}/"})


@pytest.mark.parametrize(("app", "alg"), [("wiki", "RS256"), ("es256", "ES256")])
def test_jose_verifies_our_id_tokens(world: World, jose: Script, app: str, alg: str) -> None:
    """OIDC-12, OIDC-27; and it does not take an ID-JAG for one."""
    asked = {"audience": app, "algorithms": [alg]}
    assert verified(jose, world.idp, world.sign_in(app), **asked)["sub"] == ALICE_SUB
    with pytest.raises(NodeError, match='unexpected "aud" claim value'):
        verified(jose, world.idp, world.id_jag("bare"), **asked | {"algorithms": ["ES256"]})


def test_jose_verifies_the_access_tokens_of_our_ras(world: World, jose: Script) -> None:
    """AT-01: RFC 9068 as others read it."""
    target = world.targets["bare"]
    token = str(world.wiki("bare").redeem(world.id_jag("bare")).json()["access_token"])
    asked = {"typ": "at+jwt", "audience": target.resource, "algorithms": ["ES256"]}
    assert verified(jose, target.issuer, token, **asked)["client_id"] == target.wiki


def redeem(world: World, assertion: str) -> Answer:
    target = world.targets["bare"]
    basic = encoded_basic(target.wiki, world.secrets[target.wiki])
    return post(
        f"{target.issuer}/token", {"grant_type": names.JWT_BEARER, "assertion": assertion}, basic=basic
    )


def test_our_ras_redeems_what_jose_signed(world: World, jose: Script) -> None:
    """RAS-12, RAS-19: with `aud` and `resource` in arrays, and once."""
    id_jag = jose("sign", **good(world))
    assert redeem(world, id_jag).status == 200
    assert_refused(redeem(world, id_jag), "invalid_grant")


def good(world: World, **header: Any) -> dict[str, Any]:
    claims = of_shape("product", world.targets["bare"], world.urls["product"])
    usual = {"alg": "ES256", "typ": names.ID_JAG_TYP, "kid": key("product").kid}
    return {"claims": claims, "header": usual | header, "pem": key("product").to_pem().decode()}


HEADERS: list[Any] = [
    pytest.param({"typ": "JWT"}, id="another type"),
    pytest.param({"kid": "product-2025"}, id="a kid of no key"),
    pytest.param({"jku": "https://product.example/keys"}, id="jku"),
    pytest.param({"jwk": dict(key("product").public.to_dict())}, id="jwk"),
    pytest.param({"b64": True, "crit": ["b64"]}, id="crit"),
]


@pytest.mark.parametrize("header", HEADERS)
def test_our_ras_refuses_other_headers_from_jose(
    world: World, jose: Script, header: Mapping[str, Any]
) -> None:
    """RAS-07, RAS-10, RAS-11: each beside the good one."""
    assert redeem(world, jose("sign", **good(world))).status == 200
    assert_refused(redeem(world, jose("sign", **good(world, **header))), "invalid_grant")


def test_our_ras_refuses_what_has_no_signature_of_the_issuer(world: World, jose: Script) -> None:
    """RFC 8725 sections 2.1 and 3.1: no signature, and a MAC with the public key as its secret."""
    made = good(world)
    public = json.dumps(key("product").public.to_dict())
    symmetric = jose(
        "signWithText", claims=made["claims"], header=made["header"] | {"alg": "HS256"}, text=public
    )
    for forged in (jose("unsecured", claims=made["claims"]), symmetric):
        assert_refused(redeem(world, forged), "invalid_grant")
    assert redeem(world, jose("sign", **made)).status == 200  # the same jti: it was not burnt


def test_jose_authenticates_a_client_of_our_ras(world: World, jose: Script) -> None:
    """CAU-02 to CAU-05 at the RAS: the issuer as audience, once."""
    target = world.targets["bare"]
    now = int(time.time())
    claims = {"iss": target.keyed, "sub": target.keyed, "aud": target.issuer, "iat": now, "exp": now + 60}
    signing = {"header": {"alg": "ES256", "kid": world.key.kid}, "pem": world.key.to_pem().decode()}
    assertion = jose("sign", claims=claims | {"jti": secrets.token_hex(16)}, **signing)
    form = {"client_assertion_type": names.CLIENT_ASSERTION_TYPE, "client_assertion": assertion}

    def asked(made: Mapping[str, str]) -> Answer:
        grant = jose("sign", **good_for(world, target.keyed))
        return post(f"{target.issuer}/token", {"grant_type": names.JWT_BEARER, "assertion": grant, **made})

    assert asked(form).status == 200
    assert_refused(asked(form), "invalid_client", status=401)
    foreign = jose("sign", claims=claims | {"jti": secrets.token_hex(16), "aud": world.idp}, **signing)
    assert_refused(asked(form | {"client_assertion": foreign}), "invalid_client", status=401)


def good_for(world: World, client_id: str) -> dict[str, Any]:
    made = good(world)
    return made | {"claims": made["claims"] | {"client_id": client_id}}


@pytest.mark.parametrize("alg", ["ES256", "RS256", "Ed25519", "EdDSA"])
def test_our_ras_takes_the_proofs_that_jose_makes(world: World, jose: Script, alg: str) -> None:
    """DPOP-07 to DPOP-09, DPOP-12: also of an RSA key, whose proof has a long header."""
    target, made = world.targets["bare"], good(world)
    bound = made | {"claims": made["claims"] | {"cnf": {"jkt": jose("thumbprint", alg=alg)}}}
    id_jag = jose("sign", **bound)
    url = f"{target.issuer}/token"
    basic = encoded_basic(target.wiki, world.secrets[target.wiki])

    def asked(headers: dict[str, str]) -> Answer:
        form = {"grant_type": names.JWT_BEARER, "assertion": id_jag}
        return post(url, form, basic=basic, headers=headers)

    other = "RS256" if alg == "ES256" else "ES256"
    assert_refused(asked({}), "invalid_grant")
    assert_refused(asked({"dpop": jose("proof", alg=other, method="POST", uri=url)}), "invalid_grant")
    answer = asked({"dpop": jose("proof", alg=alg, method="POST", uri=url)})
    assert (answer.status, answer.json()["token_type"]) == (200, "DPoP"), answer.body
