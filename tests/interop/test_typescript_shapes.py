"""MCP's TypeScript SDK 2.4.0, whose requests and response rules are recorded here: it needs no Node.

`crossAppAccess.ts` and `authExtensions.ts`; parameters in the order in which they are sent.
"""

from __future__ import annotations

from typing import Any

from idjag.demo.wire import Answer, fetch
from idjag.protocol import names
from tests.interop.files import Target
from tests.interop.wire import ask, assert_refused, encoded_basic, post
from tests.interop.world import ISSUERS, World, claims_of

_VERSION = {"mcp-protocol-version": "2025-11-25", "accept": "application/json"}


def request_jwt_authorization_grant(
    world: World, target: Target, *, secret: bool = True, scope: str | None = None, **changes: str
) -> Answer:
    """`requestJwtAuthorizationGrant`: post style always, `resource` always."""
    form = {
        "grant_type": names.TOKEN_EXCHANGE,
        "requested_token_type": names.ID_JAG_TOKEN,
        "audience": target.issuer,
        "resource": target.resource,
        "subject_token": world.id_token,
        "subject_token_type": names.ID_TOKEN,
        "client_id": "wiki",
        **({"client_secret": world.secrets["wiki"]} if secret else {}),
        **({"scope": scope} if scope else {}),
        **changes,
    }
    return post(f"{world.idp}/token", form)


def exchange_jwt_auth_grant(world: World, target: Target, id_jag: str, **more: str) -> Answer:
    """`exchangeJwtAuthGrant`: Basic and no `client_id` in the body; the provider adds scope and resource."""
    form = {"grant_type": names.JWT_BEARER, "assertion": id_jag, **more}
    basic = encoded_basic(target.wiki, world.secrets[target.wiki])
    return post(f"{target.issuer.removesuffix('/')}/token", form, basic=basic)


def as_the_grant_is_read(answer: Answer) -> str:
    """Its rules for the exchange's answer; gives the ID-JAG."""
    assert 200 <= answer.status < 300, answer.body
    members: Any = answer.json()
    assert members["issued_token_type"] == names.ID_JAG_TOKEN
    assert isinstance(members["access_token"], str)
    assert members.get("token_type", "") == "N_A"
    number = members["expires_in"]
    assert isinstance(number, int | float)
    assert not isinstance(number, bool)
    return str(members["access_token"])


def as_the_token_is_read(answer: Answer) -> dict[str, Any]:
    """Its rules for the redemption's answer."""
    assert 200 <= answer.status < 300, answer.body
    members: Any = answer.json()
    assert isinstance(members["access_token"], str)
    assert isinstance(members["token_type"], str)
    assert float(members["expires_in"]) > 0
    checked: dict[str, Any] = members
    return checked


def test_the_functions_of_the_sdk(world: World) -> None:
    """Fact 1: post at the IdP, Basic without body id at the RAS; fact 4: the types of the answers."""
    target = world.targets["bare"]
    id_jag = as_the_grant_is_read(request_jwt_authorization_grant(world, target))
    assert claims_of(id_jag)["scope"] == "chat.read"  # none was sent: the rule's default
    token = as_the_token_is_read(exchange_jwt_auth_grant(world, target, id_jag))
    assert claims_of(token["access_token"])["aud"] == target.resource


def test_the_cross_app_access_provider(world: World) -> None:
    """PRM, then metadata whose `issuer` it passes on byte for byte, then scope and resource at the RAS."""
    for name in ISSUERS:
        target = world.targets[name]
        origin = "/".join(target.issuer.split("/")[:3])
        # The RAS serves the documents of its resources, for an API behind the same proxy (RFC 9728).
        prm: Any = fetch(f"{origin}/.well-known/oauth-protected-resource/{name}/mcp").json()
        assert prm["resource"] == target.resource
        [server] = prm["authorization_servers"]
        metadata = _discovered(server)
        scope = " ".join(sorted(set(prm["scopes_supported"]) - {"chat.write"}))
        answer = request_jwt_authorization_grant(world, target, scope=scope, audience=metadata["issuer"])
        id_jag = as_the_grant_is_read(answer)
        assert claims_of(id_jag)["aud"] == metadata["issuer"] == target.issuer
        redeemed = exchange_jwt_auth_grant(world, target, id_jag, scope=scope, resource=prm["resource"])
        assert as_the_token_is_read(redeemed)["scope"] == scope


def _discovered(issuer: str) -> Any:
    """RFC 8414 by path insertion, with the header that the SDK sends; the schema's required members."""
    origin, path = "/".join(issuer.split("/")[:3]), "/".join(issuer.split("/")[3:])
    inserted = f"{origin}/.well-known/oauth-authorization-server" + (f"/{path}" if path else "")
    answer = ask("GET", inserted, headers=_VERSION)
    assert answer.status == 200, answer.body
    metadata: Any = answer.json()
    assert metadata["issuer"] == issuer
    for member in ("authorization_endpoint", "token_endpoint"):
        assert metadata[member].startswith(origin)
    assert isinstance(metadata["response_types_supported"], list)
    return metadata


def test_discover_and_request_jwt_auth_grant(world: World) -> None:
    """Both forms of the IdP's metadata satisfy the SDK's two schemas and name the same issuer (MET-01)."""
    documents = [
        ask("GET", f"{world.idp}/.well-known/{name}", headers=_VERSION).json()
        for name in ("oauth-authorization-server", "openid-configuration")
    ]
    for metadata in documents:
        assert metadata["issuer"] == world.idp
        for member in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            assert str(metadata[member]).startswith(world.idp)
        for member in (
            *("response_types_supported", "subject_types_supported"),
            "id_token_signing_alg_values_supported",
        ):
            assert isinstance(metadata[member], list)
    assert documents[0] == documents[1]


def test_without_its_secret_a_confidential_client_is_nobody(world: World) -> None:
    """XCH-50; EMA 7.7: the SDK leaves `client_secret` out when it has none."""
    target = world.targets["bare"]
    refused = request_jwt_authorization_grant(world, target, secret=False)
    assert_refused(refused, "invalid_client", status=401)
    assert request_jwt_authorization_grant(world, target).status == 200


def test_what_the_sdk_shows_its_user_when_we_refuse(world: World) -> None:
    """Fact 14: `Token exchange failed: <error> - <error_description>`, both of them strings."""
    members = assert_refused(
        request_jwt_authorization_grant(world, world.targets["bare"], scope="chat.write"), "invalid_scope"
    )
    shown = f"Token exchange failed: {members['error']} - {members['error_description']}"
    assert shown.startswith("Token exchange failed: invalid_scope - None of the requested scopes")


def test_its_one_retry_brings_another_id_jag_of_the_same_id_token(world: World) -> None:
    """Fact 11: on invalid_grant the provider fetches a second grant, and that one is redeemed."""
    target = world.targets["bare"]
    first = as_the_grant_is_read(request_jwt_authorization_grant(world, target))
    as_the_token_is_read(exchange_jwt_auth_grant(world, target, first))
    assert_refused(exchange_jwt_auth_grant(world, target, first), "invalid_grant")
    second = as_the_grant_is_read(request_jwt_authorization_grant(world, target))
    as_the_token_is_read(exchange_jwt_auth_grant(world, target, second))
