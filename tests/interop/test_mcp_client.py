"""The MCP SDK's `IdentityAssertionOAuthProvider` against our RAS processes, and the APIs behind our guard."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from mcp.client.auth import OAuthFlowError, OAuthTokenError

from idjag.demo.wire import fetch
from tests.interop.mcp_api import THREADS, api
from tests.interop.mcp_app import Method, Wire, call_tool, get, provider
from tests.interop.serving import served
from tests.interop.world import ISSUERS, World, claims_of

BASIC_AND_POST: list[Method] = ["client_secret_basic", "client_secret_post"]


@pytest.fixture(scope="module", autouse=True)
def chat(world: World) -> Iterator[None]:
    """The APIs."""
    targets = {name: world.targets[name] for name in ISSUERS}
    with served(api(targets, mcp="bare"), world.played["api"]):
        yield


@pytest.mark.parametrize("method", BASIC_AND_POST)
@pytest.mark.parametrize("name", ISSUERS)
def test_the_provider_redeems_our_id_jag_and_the_api_takes_the_token(
    world: World, name: str, method: Method
) -> None:
    """Fact 1; MET-05, MET-06; RAS-30, RAS-31: issuers without path, with a slash, and with a path."""
    target, wire = world.targets[name], Wire()
    auth = provider(world, target, wire, method=method)
    first, second = get(f"{target.resource}/threads", f"{target.resource}/threads", auth=auth, wire=wire)
    assert (first.status_code, first.json()) == (200, {"threads": THREADS})
    assert second.status_code == 200
    assert wire.asked == [(target.issuer, target.resource)]  # the second call used the first one's token
    [request] = wire.token_requests
    form = parse_qs(request.content.decode())
    assert ("client_secret" in form, "authorization" in request.headers) == (
        method == "client_secret_post",
        method == "client_secret_basic",
    )
    assert (form["client_id"], form["resource"]) == ([target.wiki], [target.resource])
    assert wire.tokens is not None
    token = claims_of(wire.tokens.access_token)
    assert (token["iss"], token["aud"], token["scope"]) == (
        target.issuer,
        target.resource,
        "chat.read chat.history",
    )


def test_the_provider_finds_the_metadata_at_the_inserted_path(world: World) -> None:
    """RFC 8414 section 3 for an issuer with a path: the first address that the SDK tries."""
    target, wire = world.targets["path"], Wire()
    get(f"{target.resource}/threads", auth=provider(world, target, wire), wire=wire)
    assert wire.paths[1] == "/.well-known/oauth-authorization-server/t/acme"
    assert wire.paths[2] == "/t/acme/token"


@pytest.mark.parametrize("name", ISSUERS)
def test_a_slash_too_many_or_too_few_in_the_issuer_stops_the_provider(world: World, name: str) -> None:
    """Fact 3: the SDK compares issuers byte for byte; no assertion is asked for, no secret is sent."""
    target, wire = world.targets[name], Wire()
    other = target.issuer.removesuffix("/") if target.issuer.endswith("/") else f"{target.issuer}/"
    auth = provider(world, target, wire, issuer=other)
    with pytest.raises(OAuthFlowError, match="issuer mismatch"):
        get(f"{target.resource}/threads", auth=auth, wire=wire)
    assert (wire.asked, wire.token_requests) == ([], [])


def test_basic_parts_that_need_encoding_arrive_as_they_were_meant(world: World) -> None:
    """Fact 2, CAU-01: a client id and a secret with percent, plus, colon, slash and space."""
    target, wire = world.targets["bare"], Wire()
    auth = provider(world, target, wire, method="client_secret_basic", client_id=target.calendar)
    [answer] = get(f"{target.resource}/threads", auth=auth, wire=wire)
    assert answer.status_code == 200
    assert "%2520" in _basic_pair(wire)
    wire = Wire()
    auth = provider(world, target, wire, method="client_secret_post", client_id=target.calendar)
    [answer] = get(f"{target.resource}/threads", auth=auth, wire=wire)
    assert answer.status_code == 200


def _basic_pair(wire: Wire) -> str:
    [request] = wire.token_requests
    return base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()


def test_insufficient_scope_makes_the_provider_mint_again_with_the_union(world: World) -> None:
    """MET-12, RFC 6750 section 3.1: our 403 names the scopes in a form that the SDK reads."""
    target, wire = world.targets["bare"], Wire()
    auth = provider(world, target, wire, scope="chat.read")
    urls = (f"{target.resource}/threads", f"{target.resource}/history")
    threads, history = get(*urls, auth=auth, wire=wire)
    assert (threads.status_code, history.status_code) == (200, 200)
    assert len(wire.asked) == 2  # a fresh ID-JAG each time
    scopes = [parse_qs(request.content.decode())["scope"] for request in wire.token_requests]
    assert scopes == [["chat.read"], ["chat.read chat.history"]]
    challenge = next(each for each in wire.seen if each.status_code == 403).headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge


def test_an_mcp_client_calls_a_tool_of_an_mcp_server_behind_our_guard(world: World) -> None:
    """The whole of it: MCP's own client and server, with our IdP, our RAS and our guard in between."""
    target, wire = world.targets["bare"], Wire()
    result = call_tool(target.resource, "threads", auth=provider(world, target, wire), wire=wire)
    assert result.structured_content == {"result": THREADS}
    assert len(wire.asked) == 1
    refused = wire.seen[0]
    assert refused.status_code == 401
    assert "resource_metadata=" in refused.headers["www-authenticate"]


def test_the_provider_shows_our_refusal_with_its_reference(world: World) -> None:
    """Fact 14, RAS-19: the second redemption is refused in JSON that the SDK puts into its error."""
    target, wire = world.targets["bare"], Wire()
    used = world.id_jag("bare", scope="chat.read")

    async def same_again(_audience: str, _resource: str) -> str:
        return used

    [answer] = get(
        f"{target.resource}/threads",
        auth=provider(world, target, wire, assertion_provider=same_again),
        wire=wire,
    )
    assert answer.status_code == 200
    with pytest.raises(OAuthTokenError, match=r"\(400\).*invalid_grant.*\(ref .*\)"):
        get(
            f"{target.resource}/threads",
            auth=provider(world, target, Wire(), assertion_provider=same_again),
            wire=Wire(),
        )


def test_an_id_jag_in_place_of_an_access_token_is_refused_by_the_api(world: World) -> None:
    """RAS-49: beside it, the access token that it buys is accepted (above)."""
    target = world.targets["bare"]
    id_jag = world.id_jag("bare")
    answer = fetch(f"{target.resource}/threads", headers={"authorization": f"Bearer {id_jag}"})
    assert (answer.status, answer.json()["error"]) == (401, "invalid_token")
    metadata = urlsplit(answer.headers["www-authenticate"].split('resource_metadata="')[1].split('"')[0])
    assert metadata.path == "/.well-known/oauth-protected-resource/bare/mcp"
