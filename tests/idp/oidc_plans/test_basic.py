"""The modules of the basic certification plan, each by its name."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import httpx
import pytest

from idjag.idp.signin.sessions import RECENT
from idjag.protocol.jose import jws
from tests import plain_http
from tests.idp.oidc_plans.relying_party import SECRET, RelyingParty, registered
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser, answer_of

_PERSON = {"name", "preferred_username", "email", "email_verified"}
_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def is_page(response: httpx.Response) -> bool:
    """Shown to the person, and no redirect."""
    assert "location" not in response.headers
    return response.status_code == 400 and response.headers["content-type"].startswith("text/html")


def test_server(rp: RelyingParty) -> None:
    """OIDC-01, OIDC-07, OIDC-08, OIDC-12: state, iss, entropy; no claim that nobody asked for."""
    answer = rp.signed_in()
    assert len(answer["code"]) >= 43
    tokens = rp.redeemed(answer["code"])
    assert (tokens.body["token_type"], tokens.body["expires_in"]) == ("Bearer", 300)
    assert not _PERSON & tokens.claims.keys()
    kids = [key["kid"] for key in plain_http.get(rp.metadata()["jwks_uri"]).json()["keys"]]
    assert len(kids) == len(set(kids)) > 0


def test_response_type_missing(rp: RelyingParty) -> None:
    answer = answer_of(rp.ask(response_type=None))
    assert (answer["error"], answer["state"]) == ("invalid_request", rp.sent["state"])
    assert "code" in rp.signed_in()


def test_idtoken_signature(rp: RelyingParty) -> None:
    """OIDC-27: RS256 unless somebody said otherwise, with a kid."""
    jwt = jws.parse(rp.tokens().id_token, max_bytes=16_384)
    assert (jwt.alg, bool(jwt.kid)) == ("RS256", True)


def test_idtoken_unsigned(rp: RelyingParty) -> None:
    """OIDC-27: none is not offered."""
    assert "none" not in rp.metadata()["id_token_signing_alg_values_supported"]


def test_userinfo_get(rp: RelyingParty) -> None:
    """OIDC-15."""
    tokens = rp.tokens()
    answer = rp.userinfo(tokens.access_token)
    assert (answer.status_code, answer.json()) == (200, {"sub": tokens.claims["sub"]})
    assert answer.headers["content-type"] == "application/json"


def test_userinfo_post_header(rp: RelyingParty) -> None:
    """OIDC-15."""
    tokens = rp.tokens()
    assert rp.userinfo(tokens.access_token, method="POST").json() == {"sub": tokens.claims["sub"]}


def test_userinfo_post_body(rp: RelyingParty) -> None:
    """A warning in that plan: the token is taken from the header alone, as OIDC-15 has it."""
    access_token = rp.tokens().access_token
    answer = plain_http.post(f"{rp.site.url}/userinfo", data={"access_token": access_token})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (
        401,
        'Bearer realm="idjag", DPoP algs="ES256 RS256 Ed25519"',
    )
    assert rp.userinfo(access_token).status_code == 200


def test_ensure_request_without_nonce_succeeds_for_code_flow(rp: RelyingParty) -> None:
    assert "nonce" not in rp.tokens(nonce=None).claims


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        pytest.param("openid profile", {"name", "preferred_username"}, id="scope-profile"),
        pytest.param("openid email", {"email", "email_verified"}, id="scope-email"),
        pytest.param("openid address", set(), id="scope-address"),
        pytest.param("openid phone", set(), id="scope-phone"),
        pytest.param("openid profile email address phone", _PERSON, id="scope-all"),
    ],
)
def test_scopes(rp: RelyingParty, scope: str, names: set[str]) -> None:
    """OIDC-15: scope-profile, scope-email, scope-address, scope-phone, scope-all; from UserInfo."""
    tokens = rp.tokens(scope=scope)
    claims = rp.userinfo(tokens.access_token).json()
    assert claims.keys() == {"sub"} | names
    assert claims["sub"] == tokens.claims["sub"]


def test_alternate_happy_flow(rp: RelyingParty) -> None:
    """The order of the parameters is nobody's business."""
    request = rp.request()
    page = rp.browser.get("/authorize", params=dict(reversed(request.items())))
    assert rp.redeemed(rp.fill(page)["code"]).claims["nonce"] == request["nonce"]


@pytest.mark.parametrize("display", ["page", "popup"])
def test_display(rp: RelyingParty, display: str) -> None:
    """display-page, display-popup."""
    assert rp.tokens(display=display).claims["sub"]


def test_prompt_login(rp: RelyingParty) -> None:
    """OIDC-09: a new sign-in, with a later auth_time."""
    first = rp.tokens()
    rp.site.clock.now += 5
    second = rp.tokens(prompt="login")
    assert second.claims["auth_time"] == first.claims["auth_time"] + 5
    assert second.claims["sub"] == first.claims["sub"]


def test_prompt_none_not_logged_in(rp: RelyingParty) -> None:
    """OIDC-09."""
    assert rp.answered(rp.ask(prompt="none"))["error"] == "login_required"


def test_prompt_none_logged_in(rp: RelyingParty) -> None:
    """OIDC-09: the same person, without a page."""
    first = rp.tokens()
    rp.site.clock.now += 5
    second = rp.redeemed(rp.answered(rp.ask(prompt="none"))["code"])
    same = ("sub", "auth_time", "sid")
    assert [second.claims[name] for name in same] == [first.claims[name] for name in same]


def test_max_age_1(rp: RelyingParty) -> None:
    """OIDC-10."""
    first = rp.tokens(max_age="15000")
    rp.site.clock.now += 2
    second = rp.tokens(max_age="1")
    assert second.claims["auth_time"] == first.claims["auth_time"] + 2


def test_max_age_10000(rp: RelyingParty) -> None:
    """OIDC-10: no new sign-in, and auth_time says so."""
    first = rp.tokens()
    rp.site.clock.now += RECENT
    second = rp.redeemed(rp.answered(rp.ask(max_age="10000"))["code"])
    assert second.claims["auth_time"] == first.claims["auth_time"]


def test_ensure_request_with_unknown_parameter_succeeds(rp: RelyingParty) -> None:
    assert rp.tokens(extra="foobar").claims["sub"]


def test_id_token_hint(rp: RelyingParty) -> None:
    """The person of the hint is signed in: without a page."""
    first = rp.tokens()
    again = rp.answered(rp.ask(prompt="none", id_token_hint=first.id_token))
    assert rp.redeemed(again["code"]).claims["sub"] == first.claims["sub"]


def test_login_hint(rp: RelyingParty) -> None:
    page = rp.ask(login_hint="bob@acme.example")
    assert 'value="bob@acme.example"' in page.text
    assert rp.fill(page, "bob")["code"]


def test_ui_locales(rp: RelyingParty) -> None:
    page = rp.ask(ui_locales="xx ja")
    assert '<html lang="ja">' in page.text
    assert rp.fill(page)["code"]


def test_claims_locales(rp: RelyingParty) -> None:
    assert rp.tokens(claims_locales="se").claims["sub"]


def test_ensure_request_with_acr_values_succeeds(rp: RelyingParty) -> None:
    """OIDC-11: a wish that nobody can meet is answered with what there was."""
    assert rp.tokens(acr_values="1 2").claims["acr"] == "urn:idjag:acr:pwd"


def test_codereuse(rp: RelyingParty) -> None:
    """OIDC-06."""
    code = rp.signed_in()["code"]
    rp.redeemed(code)
    answer = rp.token(code)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_codereuse_30seconds(rp: RelyingParty) -> None:
    """OIDC-06: and the access token of the first use opens nothing any more."""
    code = rp.signed_in()["code"]
    first = rp.redeemed(code)
    assert rp.userinfo(first.access_token).status_code == 200
    rp.site.clock.now += 30
    assert rp.token(code).json()["error"] == "invalid_grant"
    assert rp.userinfo(first.access_token).status_code == 401


def test_ensure_registered_redirect_uri(rp: RelyingParty) -> None:
    """OIDC-02."""
    assert is_page(rp.ask(redirect_uri="https://rp.example/callback/foo"))
    assert rp.ask().status_code == 200


def test_ensure_post_request_succeeds(rp: RelyingParty) -> None:
    page = rp.browser.post("/authorize", data=rp.request())
    assert rp.redeemed(rp.fill(page)["code"]).claims["sub"]


def test_server_client_secret_post(rp: RelyingParty) -> None:
    code = rp.signed_in()["code"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": rp.redirect_uri}
    fields |= {"client_id": "rp", "client_secret": SECRET, "code_verifier": "v" * 64}
    answer = plain_http.post(f"{rp.site.url}/token", data=fields)
    assert rp.checked(answer.json(), nonce=rp.sent["nonce"]).claims["sub"]


@pytest.mark.parametrize(
    ("parameter", "value", "error"),
    [
        pytest.param(
            "request_uri", "https://rp.example/r.jwt", "request_uri_not_supported", id="request-uri-unsigned"
        ),
        pytest.param("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported", id="unsigned-object"),
    ],
)
def test_request_objects(rp: RelyingParty, parameter: str, value: str, error: str) -> None:
    """OIDC-29: both are refused by their names, and never silently ignored."""
    assert rp.answered(rp.ask(**{parameter: value}))["error"] == error
    assert rp.ask().status_code == 200
    assert rp.metadata()["request_parameter_supported"] is False


def test_ensure_request_object_with_redirect_uri(rp: RelyingParty) -> None:
    """OIDC-02, OIDC-29: a redirect URI inside an object counts for nothing."""
    request = {name: value for name, value in rp.request().items() if name != "redirect_uri"}
    assert is_page(rp.browser.get("/authorize", params={**request, "request": "eyJhbGciOiJub25lIn0.e30."}))


def test_claims_essential(rp: RelyingParty) -> None:
    """OIDC-15: a claim by its name, with openid alone."""
    tokens = rp.tokens(claims='{"userinfo":{"name":{"essential":true}}}')
    assert rp.userinfo(tokens.access_token).json() == {"sub": tokens.claims["sub"], "name": "Alice Example"}
    assert "name" not in tokens.claims


def test_refresh_token(rp: RelyingParty, site: Site, browser: Browser) -> None:
    """OIDC-17, OIDC-18: bound to its client, in characters that RFC 6749 allows; iss, sub, aud stay."""
    first = rp.tokens(scope="openid offline_access")
    value = str(first.body["refresh_token"])
    assert _TOKEN.fullmatch(value)
    other = registered(site, browser, id="other")
    stolen = other.post("/token", grant_type="refresh_token", refresh_token=value)
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    answer = rp.post("/token", grant_type="refresh_token", refresh_token=value)
    second = rp.checked(answer.json(), nonce=None)
    same = ("iss", "sub", "aud", "auth_time")
    assert [second.claims[name] for name in same] == [first.claims[name] for name in same]
    assert rp.userinfo(second.access_token).json()["sub"] == first.claims["sub"]


def test_ensure_request_with_valid_pkce_succeeds(rp: RelyingParty) -> None:
    """OIDC-04: and with another verifier it does not."""
    code = rp.signed_in()["code"]
    assert rp.token(code, code_verifier="w" * 64).json()["error"] == "invalid_grant"
    assert rp.tokens(prompt="login").claims["sub"]


def test_the_parameters_of_a_request_are_read_from_the_form_too(rp: RelyingParty) -> None:
    """ensure-post-request-succeeds, as a browser sends it."""
    body = urlencode(rp.request())
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert rp.fill(rp.browser.post("/authorize", content=body, headers=headers))["code"]
