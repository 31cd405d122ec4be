"""The wire facts of real clients that concern the identity provider, by their numbers."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from idjag.demo.wire import Answer, Browser
from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.interop.files import SCOPES
from tests.interop.wire import assert_refused, encoded_basic, post, raw_basic
from tests.interop.world import ISSUERS, World, claims_of

VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"
CHALLENGE = "NiC162c0QrSD2DAiXkn9HJo4rKjj6GAubjqyJCS0vgU"  # its SHA-256 in base64url


def exchange(world: World, target: str = "bare", **changes: str) -> Answer:
    """One exchange with Basic; nothing is asked but what is given."""
    form = {
        "grant_type": names.TOKEN_EXCHANGE,
        "requested_token_type": names.ID_JAG_TOKEN,
        "subject_token": world.id_token,
        "subject_token_type": names.ID_TOKEN,
        "audience": world.targets[target].issuer,
        **changes,
    }
    return post(f"{world.idp}/token", form, basic=encoded_basic("wiki", world.secrets["wiki"]))


def minted(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    return claims_of(str(answer.json()["access_token"]))


@pytest.mark.parametrize("name", ISSUERS)
def test_fact_3_audience_is_looked_up_loosely_and_minted_as_registered(world: World, name: str) -> None:
    """Fact 3: an empty path and "/" are one, aliases count, every other slash differs."""
    target = world.targets[name]
    said = [target.issuer, f"urn:acme:{name}"]
    if name != "path":
        said += [target.issuer.rstrip("/"), target.issuer.rstrip("/") + "/"]
    for audience in said:
        assert minted(exchange(world, audience=audience))["aud"] == target.issuer
    if name == "path":
        assert_refused(exchange(world, audience=f"{target.issuer}/"), "invalid_target")


def test_fact_3_resource_is_compared_by_its_parts_and_minted_as_registered(world: World) -> None:
    """Fact 3, XCH-27: scheme and host without case, dot segments and encoding resolved; slashes differ."""
    target = world.targets["bare"]
    other_spellings = (
        target.resource.replace("http:", "HTTP:"),
        target.resource.replace("/mcp", "/x/../mcp"),
        target.resource.replace("/mcp", "/%6Dcp"),
    )
    for resource in (target.resource, *other_spellings):
        answer = exchange(world, resource=resource)
        assert minted(answer)["resource"] == answer.json()["resource"] == target.resource
    assert_refused(exchange(world, resource=f"{target.resource}/"), "invalid_target")
    assert_refused(exchange(world, resource=target.resource.replace("/mcp", "/MCP")), "invalid_target")


def test_fact_3_a_resource_of_another_audience_is_refused(world: World) -> None:
    """MCP's map of valid (audience, resource) pairs: both exist, and they do not belong together."""
    other = world.targets["slash"].resource
    assert_refused(exchange(world, "bare", resource=other), "invalid_target")
    assert minted(exchange(world, "slash", resource=other))["resource"] == other


def test_fact_4_the_answer_has_the_types_that_parsers_insist_on(world: World) -> None:
    """Fact 4, XCH-53 to XCH-57: a JSON number, the exact URN, N_A."""
    answer = exchange(world, scope="chat.read")
    members = answer.json()
    assert (members["issued_token_type"], members["token_type"]) == (names.ID_JAG_TOKEN, "N_A")
    assert type(members["expires_in"]) is int
    claims = minted(answer)
    assert members["expires_in"] == claims["exp"] - claims["iat"]
    assert members["scope"] == claims["scope"] == "chat.read"
    assert "refresh_token" not in members
    assert (answer.headers["cache-control"], answer.headers["content-type"]) == (
        "no-store",
        "application/json",
    )


@pytest.mark.parametrize(("target", "alg"), [("bare", "ES256"), ("foreign-rs256", "RS256")])
def test_fact_5_what_the_strictest_ras_takes(world: World, target: str, alg: str) -> None:
    """Fact 5: at most 300 s, ES256 unless the administrator says RS256, no claim that nobody asked for."""
    answer = exchange(world, target)
    claims = minted(answer)
    jwt = jws.parse(str(answer.json()["access_token"]), max_bytes=16_384)
    assert (jwt.alg, jwt.typ, bool(jwt.kid)) == (alg, names.ID_JAG_TYP, True)
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert not {"cnf", "authorization_details", "act", "sub_id", "tenant", "aud_tenant"} & claims.keys()
    assert isinstance(claims["aud"], str)


def authorize(world: World, app: str = "wiki", **parameters: str) -> tuple[str, Answer, Browser]:
    """The sign-in page for a request that is nothing but OAuth 2.1."""
    usual = {
        "response_type": "code",
        "client_id": app,
        "redirect_uri": world.apps[app].redirect_uri,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "af0ifjsldkj",
    }
    browser = Browser()
    url, page = browser.get(f"{world.idp}/authorize?{urlencode(usual | parameters)}")
    return url, page, browser


def redeemed(world: World, at: tuple[str, Answer, Browser], app: str = "wiki", **more: str) -> dict[str, Any]:
    """Sign in on that page and redeem the code."""
    url, page, browser = at
    assert page.status == 200, page.body
    typed = {"username": "alice", "password": world.password}
    back, _ = browser.submit(url, page, typed=typed, until=world.apps[app].redirect_uri)
    query = parse_qs(urlsplit(back).query)
    assert (query["state"], query["iss"]) == (["af0ifjsldkj"], [world.idp])
    form = {
        "grant_type": names.AUTHORIZATION_CODE,
        "code": world.canaries.add(query["code"][0]),
        "redirect_uri": world.apps[app].redirect_uri,
        "code_verifier": VERIFIER,
        **more,
    }
    answer = post(f"{world.idp}/token", form, basic=encoded_basic(app, world.secrets[app]))
    assert answer.status == 200, answer.body
    return answer.json()


def test_fact_7_a_request_without_scope_and_with_resource_is_no_error(world: World) -> None:
    """Fact 7: plain OAuth as the conformance suite of MCP does it; nobody gets an ID token unasked."""
    token = redeemed(world, authorize(world, resource=world.targets["bare"].resource))
    assert "id_token" not in token
    assert token["token_type"] == "Bearer"


def test_fact_8_offline_access_is_left_out_for_an_app_without_it(world: World) -> None:
    """Fact 8: asked by everybody, given to those that are registered for it; OIDC-17."""
    token = redeemed(world, authorize(world, scope="openid offline_access", prompt="consent"))
    assert token["scope"] == "openid"
    assert "refresh_token" not in token
    assert claims_of(token["id_token"])["aud"] == "wiki"


def test_fact_8_the_inspector_gets_an_id_token_with_every_refresh(world: World) -> None:
    """Facts 1 and 8, OIDC-17, OIDC-18: `prompt=consent`; Basic for the code, post for the refresh."""
    scope = "openid offline_access"
    first = redeemed(world, authorize(world, "inspector", scope=scope, prompt="consent"), "inspector")
    form = {
        "grant_type": names.REFRESH_TOKEN,
        "refresh_token": world.canaries.add(first["refresh_token"]),
        "client_id": "inspector",
        "client_secret": world.secrets["inspector"],
    }
    more = {"resource": world.targets["bare"].resource, "state": "af0ifjsldkj"}  # fact 12
    second = post(f"{world.idp}/token", form | more)
    assert second.status == 200, second.body
    before, now = (claims_of(str(each["id_token"])) for each in (first, second.json()))
    same = ("iss", "sub", "aud", "auth_time", "sid")
    assert {name: now[name] for name in same} == {name: before[name] for name in same}
    assert world.canaries.add(str(second.json()["refresh_token"])) != first["refresh_token"]
    assert_refused(post(f"{world.idp}/token", form), "invalid_grant")


def test_fact_2_characters_that_must_be_encoded_are_decoded_at_the_idp(world: World) -> None:
    """Fact 2, CAU-01: the secret has a space, plus, percent, ampersand, equals, colon and slash."""
    secret, form = world.secrets["inspector"], {"grant_type": "password"}
    in_body = {"client_id": "inspector", "client_secret": secret}
    encoded = post(f"{world.idp}/token", form, basic=encoded_basic("inspector", secret))
    raw = post(f"{world.idp}/token", form, basic=raw_basic("inspector", secret))
    assert_refused(encoded, "unsupported_grant_type")
    assert_refused(post(f"{world.idp}/token", form | in_body), "unsupported_grant_type")
    assert_refused(raw, "invalid_client", status=401)


def test_fact_12_a_code_is_redeemed_beside_parameters_that_belong_elsewhere(world: World) -> None:
    """Fact 12: clients repeat state, scope and resource at the token endpoint."""
    more = {"state": "af0ifjsldkj", "scope": "openid", "resource": world.targets["bare"].resource}
    assert "id_token" in redeemed(world, authorize(world, scope="openid"), **more)


def test_fact_11_one_id_token_buys_many_id_jags(world: World) -> None:
    """Fact 11: TypeScript retries, the Inspector mints twice; replay control is the RAS's, by jti."""
    first, second = minted(exchange(world)), minted(exchange(world))
    assert first["jti"] != second["jti"]
    assert first["scope"] == second["scope"] == SCOPES[0]


def test_fact_1_basic_for_the_code_and_post_for_the_exchange_by_one_client(world: World) -> None:
    """Fact 1: as MCP's Inspector does it."""
    id_token = redeemed(world, authorize(world, scope="openid"))["id_token"]
    form = {
        "grant_type": names.TOKEN_EXCHANGE,
        "requested_token_type": names.ID_JAG_TOKEN,
        "subject_token": world.canaries.add(id_token),
        "subject_token_type": names.ID_TOKEN,
        "audience": world.targets["bare"].issuer,
        "client_id": "wiki",
        "client_secret": world.secrets["wiki"],
    }
    assert minted(post(f"{world.idp}/token", form))["client_id"] == world.targets["bare"].wiki
