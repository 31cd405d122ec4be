"""idpyoidc 5.0 as relying party, unmodified: discovery, PKCE, and its own judgement of our ID tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptojwt import KeyJar  # type: ignore[import-untyped]
from cryptojwt.jwk.ec import ECKey  # type: ignore[import-untyped]
from cryptojwt.key_bundle import KeyBundle  # type: ignore[import-untyped]
from idpyoidc.client.defaults import DEFAULT_OIDC_SERVICES  # type: ignore[import-untyped]
from idpyoidc.client.exception import OidcServiceError  # type: ignore[import-untyped]
from idpyoidc.client.oidc.end_session import EndSession  # type: ignore[import-untyped]
from idpyoidc.client.rp_handler import RPHandler  # type: ignore[import-untyped]

from idjag.demo.wire import Browser
from tests.interop.files import ALICE_SUB, BOB_SUB
from tests.interop.second_factor import MFA
from tests.interop.world import World

METHODS = {
    "pinned-post": "client_secret_post",
    "inspector": "client_secret_post",
    "keyed": "private_key_jwt",
}


def relying_party(world: World, app: str, **changes: Any) -> Any:
    """The handler of idpyoidc as its documentation sets it up for a client that is registered by hand."""
    method, offline = METHODS.get(app, "client_secret_basic"), world.apps[app].offline
    config = {
        "issuer": world.idp,
        "client_type": "oidc",
        "client_id": app,
        "client_secret": world.secrets.get(app, ""),
        "redirect_uris": [world.apps[app].redirect_uri],
        "preference": {
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", "profile", "email", *(["offline_access"] if offline else [])],
            "token_endpoint_auth_methods_supported": [method],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
            "id_token_signed_response_alg": world.apps[app].id_token_alg,
        },
        "client_authn_methods": [method],
        "add_ons": {
            "pkce": {
                "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
                "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
            }
        },
    }
    return RPHandler(
        base_url=world.urls["rp"],
        client_configs={"": {**config, **changes}},
        services={**DEFAULT_OIDC_SERVICES, "end_session": {"class": EndSession}},
        keyjar=_keys(world),
    )


def _keys(world: World) -> Any:
    """The key of the app that signs for itself, as idpyoidc holds its own keys."""
    own = ECKey(kid=world.key.kid, use="sig").load_key(load_pem_private_key(world.key.to_pem(), None))
    bundle, keys = KeyBundle(), KeyJar()
    bundle.append(own)
    keys.add_kb("", bundle)
    return keys


def signed_in(world: World, handler: Any, app: str, **asked: str) -> dict[str, str]:
    """The parameters with which the browser came back."""
    url = handler.begin(issuer_id=world.idp, req_args=asked or None)
    browser = Browser()
    url, page = browser.get(url, until=world.apps[app].redirect_uri)
    if not url.startswith(world.apps[app].redirect_uri):
        typed = {"username": "alice", "password": world.password}
        url, _ = browser.submit(url, page, typed=typed, until=world.apps[app].redirect_uri)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    if "code" in query:
        world.canaries.add(query["code"])
    return query


def assert_alice(world: World, app: str, seen: Mapping[str, Any]) -> None:
    assert (seen["issuer"], seen["id_token"]["aud"]) == (world.idp, [app])
    person = seen["userinfo"]
    assert (person["sub"], person["email"]) == (ALICE_SUB, "alice@acme.example")
    assert (person["email_verified"], person["name"]) == (True, "Alice Example")


@pytest.mark.parametrize("app", ["wiki", "pinned-post", "es256"])
def test_idpyoidc_signs_in_and_accepts_the_id_token(world: World, app: str) -> None:
    """OIDC-01, OIDC-04, OIDC-08, OIDC-12, OIDC-27, MET-01: Basic and post; RS256 and ES256."""
    handler = relying_party(world, app)
    query = signed_in(world, handler, app)
    assert query.keys() == {"code", "state", "iss"}
    assert_alice(world, app, handler.finalize(world.idp, query))


def test_idpyoidc_asks_for_a_second_factor_and_gets_it(world: World) -> None:
    """OIDC-10, OIDC-11, OIDC-13: in the arguments of its request; the ID token that it verified says so."""
    handler, app = relying_party(world, "wiki"), world.apps["wiki"]
    browser = Browser()
    url, page = browser.get(
        handler.begin(issuer_id=world.idp, req_args={"acr_values": [MFA], "max_age": 600})
    )
    url, _ = world.bob.sign_in(browser, url, page, until=app.redirect_uri)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    world.canaries.add(query["code"])
    claims = handler.finalize(world.idp, query)["id_token"]
    assert (claims["sub"], claims["acr"], sorted(claims["amr"])) == (BOB_SUB, MFA, ["mfa", "otp", "pwd"])
    assert claims["iat"] - claims["auth_time"] < 600


def test_idpyoidc_encodes_nothing_in_basic(world: World) -> None:
    """Fact 2: the secret has reserved characters, so it is wrong in the header and right in the form."""
    handler = relying_party(world, "inspector", client_authn_methods=["client_secret_basic"])
    query = signed_in(world, handler, "inspector")
    [client] = handler.issuer2rp.values()
    asked = {"code": query["code"], "redirect_uri": world.apps["inspector"].redirect_uri}
    how = {"authn_method": "client_secret_basic", "state": query["state"]}
    assert client.do_request("accesstoken", request_args=asked, **how)["error"] == "invalid_client"
    handler = relying_party(world, "inspector")
    assert_alice(world, "inspector", handler.finalize(world.idp, signed_in(world, handler, "inspector")))


def test_idpyoidc_redeems_a_code_once(world: World) -> None:
    """OIDC-06: what it makes of our invalid_grant."""
    handler = relying_party(world, "wiki")
    query = signed_in(world, handler, "wiki")
    assert_alice(world, "wiki", handler.finalize(world.idp, query))
    with pytest.raises(OidcServiceError, match="invalid_grant"):
        handler.finalize(world.idp, query)


def test_idpyoidc_reads_the_issuer_in_the_answer(world: World) -> None:
    """OIDC-07, RFC 9207: the same answer under another name is refused by the client."""
    handler = relying_party(world, "wiki")
    query = signed_in(world, handler, "wiki")
    with pytest.raises(Exception, match="Issuer mismatch"):
        handler.finalize(world.idp, query | {"iss": f"{world.idp}/"})
    assert_alice(world, "wiki", handler.finalize(world.idp, query))


def test_idpyoidc_is_told_why_when_the_idp_refuses(world: World) -> None:
    """OIDC-09: prompt=none without a session."""
    handler = relying_party(world, "wiki")
    query = signed_in(world, handler, "wiki", prompt="none")
    assert handler.finalize(world.idp, query)["error"] == "login_required"


def test_idpyoidc_signs_its_assertion_for_the_token_endpoint_and_we_want_the_issuer(world: World) -> None:
    """CAU-03: as it comes, private_key_jwt is refused; with `audience` given, it is not."""
    handler = relying_party(world, "keyed")
    query = signed_in(world, handler, "keyed")
    with pytest.raises(OidcServiceError, match="invalid_client"):
        handler.finalize(world.idp, query)
    client = handler.issuer2rp[world.idp]
    known = client.get_context().cstate.get(query["state"])
    answer = client.do_request(
        "accesstoken",
        request_args={"code": query["code"], "redirect_uri": known["redirect_uri"], "client_id": "keyed"},
        authn_method="private_key_jwt",
        state=query["state"],
        audience=world.idp,
        algorithm="ES256",
    )
    assert answer["__verified_id_token"]["sub"] == ALICE_SUB


def test_idpyoidc_refreshes(world: World) -> None:
    """OIDC-17, OIDC-18, fact 8: it verifies the ID token that comes with it, too."""
    handler = relying_party(world, "inspector")
    query = signed_in(world, handler, "inspector")
    handler.finalize(world.idp, query)
    before = handler.get_session_information(query["state"])["refresh_token"]
    answer = handler.refresh_access_token(query["state"])
    assert answer["__verified_id_token"]["sub"] == ALICE_SUB
    assert world.canaries.add(answer["refresh_token"]) != world.canaries.add(before)


def test_idpyoidc_reads_userinfo_and_signs_out(world: World) -> None:
    """OIDC-15, OIDC-20: unmodified, with what discovery says; it compares the subs itself."""
    app = world.apps["wiki"]
    handler = relying_party(world, "wiki", post_logout_redirect_uris=[app.after_logout])
    browser = Browser()
    url, page = browser.get(handler.begin(issuer_id=world.idp))
    typed = {"username": "alice", "password": world.password}
    url, _ = browser.submit(url, page, typed=typed, until=app.redirect_uri)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    world.canaries.add(query["code"])
    assert_alice(world, "wiki", handler.finalize(world.idp, query))
    person = handler.get_user_info(query["state"])
    assert (person["sub"], person["preferred_username"]) == (ALICE_SUB, "alice")
    left = handler.logout(query["state"], post_logout_redirect_uri=app.after_logout)
    url, _ = browser.get(left["url"], until=app.after_logout)
    assert url.startswith(app.after_logout)
    url, _ = browser.get(
        handler.begin(issuer_id=world.idp, req_args={"prompt": "none"}), until=app.redirect_uri
    )
    assert "error=login_required" in url
