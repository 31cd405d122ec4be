"""openid-client 6, in Node, as requesting app: exchange, redemption and refresh, with and without a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from idjag.asgi import Door
from idjag.protocol import names
from idjag.protocol.http import Reply, TokenRequest, json_reply
from idjag.protocol.jose import KeySet
from tests.interop.files import Target
from tests.interop.mcp_api import THREADS, api
from tests.interop.node_program import NodeError, Script, need_node, script
from tests.interop.openid_app import OFFLINE, discovered, signed_in
from tests.interop.serving import served
from tests.interop.world import ISSUERS, World, claims_of

need_node()


@pytest.fixture(scope="module")
def openid(world: World) -> Iterator[Script]:
    """The library, and the APIs that it calls."""
    targets = {name: world.targets[name] for name in ISSUERS}
    with served(api(targets, mcp="bare"), world.played["api"]), script("openid.mjs") as ready:
        yield ready


def exchanged(world: World, openid: Script, target: Target, id_token: str, **changes: str) -> Any:
    """An exchange by the app that is set up."""
    asked = {
        "requested_token_type": names.ID_JAG_TOKEN,
        "subject_token": world.canaries.add(id_token),
        "subject_token_type": names.ID_TOKEN,
        "audience": target.issuer,
        "resource": target.resource,
    }
    return openid("grant", grantType=names.TOKEN_EXCHANGE, **asked | changes)


def redeemed(world: World, openid: Script, target: Target, assertion: str, **at_the_ras: Any) -> Any:
    """The app at the RAS, found through its metadata."""
    discovered(world, openid, "wiki", issuer=target.issuer, algorithm="oauth2", **at_the_ras)
    return openid("grant", grantType=names.JWT_BEARER, assertion=world.canaries.add(assertion))


def with_secret(world: World, target: Target) -> dict[str, Any]:
    """Wiki there."""
    return {"clientId": target.wiki, "method": "client_secret_post", "secret": world.secrets[target.wiki]}


@pytest.mark.parametrize("name", ISSUERS)
def test_openid_client_exchanges_and_redeems(world: World, openid: Script, name: str) -> None:
    """XCH-53 to XCH-57, RAS-36, fact 4: `token_type` must be there; N_A is taken."""
    target = world.targets[name]
    id_token = signed_in(world, openid, "wiki")["id_token"]
    grant = exchanged(world, openid, target, id_token)
    assert (grant["token_type"], grant["issued_token_type"]) == ("n_a", names.ID_JAG_TOKEN)
    token = redeemed(world, openid, target, grant["access_token"], **with_secret(world, target))
    assert (token["token_type"], token["scope"]) == ("bearer", "chat.read")
    answer = openid("api", accessToken=token["access_token"], url=f"{target.resource}/threads")
    assert answer == {"status": 200, "body": {"threads": THREADS}}


def test_openid_client_signs_for_itself_at_both(world: World, openid: Script) -> None:
    """CAU-02, CAU-03: private_key_jwt for the issuer of each, which is what the library names."""
    target = world.targets["bare"]
    id_token = signed_in(world, openid, "keyed")["id_token"]
    grant = exchanged(world, openid, target, id_token)
    at_the_ras = {"clientId": target.keyed, "method": "private_key_jwt"}
    token = redeemed(world, openid, target, grant["access_token"], **at_the_ras)
    assert claims_of(token["access_token"])["client_id"] == target.keyed


def test_openid_client_reads_our_refusals(world: World, openid: Script) -> None:
    """Fact 14."""
    target = world.targets["bare"]
    id_token = signed_in(world, openid, "wiki")["id_token"]
    with pytest.raises(NodeError) as refused:
        exchanged(world, openid, target, id_token, audience=world.idp)
    assert (refused.value.told["oauth"], refused.value.told["description"][-1]) == ("invalid_target", ")")
    assert exchanged(world, openid, target, id_token)["scope"] == "chat.read"


@pytest.mark.parametrize("name", ISSUERS)
def test_openid_client_proves_its_key_from_the_sign_in_to_the_api(
    world: World, openid: Script, name: str
) -> None:
    """DPOP-01, DPOP-04, DPOP-07, DPOP-12, DPOP-15, DPOP-17: nonces at the IdP, and at one RAS and its API."""
    target = world.targets[name]
    id_token = signed_in(world, openid, "wiki", dpop="another key")["id_token"]
    grant = exchanged(world, openid, target, id_token)
    bound = claims_of(grant["access_token"])["cnf"]
    at_the_ras = with_secret(world, target) | {"dpop": "same key"}
    token = redeemed(world, openid, target, grant["access_token"], **at_the_ras)
    assert (token["token_type"], claims_of(token["access_token"])["cnf"]) == ("dpop", bound)
    called = {"accessToken": token["access_token"], "url": f"{target.resource}/threads"}
    assert openid("api", **called)["body"] == {"threads": THREADS}
    discovered(world, openid, "wiki")  # and now without the key
    with pytest.raises(NodeError, match="WWWAuthenticateChallengeError"):
        openid("api", **called)


def test_openid_client_refreshes(world: World, openid: Script) -> None:
    """OIDC-17 to OIDC-19, fact 8: the library wants the ID token of a refresh to be of the same sign-in."""
    first = signed_in(world, openid, "inspector", OFFLINE)
    second = openid("refresh", refreshToken=world.canaries.add(first["refresh_token"]))
    world.canaries.add(second["refresh_token"])
    assert second["claims"]["sub"] == first["claims"]["sub"]
    assert second["refresh_token"] != first["refresh_token"]
    with pytest.raises(NodeError) as refused:
        openid("refresh", refreshToken=first["refresh_token"])
    assert refused.value.told["oauth"] == "invalid_grant"


def test_a_public_client_refreshes_with_the_key_of_its_sign_in_alone(world: World, openid: Script) -> None:
    """DPOP-19."""
    first = signed_in(world, openid, "spa", OFFLINE, dpop="another key")
    assert first["token_type"] == "dpop"
    second = openid("refresh", refreshToken=world.canaries.add(first["refresh_token"]))
    assert second["token_type"] == "dpop"
    discovered(world, openid, "spa", dpop="another key")
    with pytest.raises(NodeError) as refused:
        openid("refresh", refreshToken=world.canaries.add(second["refresh_token"]))
    assert refused.value.told["oauth"] == "invalid_grant"


def test_a_client_that_is_an_address_signs_in_exchanges_and_redeems(world: World, openid: Script) -> None:
    """JAG-09: the document says its key and its callback; one name at both ends."""
    target, app = world.targets["bare"], world.apps["published"]
    with served(Door(_document(world)), world.played["published"]):
        id_token = signed_in(world, openid, "published")["id_token"]
        grant = exchanged(world, openid, target, id_token)
        assert claims_of(grant["access_token"])["client_id"] == app.client_id
        at_the_ras = {"clientId": app.client_id, "method": "private_key_jwt"}
        token = redeemed(world, openid, target, grant["access_token"], **at_the_ras)
    assert claims_of(token["access_token"])["client_id"] == app.client_id


def _document(world: World) -> Any:
    app = world.apps["published"]
    members = {
        "client_id": app.client_id,
        "client_name": "Published",
        "redirect_uris": [app.redirect_uri],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": KeySet([world.key.public]).to_dict(),
    }

    async def answer(_: TokenRequest) -> Reply:
        return json_reply(members)

    return answer
