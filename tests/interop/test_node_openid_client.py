"""openid-client 6, in Node, as relying party, with every way to authenticate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from idjag.demo.wire import Browser
from tests.interop.files import ALICE_SUB, BOB_SUB
from tests.interop.node_program import NodeError, Script, need_node, script
from tests.interop.openid_app import OFFLINE, callback, discovered, signed_in
from tests.interop.second_factor import MFA
from tests.interop.world import World

need_node()


@pytest.fixture(scope="module")
def openid() -> Iterator[Script]:
    """The library."""
    with script("openid.mjs") as ready:
        yield ready


@pytest.mark.parametrize("app", ["wiki", "pinned-post", "keyed", "es256", "spa", "inspector"])
def test_openid_client_signs_in(world: World, openid: Script, app: str) -> None:
    """OIDC-01, OIDC-04, OIDC-08, OIDC-12, OIDC-27, CAU-01, CAU-02: PKCE and nonce; two algorithms."""
    tokens = signed_in(world, openid, app, "openid profile email")
    claims = tokens["claims"]
    assert (claims["sub"], claims["aud"], claims["email"]) == (ALICE_SUB, app, "alice@acme.example")
    assert (tokens["token_type"].lower(), type(tokens["expires_in"])) == ("bearer", int)


def test_openid_client_asks_for_a_second_factor_and_gets_it(world: World, openid: Script) -> None:
    """OIDC-10, OIDC-11, OIDC-13: the library compares ``auth_time`` with ``max_age``, the app ``acr``."""
    browser, app = Browser(), world.apps["wiki"]
    discovered(world, openid, "wiki")
    asked = {"redirectUri": app.redirect_uri, "scope": "openid", "acr_values": MFA, "max_age": 600}
    url, page = browser.get(openid("begin", **asked))
    url, _ = world.bob.sign_in(browser, url, page, until=app.redirect_uri)
    claims = openid("finish", callback=url, maxAge=600)["claims"]
    assert (claims["sub"], claims["acr"], sorted(claims["amr"])) == (BOB_SUB, MFA, ["mfa", "otp", "pwd"])


def test_both_forms_of_the_metadata_are_good(world: World, openid: Script) -> None:
    """MET-01: OpenID Connect Discovery and RFC 8414, the issuer compared byte for byte."""
    documents = [discovered(world, openid, "wiki", algorithm=form) for form in ("oidc", "oauth2")]
    assert documents[0] == documents[1]
    assert documents[0]["issuer"] == world.idp


def test_a_code_is_redeemed_once(world: World, openid: Script) -> None:
    """OIDC-06: with its error code as the library gives it."""
    discovered(world, openid, "wiki")
    url = callback(world, openid, "wiki")
    assert openid("finish", callback=url)["claims"]["sub"] == ALICE_SUB
    with pytest.raises(NodeError) as failed:
        openid("finish", callback=url)
    assert failed.value.told["oauth"] == "invalid_grant"


def test_the_answer_of_another_issuer_is_refused(world: World, openid: Script) -> None:
    """OIDC-07, MET-14: we announce `iss`, so the library insists on it."""
    discovered(world, openid, "wiki")
    url = callback(world, openid, "wiki")
    without = url.replace("&iss=", "&was=")
    assert without != url
    with pytest.raises(NodeError) as refused:
        openid("finish", callback=without)
    assert '"iss" (issuer) missing' in refused.value.told["cause"]["message"]
    assert openid("finish", callback=url)["claims"]["iss"] == world.idp


@pytest.mark.parametrize("app", ["wiki", "keyed", "inspector", "spa"])
def test_openid_client_reads_userinfo_and_signs_out(world: World, openid: Script, app: str) -> None:
    """OIDC-15, OIDC-20: the library compares the subs, and the browser comes back signed out."""
    browser = Browser()
    discovered(world, openid, app)
    tokens = openid("finish", callback=callback(world, openid, app, browser=browser))
    world.canaries.add(tokens["access_token"])
    person = openid("userInfo", accessToken=tokens["access_token"], subject=ALICE_SUB)
    assert person == {
        "sub": ALICE_SUB,
        "name": "Alice Example",
        "preferred_username": "alice",
        "email": "alice@acme.example",
        "email_verified": True,
    }
    with pytest.raises(NodeError):
        openid("userInfo", accessToken=tokens["access_token"], subject="somebody else")
    bye = world.apps[app].after_logout
    url, _ = browser.get(openid("leave", idToken=tokens["id_token"], afterLogout=bye, state="s 1"), until=bye)
    assert url == f"{bye}?state=s%201"
    with pytest.raises(NodeError) as ended:
        openid("userInfo", accessToken=tokens["access_token"], subject=ALICE_SUB)
    assert ended.value.told["code"] == "OAUTH_WWW_AUTHENTICATE_CHALLENGE"


def test_openid_client_refreshes_and_reads_userinfo_after_it(world: World, openid: Script) -> None:
    """OIDC-15, OIDC-17: the new access token opens it as well."""
    first = signed_in(world, openid, "inspector", OFFLINE)
    second = openid("refresh", refreshToken=world.canaries.add(first["refresh_token"]))
    world.canaries.add(second["refresh_token"])
    person = openid("userInfo", accessToken=second["access_token"], subject=ALICE_SUB)
    assert person["sub"] == second["claims"]["sub"]


@pytest.mark.parametrize("app", ["wiki", "pinned-post", "keyed"])
def test_openid_client_pushes_its_request(world: World, openid: Script, app: str) -> None:
    """OIDC-23: with a secret in both places, and with a signature whose audience is the issuer."""
    discovered(world, openid, app)
    tokens = openid("finish", callback=callback(world, openid, app, begin="push"))
    assert tokens["claims"]["sub"] == ALICE_SUB


def test_openid_client_binds_its_tokens(world: World, openid: Script) -> None:
    """DPOP-17: with our nonces, at the push, at the token endpoint and at UserInfo."""
    discovered(world, openid, "wiki", dpop="another key")
    tokens = openid("finish", callback=callback(world, openid, "wiki", begin="push"))
    assert tokens["token_type"].lower() == "dpop"
    person = openid("userInfo", accessToken=tokens["access_token"], subject=ALICE_SUB)
    assert person["email"] == "alice@acme.example"
