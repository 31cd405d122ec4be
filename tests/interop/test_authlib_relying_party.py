"""Authlib 1.9.8 as relying party: its Starlette client through our login form, and its OAuth 2 session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from authlib.integrations.base_client.errors import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]

from idjag.demo.wire import Answer, Browser, fetch
from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.interop.files import ALICE_SUB, BOB_SUB
from tests.interop.relying_party import relying_party
from tests.interop.second_factor import MFA, declined
from tests.interop.serving import served
from tests.interop.wire import ask
from tests.interop.world import World, claims_of

VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"
NEVER = "never:"


@pytest.fixture(scope="module", autouse=True)
def rp(world: World) -> Iterator[str]:
    """The base URL of the web app."""
    with served(relying_party(world.apps, idp=world.idp), world.played["rp"]):
        yield world.urls["rp"]


def signed_in(world: World, app: str) -> Answer:
    """What the app's callback shows after alice went through the form."""
    browser = Browser()
    url, page = browser.get(f"{world.urls['rp']}/{app}/login")
    assert url.startswith(world.idp)
    typed = {"username": "alice", "password": world.password}
    url, shown = browser.submit(url, page, typed=typed, until=NEVER)
    assert url.startswith(world.urls["rp"])
    return shown


@pytest.mark.parametrize(
    ("app", "alg"),
    [("wiki", "RS256"), ("pinned-post", "RS256"), ("es256", "ES256"), ("spa", "RS256")],
)
def test_authlib_signs_in_and_accepts_the_id_token(world: World, app: str, alg: str) -> None:
    """OIDC-01, OIDC-04, OIDC-08, OIDC-12, OIDC-27: Basic, post and public; RS256 and ES256."""
    shown = signed_in(world, app)
    assert shown.status == 200, shown.body
    token = shown.json()
    person: Any = token["userinfo"]
    assert (person["sub"], person["aud"], person["iss"]) == (ALICE_SUB, app, world.idp)
    assert (person["email"], person["email_verified"], person["name"]) == (
        "alice@acme.example",
        True,
        "Alice Example",
    )
    assert jws.parse(str(token["id_token"]), max_bytes=16_384).alg == alg
    assert (token["token_type"], type(token["expires_in"])) == ("Bearer", int)
    assert shown.headers["content-type"].startswith("application/json")


def test_authlib_asks_for_a_second_factor_and_gets_it(world: World, rp: str) -> None:
    """OIDC-11, OIDC-13: ``acr_values`` through its Starlette client, an authenticator app at our page."""
    browser = Browser()
    url, page = browser.get(f"{rp}/wiki/login?{urlencode({'acr_values': MFA})}")
    url, shown = world.bob.sign_in(browser, url, page, until=NEVER, app=True)
    assert (urlsplit(url).path, shown.status) == ("/wiki/callback", 200), shown.body
    person: Any = shown.json()["userinfo"]
    assert (person["sub"], person["acr"], sorted(person["amr"])) == (BOB_SUB, MFA, ["mfa", "otp", "pwd"])


def test_authlib_is_told_truly_that_there_was_no_second_factor(world: World, rp: str) -> None:
    """OIDC-11: a wish can be declined, and the app then sees what there was."""
    browser = Browser()
    url, page = browser.get(f"{rp}/wiki/login?{urlencode({'acr_values': MFA})}")
    _, shown = declined(browser, url, page, password=world.password, until=NEVER)
    assert (shown.status, shown.json()) == (403, {"error": "weaker than this app wants"})


def test_authlib_is_told_why_when_the_idp_refuses(world: World) -> None:
    """RFC 6749 section 4.1.2.1: the error comes back to the app with its state, and Authlib reads it."""
    browser = Browser()
    answer = fetch(f"{world.urls['rp']}/wiki/login")
    location = answer.headers["location"].replace("code_challenge_method=S256", "code_challenge_method=plain")
    url, _ = browser.get(location, until=world.urls["rp"])
    cookie = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
    shown = fetch(url, headers={"cookie": cookie})
    assert (shown.status, shown.json()["error"]) == (400, "invalid_request")


def session(
    world: World, app: str = "wiki", *, method: str = "client_secret_basic", scope: str = "openid"
) -> Any:
    return OAuth2Client(
        app,
        world.secrets[app],
        token_endpoint_auth_method=method,
        scope=scope,
        redirect_uri=world.apps[app].redirect_uri,
        code_challenge_method="S256",
    )


def code_url(world: World, client: Any) -> str:
    """Where the browser comes back to; the callback is not served."""
    url, _ = client.create_authorization_url(f"{world.idp}/authorize", code_verifier=VERIFIER)
    browser = Browser()
    url, page = browser.get(url)
    typed = {"username": "alice", "password": world.password}
    url, _ = browser.submit(url, page, typed=typed, until=world.urls["rp"])
    world.canaries.add(parse_qs(urlsplit(url).query)["code"][0])
    return url


def test_authlibs_session_redeems_a_code_once_and_with_its_verifier_alone(world: World) -> None:
    """OIDC-04, OIDC-06: PKCE and single use, as a foreign client meets them."""
    with session(world) as client:
        token_url, url = f"{world.idp}/token", code_url(world, client)
        token = client.fetch_token(token_url, authorization_response=url, code_verifier=VERIFIER)
        assert claims_of(token["id_token"])["sub"] == ALICE_SUB
        with pytest.raises(OAuthError, match="invalid_grant"):
            client.fetch_token(token_url, authorization_response=url, code_verifier=VERIFIER)
        url = code_url(world, client)
        with pytest.raises(OAuthError, match="invalid_grant"):
            client.fetch_token(token_url, authorization_response=url, code_verifier=VERIFIER[::-1])


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlibs_session_exchanges_an_id_token_for_an_id_jag(world: World, method: str) -> None:
    """Facts 1 and 2: the same client with Basic, which Authlib does not percent-encode, and with post."""
    target = world.targets["bare"]
    with session(world, method=method, scope="chat.read chat.write") as client:
        token = client.fetch_token(
            f"{world.idp}/token",
            grant_type=names.TOKEN_EXCHANGE,
            requested_token_type=names.ID_JAG_TOKEN,
            subject_token=world.id_token,
            subject_token_type=names.ID_TOKEN,
            audience=target.issuer,
            resource=target.resource,
        )
    assert (token["issued_token_type"], token["token_type"]) == (names.ID_JAG_TOKEN, "N_A")
    assert token["scope"] == "chat.read"  # what the rule does not allow was left out, and Authlib is told
    assert claims_of(token["access_token"])["aud"] == target.issuer


def test_authlibs_session_refreshes(world: World) -> None:
    """OIDC-17, OIDC-18: the secret needs encoding in Basic, so this client must use post (fact 2)."""
    token_url, scope = f"{world.idp}/token", "openid offline_access"
    with session(world, "inspector", method="client_secret_post", scope=scope) as client:
        url = code_url(world, client)
        first = client.fetch_token(token_url, authorization_response=url, code_verifier=VERIFIER)
        with (
            session(world, "inspector") as raw,
            pytest.raises(OAuthError, match="invalid_client"),
        ):
            raw.refresh_token(token_url, refresh_token=first["refresh_token"])
        second = client.refresh_token(token_url, refresh_token=world.canaries.add(first["refresh_token"]))
    assert claims_of(second["id_token"])["sub"] == ALICE_SUB
    assert world.canaries.add(second["refresh_token"]) != first["refresh_token"]


def test_authlib_reads_userinfo_and_signs_out(world: World, rp: str) -> None:
    """OIDC-15, OIDC-20, OIDC-21: its Starlette client, by our metadata alone; and it is told of the end."""
    browser = Browser()
    url, page = browser.get(f"{rp}/wiki/login")
    typed = {"username": "alice", "password": world.password}
    _, tokens = browser.submit(url, page, typed=typed, until=NEVER)
    bearer = {"authorization": f"Bearer {world.canaries.add(str(tokens.json()['access_token']))}"}
    _, shown = browser.get(f"{rp}/wiki/person")
    person = shown.json()
    assert (person["sub"], person["email"], person["name"]) == (
        ALICE_SUB,
        "alice@acme.example",
        "Alice Example",
    )
    bye = world.apps["wiki"].after_logout
    url, _ = browser.get(f"{rp}/wiki/logout", until=bye)
    assert url.startswith(bye)
    assert fetch(f"{world.idp}/userinfo", headers=bearer).status == 401
    told = ask("GET", f"{rp}/wiki/told").json()
    assert (told["typ"], told["iss"], told["aud"]) == ("logout+jwt", world.idp, "wiki")
    assert told["sid"] == claims_of(str(tokens.json()["id_token"]))["sid"]
    assert told["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}


def test_authlibs_session_reads_userinfo_after_a_refresh(world: World) -> None:
    """OIDC-15, OIDC-17."""
    token_url = f"{world.idp}/token"
    with session(
        world, "inspector", method="client_secret_post", scope="openid email offline_access"
    ) as client:
        url = code_url(world, client)
        first = client.fetch_token(token_url, authorization_response=url, code_verifier=VERIFIER)
        client.refresh_token(token_url, refresh_token=world.canaries.add(first["refresh_token"]))
        world.canaries.add(client.token["refresh_token"])
        person = client.get(f"{world.idp}/userinfo").json()
    assert (person["sub"], person["email"]) == (ALICE_SUB, "alice@acme.example")
