"""MCP's TypeScript SDK 2.4 itself, in Node: our IdP, our RAS processes and an API behind our guard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.interop.files import Target
from tests.interop.mcp_api import THREADS, api
from tests.interop.node_program import NodeError, Script, need_node, script
from tests.interop.serving import served
from tests.interop.world import ISSUERS, World, claims_of

need_node()

BOTH = "chat.read chat.history"


@pytest.fixture(scope="module")
def mcp(world: World) -> Iterator[Script]:
    """The SDK, and the APIs that it calls."""
    targets = {name: world.targets[name] for name in ISSUERS}
    with served(api(targets, mcp="bare"), world.played["api"]), script("mcp.mjs") as ready:
        yield ready


def at_the_idp(world: World, **changes: Any) -> dict[str, Any]:
    """Wiki at the IdP, in the SDK's words."""
    wiki = {"clientId": "wiki", "clientSecret": world.secrets["wiki"]}
    return {"idpUrl": world.idp, "idToken": world.id_token, **wiki, **changes}


def at_the_ras(world: World, target: Target) -> dict[str, Any]:
    """Wiki at the RAS, in the SDK's words."""
    secret = world.secrets[target.wiki]
    return {"clientId": target.wiki, "clientSecret": secret, "expectedIssuer": target.issuer}


@pytest.mark.parametrize("name", ISSUERS)
def test_its_provider_reaches_the_api_through_idp_and_ras(world: World, mcp: Script, name: str) -> None:
    """Facts 1, 3, 4 and 6; MET-01, MET-05, MET-06, MET-11: issuers of every form."""
    target = world.targets[name]
    url = f"{target.resource}/threads"
    seen = mcp("get", urls=[url, url], idp=at_the_idp(world), ras=at_the_ras(world, target))
    assert [each["body"] for each in seen["answers"]] == [{"threads": THREADS}] * 2
    [asked] = seen["asked"]  # the second call used the first one's token
    assert (asked["authorizationServerUrl"], asked["resourceUrl"]) == (target.issuer, target.resource)
    token = claims_of(seen["tokens"]["access_token"])
    assert (token["iss"], token["aud"], token["scope"]) == (target.issuer, target.resource, "chat.read")


def test_an_mcp_client_in_node_calls_a_tool_behind_our_guard(world: World, mcp: Script) -> None:
    """The largest user of ID-JAG, all of it: MCP client, our IdP, our RAS, an MCP server behind our guard."""
    target = world.targets["bare"]
    called = {"url": target.resource, "tool": "threads"}
    seen = mcp("callTool", **called, idp=at_the_idp(world), ras=at_the_ras(world, target))
    assert seen["result"]["structuredContent"] == {"result": THREADS}
    exchange, redemption = (each for each in seen["sent"] if each["url"].endswith("/token"))
    assert "authorization" not in exchange
    assert {"client_id", "client_secret", "resource", "audience"} <= set(exchange["form"])
    assert redemption["authorization"] == "Basic"
    assert "client_id" not in redemption["form"]


def test_its_functions_one_by_one(world: World, mcp: Script) -> None:
    """Facts 1 and 4: post at the IdP; Basic and post at the RAS; a JSON number, the exact token type."""
    target = world.targets["bare"]
    asked = {"audience": target.issuer, "resource": target.resource, "scope": BOTH}
    for method in ("client_secret_basic", "client_secret_post"):
        grant = mcp("discoverAndRequest", **at_the_idp(world), **asked)
        assert (type(grant["expiresIn"]), grant["scope"]) == (int, BOTH)
        assert claims_of(grant["jwtAuthGrant"])["aud"] == target.issuer
        at = {"tokenEndpoint": f"{target.issuer}/token", "authMethod": method}
        known = {name: value for name, value in at_the_ras(world, target).items() if name != "expectedIssuer"}
        tokens = mcp("exchange", **at, **known, jwtAuthGrant=grant["jwtAuthGrant"])
        assert (tokens["token_type"], tokens["scope"]) == ("Bearer", BOTH)


def test_it_encodes_nothing_in_basic(world: World, mcp: Script) -> None:
    """Fact 2: a secret with reserved characters is wrong in its header and right in its form."""
    target = world.targets["bare"]
    known = {"clientId": target.calendar, "clientSecret": world.secrets[target.calendar]}
    id_jag = world.id_jag("bare", app="calendar")
    asked = {"tokenEndpoint": f"{target.issuer}/token", "jwtAuthGrant": id_jag, **known}
    with pytest.raises(NodeError, match="invalid_client"):
        mcp("exchange", **asked)
    assert mcp("exchange", **asked, authMethod="client_secret_post")["scope"] == "chat.read"


def test_it_forgives_one_slash_and_passes_on_what_the_metadata_says(world: World, mcp: Script) -> None:
    """Fact 3: unlike the Python SDK; what reaches our IdP is our spelling all the same."""
    target = world.targets["slash"]
    ras = at_the_ras(world, target) | {"expectedIssuer": target.issuer.removesuffix("/")}
    idp = at_the_idp(world, idpUrl=f"{world.idp}/")
    seen = mcp("get", urls=[f"{target.resource}/threads"], idp=idp, ras=ras)
    assert [each["status"] for each in seen["answers"]] == [200]
    assert [each["authorizationServerUrl"] for each in seen["asked"]] == [target.issuer]


def test_its_secret_is_for_the_issuer_that_it_expects(world: World, mcp: Script) -> None:
    """Where our metadata names another one, it stops before any token request."""
    target, other = world.targets["bare"], world.targets["path"]
    ras = at_the_ras(world, target) | {"expectedIssuer": other.issuer}
    with pytest.raises(NodeError, match="Authorization server mismatch"):
        mcp("get", urls=[f"{target.resource}/threads"], idp=at_the_idp(world), ras=ras)


def test_what_it_shows_when_the_idp_refuses(world: World, mcp: Script) -> None:
    """Fact 14: our code and our text with its reference, in the message that people see."""
    target = world.targets["bare"]
    asked = {"audience": target.issuer, "resource": target.resource}
    with pytest.raises(NodeError, match=r"Token exchange failed: invalid_scope - None of .* \(ref .*\)$"):
        mcp("discoverAndRequest", **at_the_idp(world), **asked, scope="chat.write")
    with pytest.raises(NodeError, match=r"Token exchange failed: invalid_client - "):
        mcp("discoverAndRequest", **at_the_idp(world, clientSecret=None), **asked)
    assert mcp("discoverAndRequest", **at_the_idp(world), **asked)["scope"] == "chat.read"


def test_what_it_shows_when_the_ras_refuses(world: World, mcp: Script) -> None:
    """Fact 14, RAS-19: a replay."""
    target = world.targets["bare"]
    known = {name: value for name, value in at_the_ras(world, target).items() if name != "expectedIssuer"}
    used = {"tokenEndpoint": f"{target.issuer}/token", **known, "jwtAuthGrant": world.id_jag("bare")}
    assert mcp("exchange", **used)["token_type"] == "Bearer"
    with pytest.raises(NodeError, match=r"JWT grant exchange failed: invalid_grant - .* \(ref .*\)$"):
        mcp("exchange", **used)


def test_its_provider_tries_once_more_with_a_fresh_grant(world: World, mcp: Script) -> None:
    """Fact 11: invalid_grant makes it ask for a second ID-JAG of the same ID token, and that one is good."""
    target = world.targets["bare"]
    used = world.id_jag("bare")
    assert world.wiki("bare").redeem(used).status == 200
    given = {"idp": at_the_idp(world), "ras": at_the_ras(world, target), "stale": used}
    seen = mcp("get", urls=[f"{target.resource}/threads"], **given)
    at_the_token_endpoint = [
        each["status"] for each in seen["sent"] if each["url"] == f"{target.issuer}/token"
    ]
    assert (len(seen["asked"]), at_the_token_endpoint) == (2, [400, 200])
    assert [each["status"] for each in seen["answers"]] == [200]


@pytest.mark.parametrize("name", ISSUERS)
def test_its_provider_gets_a_token_for_its_key(world: World, mcp: Script, name: str) -> None:
    """DPOP-10, DPOP-12, DPOP-15, DPOP-17: with `dpop()`; nonces at one RAS and at its API."""
    target = world.targets[name]
    given = {"idp": at_the_idp(world), "ras": at_the_ras(world, target), "dpop": True}
    seen = mcp("get", urls=[f"{target.resource}/threads"], **given)
    assert [each["body"] for each in seen["answers"]] == [{"threads": THREADS}]
    assert seen["tokens"]["token_type"] == "DPoP"
    assert claims_of(seen["tokens"]["access_token"])["cnf"] == {"jkt": seen["thumbprint"]}


def test_an_mcp_client_in_node_calls_a_tool_with_a_key(world: World, mcp: Script) -> None:
    """DPOP-17: every request of its transport carries a proof of its own, and our guard takes each once."""
    target = world.targets["bare"]
    called = {"url": target.resource, "tool": "threads", "dpop": True}
    seen = mcp("callTool", **called, idp=at_the_idp(world), ras=at_the_ras(world, target))
    assert seen["result"]["structuredContent"] == {"result": THREADS}
    calls = [each for each in seen["sent"] if each["url"] == target.resource and each["status"] < 300]
    assert len(calls) >= 2
    assert {(each["authorization"], each["proof"]) for each in calls} == {("DPoP", True)}
