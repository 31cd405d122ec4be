"""Our RAS embedded in the MCP SDK's authorization server, and the same SDK's client provider against it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

import pytest
from mcp.client.auth import OAuthFlowError, OAuthTokenError
from mcp.server.auth.provider import TokenErrorCode

from idjag.demo.wire import Answer, fetch
from idjag.protocol import names
from idjag.ras import Account, MemoryStore
from tests.interop.files import Target
from tests.interop.mcp_api import THREADS
from tests.interop.mcp_app import Method, Wire, call_tool, get, provider
from tests.interop.mcp_host import embedded_ras, host
from tests.interop.serving import served
from tests.interop.wire import encoded_basic, post
from tests.interop.world import World, claims_of


@contextmanager
def up(
    world: World, *, method: Method = "client_secret_post", people: tuple[str, ...] = ("alice",)
) -> Iterator[MemoryStore]:
    """The host while the ``with`` lasts; gives what its RAS writes down."""
    target = world.targets["host"]
    store = MemoryStore(Account(f"u-{name}", email=f"{name}@acme.example") for name in people)
    secret = world.secrets[target.wiki]
    ras = embedded_ras(target, idp=world.idp, store=store, secret=secret)
    app = host(ras, target, secret=secret, method=method)
    with served(app, world.played["host"]):
        yield store


def redeem(world: World, target: Target, assertion: str, **form: str) -> Answer:
    """As `exchangeJwtAuthGrant` with post authentication."""
    credentials = {"client_id": target.wiki, "client_secret": world.secrets[target.wiki]}
    usual = {"grant_type": names.JWT_BEARER, "assertion": assertion}
    return fetch(f"{target.issuer}token", form={**usual, **credentials, **form})


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_the_sdks_client_and_server_meet_over_our_ras(world: World, method: Method) -> None:
    """The embedding point: client authentication is the SDK's, everything about the ID-JAG is ours."""
    target, wire = world.targets["host"], Wire()
    with up(world, method=method) as store:
        auth = provider(world, target, wire, method=method)
        result = call_tool(target.resource, "threads", auth=auth, wire=wire)
    assert result.structured_content == {"result": THREADS}
    assert wire.tokens is not None
    token = claims_of(wire.tokens.access_token)
    assert (token["sub"], token["aud"], token["client_id"]) == ("u-alice", target.resource, target.wiki)
    assert store.events[-1].name == "id_jag.redeemed"


def test_the_host_has_an_issuer_with_a_slash_and_our_idp_writes_it_so(world: World) -> None:
    """Fact 3: the SDK renders its issuer from a URL type; asked without the slash, we mint it with it."""
    target, wire = world.targets["host"], Wire()
    with up(world):
        metadata = fetch(f"{target.issuer}.well-known/oauth-authorization-server").json()
        assert metadata["issuer"] == target.issuer == f"{world.urls['host']}/"
        assert metadata["authorization_grant_profiles_supported"] == [names.ID_JAG_PROFILE]
        id_jag = world.id_jag("host", audience=world.urls["host"])
        assert claims_of(id_jag)["aud"] == target.issuer
        assert redeem(world, target, id_jag).status == 200
        auth = provider(world, target, wire, issuer=world.urls["host"])
        with pytest.raises(OAuthFlowError, match="issuer mismatch"):
            get(target.resource, auth=auth, wire=wire)
    assert wire.asked == []


def test_a_replay_is_refused_through_the_hook(world: World) -> None:
    """RAS-19; the SDK's provider shows our text with its reference."""
    target, wire = world.targets["host"], Wire()
    used = world.id_jag("host")

    async def same_again(_audience: str, _resource: str) -> str:
        return used

    with up(world) as store:
        assert redeem(world, target, used).status == 200
        again = redeem(world, target, used)
        assert (again.status, again.json()["error"]) == (400, "invalid_grant")
        assert store.events[-1].fields["reason"] == "replay"
        auth = provider(world, target, wire, assertion_provider=same_again)
        with pytest.raises(OAuthTokenError, match=r"invalid_grant.*\(ref .*\)"):
            get(target.resource, auth=auth, wire=wire)


def test_what_the_hook_must_check_is_checked(world: World) -> None:
    """The list in the SDK's documentation of the hook: aud, client_id, typ, resource."""
    target, id_jag = world.targets["host"], world.id_jag("host")
    with up(world):
        refusals = {
            "aud": redeem(world, target, world.id_jag("bare")),
            "client_id": redeem(world, target, world.id_jag("host", app="calendar")),
            "typ": redeem(world, target, world.id_token),
            "resource": redeem(world, target, id_jag, resource=f"{target.resource}/other"),
        }
        accepted = redeem(world, target, id_jag)  # none of it burnt the grant
    errors = {what: (answer.status, answer.json()["error"]) for what, answer in refusals.items()}
    assert errors == {
        **dict.fromkeys(("aud", "client_id", "typ"), (400, "invalid_grant")),
        "resource": (400, "invalid_target"),
    }
    assert accepted.status == 200, accepted.body


def test_basic_without_a_client_id_in_the_body_needs_our_own_token_endpoint(world: World) -> None:
    """Fact 1: the SDK's server refuses what the TypeScript provider sends; `Ras.asgi` does not."""
    target = world.targets["host"]
    form = {"grant_type": names.JWT_BEARER, "assertion": world.id_jag("host")}
    basic = encoded_basic(target.wiki, world.secrets[target.wiki])
    with up(world, method="client_secret_basic"):
        theirs = post(f"{target.issuer}token", form, basic=basic)
        assert "Missing client_id" in str(theirs.json()["error_description"])
        ours = post(f"{target.issuer}ours", form, basic=basic)
    assert (theirs.status, ours.status) == (401, 200)


def test_an_unknown_person_is_an_error_that_the_sdk_can_say(world: World) -> None:
    """RAS-44: our access_denied is not in the SDK's list of codes; unmapped it would be a 500."""
    target, id_jag = world.targets["host"], world.id_jag("host")
    with up(world, people=("bob",)) as store:
        answer = redeem(world, target, id_jag)
        assert store.events[-1].fields["reason"] == "account_unknown"
    assert "access_denied" not in get_args(TokenErrorCode)  # once it is, the mapping can go
    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")
    with up(world):
        assert redeem(world, target, id_jag).status == 200
