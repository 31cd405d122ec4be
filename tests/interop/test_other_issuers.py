"""ID-JAGs of identity providers that are not ours, in the shapes that were recorded, at our RAS process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from idjag.demo.wire import Answer
from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.interop.other_issuers import OKTA, SUB, okta_shaped, product_shaped, site
from tests.interop.serving import served
from tests.interop.wire import assert_refused, encoded_basic, post
from tests.interop.world import World, claims_of


@pytest.fixture(scope="module", autouse=True)
def product(world: World) -> Iterator[None]:
    """The issuer whose keys are fetched."""
    with served(site(world.urls["product"]), world.played["product"]):
        yield


def redeem(world: World, assertion: str, **form: str) -> Answer:
    target = world.targets["bare"]
    form = {"grant_type": names.JWT_BEARER, "assertion": assertion, **form}
    basic = encoded_basic(target.wiki, world.secrets[target.wiki])
    return post(f"{target.issuer}/token", form, basic=basic)


def test_an_okta_shaped_id_jag_is_redeemed(world: World) -> None:
    """RAS-29, RAS-40, SAML-17: RS256 and pinned keys, no resource, act and sub_id that nobody needs."""
    target = world.targets["bare"]
    id_jag = okta_shaped(target)
    assert (jws.parse(id_jag, max_bytes=16_384).alg, claims_of(id_jag)["iss"]) == ("RS256", OKTA)
    answer = redeem(world, id_jag)
    assert answer.status == 200, answer.body
    token = claims_of(str(answer.json()["access_token"]))
    assert (token["sub"], token["aud"]) == ("u-alice", target.resource)  # the default resource
    assert set(token["scope"].split()) == {"chat.read", "chat.history"}
    assert "act" not in token  # this issuer may not assert actors (RAS-41)
    assert_refused(redeem(world, id_jag), "invalid_grant")


WRONG: list[Any] = [
    pytest.param({"aud": "https://acme.chat.example"}, "invalid_grant", id="another audience"),
    pytest.param({"client_id": "0oa9wiki"}, "invalid_grant", id="the client id at the IdP"),
    pytest.param({"iss": "https://globex.okta.example"}, "invalid_grant", id="an issuer that nobody trusts"),
    pytest.param({"iss": f"{OKTA}/"}, "invalid_grant", id="a slash after the issuer"),
    pytest.param({"sub": "00u2mallory", "email": None}, "access_denied", id="a person without an account"),
    pytest.param({"scope": "chat.write"}, "invalid_scope", id="a scope that the client may not have"),
    pytest.param({"scope": None}, "invalid_scope", id="no scope, and no default for this issuer"),
    pytest.param({"exp": 1_700_000_300, "iat": 1_700_000_000}, "invalid_grant", id="expired"),
    pytest.param({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}, "invalid_grant", id="cnf"),
    pytest.param({"jti": None}, "invalid_grant", id="no jti"),
]


@pytest.mark.parametrize(("changes", "error"), WRONG)
def test_one_thing_wrong_in_an_okta_shaped_id_jag(world: World, changes: dict[str, Any], error: str) -> None:
    """RAS-08, 12, 13, 14, 17, 22, 31 and 33, each beside the accepted one above."""
    assert_refused(redeem(world, okta_shaped(world.targets["bare"], **changes)), error)


def test_an_id_jag_of_a_product_with_a_path_for_each_tenant_is_redeemed(world: World) -> None:
    """RAS-10: keys through metadata that is appended to the path; aud and resource in arrays."""
    target = world.targets["bare"]
    answer = redeem(world, product_shaped(target, world.urls["product"]))
    assert answer.status == 200, answer.body
    token = claims_of(str(answer.json()["access_token"]))
    assert (token["sub"], token["aud"], token["scope"]) == ("u-alice", target.resource, "chat.read")


def test_another_tenant_of_the_same_product_is_another_issuer(world: World) -> None:
    """RAS-08, RAS-11: the same keys and host, another path."""
    target, url = world.targets["bare"], world.urls["product"]
    for other in (f"{url}/tenants/7f3b", url, f"{url}/tenants/7f3a/"):
        assert_refused(redeem(world, product_shaped(target, url, iss=other)), "invalid_grant")


def test_one_issuers_key_does_not_speak_for_another(world: World) -> None:
    """RAS-11: the product's signature under Okta's name."""
    target, url = world.targets["bare"], world.urls["product"]
    assert_refused(redeem(world, product_shaped(target, url, iss=OKTA)), "invalid_grant")
    assert redeem(world, product_shaped(target, url, sub=SUB)).status == 200
