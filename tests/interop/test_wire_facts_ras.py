"""The wire facts of real clients that concern the resource authorization server, by their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from idjag.demo.wire import Answer, fetch
from idjag.protocol import names
from tests.interop.other_issuers import product_shaped, site
from tests.interop.serving import served
from tests.interop.wire import assert_refused, encoded_basic, post
from tests.interop.world import ISSUERS, World, claims_of


@pytest.fixture(scope="module", autouse=True)
def product(world: World) -> Iterator[None]:
    """An issuer whose claims the test chooses."""
    with served(site(world.urls["product"]), world.played["product"]):
        yield


def redeem(world: World, assertion: str, **form: str) -> Answer:
    target = world.targets["bare"]
    form = {"grant_type": names.JWT_BEARER, "assertion": assertion, **form}
    basic = encoded_basic(target.wiki, world.secrets[target.wiki])
    return post(f"{target.issuer}/token", form, basic=basic)


def grant(world: World, **changes: Any) -> str:
    return product_shaped(world.targets["bare"], world.urls["product"], **changes)


def granted(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    return answer.json()


def test_fact_3_the_audience_is_compared_byte_for_byte(world: World) -> None:
    """Fact 3, RAS-12: what our IdP looks up loosely, our RAS does not forgive in others."""
    issuer = world.targets["bare"].issuer
    granted(redeem(world, grant(world, aud=issuer)))
    granted(redeem(world, grant(world, aud=[issuer])))
    for other in (f"{issuer}/", issuer.replace("http:", "HTTP:"), f"{issuer}/token", [issuer, issuer + "/"]):
        assert_refused(redeem(world, grant(world, aud=other)), "invalid_grant")


def test_fact_3_resource_is_compared_by_its_parts_and_emitted_as_registered(world: World) -> None:
    """Fact 3, XCH-27: in the claim and in the request."""
    resource = world.targets["bare"].resource
    upper = resource.replace("http:", "HTTP:")
    for assertion in (grant(world, resource=upper), grant(world, resource=[upper])):
        answer = granted(redeem(world, assertion, resource=upper))
        assert answer["resource"] == claims_of(answer["access_token"])["aud"] == resource
    assert_refused(redeem(world, grant(world, resource=f"{resource}/")), "invalid_grant")


@pytest.mark.parametrize("name", ISSUERS)
def test_fact_6_the_metadata_has_what_mcp_parsers_demand(world: World, name: str) -> None:
    """Fact 6, MET-05, MET-06: even of a server that only redeems; the endpoint answers an OAuth error."""
    issuer = world.targets[name].issuer
    parts = urlsplit(issuer)
    inserted = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server"
    metadata: Any = fetch(inserted + parts.path.rstrip("/")).json()
    assert metadata["issuer"] == issuer
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_grant_profiles_supported"] == [names.ID_JAG_PROFILE]
    assert names.JWT_BEARER in metadata["grant_types_supported"]
    assert_refused(fetch(metadata["authorization_endpoint"]), "unauthorized_client")
    methods = {"client_secret_basic", "client_secret_post"}
    assert methods <= set(metadata["token_endpoint_auth_methods_supported"])


def test_fact_12_scope_and_resource_in_the_request_narrow_and_never_widen(world: World) -> None:
    """Fact 12, RAS-28, RAS-31, RAS-32: sent by Python and by the TypeScript provider, absent elsewhere."""
    target, both = world.targets["bare"], "chat.read chat.history"
    plain = granted(redeem(world, grant(world, scope=both)))
    assert set(plain["scope"].split()) == {"chat.read", "chat.history"}
    narrowed = granted(redeem(world, grant(world, scope=both), scope="chat.read", resource=target.resource))
    assert (narrowed["scope"], narrowed["resource"]) == ("chat.read", target.resource)
    wider = granted(redeem(world, grant(world, scope="chat.read"), scope="chat.read chat.history"))
    assert wider["scope"] == "chat.read"


def test_fact_13_a_foreign_resource_in_the_claim_and_in_the_request(world: World) -> None:
    """Fact 13, RAS-27, RAS-28: invalid_grant for the one, invalid_target for the other."""
    foreign = "https://api.elsewhere.example/"
    assert_refused(redeem(world, grant(world, resource=foreign)), "invalid_grant")
    assertion = grant(world)
    assert_refused(redeem(world, assertion, resource=foreign), "invalid_target")
    granted(redeem(world, assertion))


def test_fact_11_a_client_that_retries_gets_its_token_with_a_fresh_grant(world: World) -> None:
    """Fact 11: refused, then minted again; the rightful client's jti was not burnt by the refusal either."""
    assertion = grant(world)
    assert_refused(redeem(world, assertion, scope="chat.write"), "invalid_scope")
    granted(redeem(world, assertion))
    assert_refused(redeem(world, assertion), "invalid_grant")
    granted(redeem(world, grant(world)))


def test_fact_4_the_answer_of_the_ras(world: World) -> None:
    """Fact 4, RAS-35 to RAS-37: token_type Bearer, a number, the granted scope, and no further token."""
    answer = redeem(world, grant(world))
    members = granted(answer)
    assert (members["token_type"], type(members["expires_in"])) == ("Bearer", int)
    assert members.keys() == {"access_token", "token_type", "expires_in", "scope", "resource"}
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
