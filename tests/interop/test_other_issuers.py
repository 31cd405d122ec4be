"""ID-JAGs of identity providers that are not ours, in the shapes that were recorded, at our RAS process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from idjag.demo.wire import Answer
from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.interop.other_issuers import OKTA, VECTORS, of_shape, okta_shaped, product_shaped, signed, site
from tests.interop.serving import served
from tests.interop.wire import assert_refused, encoded_basic, post
from tests.interop.world import World, claims_of

UNASKED = {"act", "sub_id", "groups", "https://product.example/plan", "cnf", "aud_sub"}


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
    assert (token["sub"], token["aud"]) == ("u-linked", target.resource)  # the default resource
    assert set(token["scope"].split()) == {"chat.read", "chat.history"}
    assert "act" not in token  # this issuer may not assert actors (RAS-41)
    assert_refused(redeem(world, id_jag), "invalid_grant")


CASES = [pytest.param(case, id=f"{case['shape']}: {case['name']}") for case in VECTORS["cases"]]


@pytest.mark.parametrize("case", CASES)
def test_the_vectors_of_other_issuers(world: World, case: dict[str, Any]) -> None:
    """RAS-08, 11 to 14, 17, 22, 27, 31, 33, 34, DPOP-09, DPOP-14: one change each of what is accepted."""
    shape, target = case["shape"], world.targets["bare"]
    claims = of_shape(shape, target, world.urls["product"], case["change"])
    answer = redeem(world, signed(shape, claims))
    if case["expected"] != "accepted":
        assert_refused(answer, case["expected"])
        return
    assert answer.status == 200, answer.body
    token = claims_of(str(answer.json()["access_token"]))
    assert (token["sub"], token["aud"]) == ("u-linked", target.resource)
    assert set(token["scope"].split()) <= {"chat.read", "chat.history"}
    assert UNASKED & token.keys() == set()  # nor may this issuer assert actors (RAS-41)


def test_the_vectors_are_of_one_shape_and_change_something() -> None:
    names_of = [(case["shape"], case["name"]) for case in VECTORS["cases"]]
    assert len(set(names_of)) == len(names_of)
    for case in VECTORS["cases"]:
        assert case.keys() == {"name", "shape", "change", "expected"}
        claims = VECTORS["shapes"][case["shape"]]["claims"]
        assert [member for member, value in case["change"].items() if claims.get(member) == value] == []


def test_an_id_jag_of_a_product_with_a_path_for_each_tenant_is_redeemed(world: World) -> None:
    """RAS-10: keys through metadata that is appended to the path; aud and resource in arrays."""
    target = world.targets["bare"]
    answer = redeem(world, product_shaped(target, world.urls["product"]))
    assert answer.status == 200, answer.body
    token = claims_of(str(answer.json()["access_token"]))
    assert (token["sub"], token["aud"], token["scope"]) == ("u-linked", target.resource, "chat.read")
