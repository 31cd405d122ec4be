"""Modules of other certification plans that say something about ours, each by its name."""

from __future__ import annotations

import secrets

import httpx
import pytest

from idjag.idp.key_rotation import Keys
from idjag.idp.keys import KeyStatus
from idjag.protocol import names
from idjag.protocol.jose import jws
from idjag.protocol.jose.json import JsonValue
from tests import plain_http
from tests.idp.oidc_plans.relying_party import CALLBACK, RelyingParty, register, registered
from tests.idp.oidc_plans.test_basic import is_page
from tests.idp.signin.seeds import BOARD_KEY, TENANT, VERIFIER
from tests.idp.signin.site import SEALER, Site
from tests.idp.signin.visit import Browser


@pytest.mark.parametrize("uri", [f"{CALLBACK}?dummy1=lorem", "https://rp.example/callback?dummy1=ipsum"])
def test_redirect_uri_query_added(rp: RelyingParty, uri: str) -> None:
    """OIDC-02, attack case 136."""
    assert is_page(rp.ask(redirect_uri=uri))
    assert rp.ask().status_code == 200


def test_redirect_uri_query_mismatch(site: Site, browser: Browser) -> None:
    """OIDC-02: a registered query is part of the address."""
    asking = registered(site, browser, id="asking", redirect_uris=[f"{CALLBACK}?tenant=7"])
    assert is_page(asking.ask(redirect_uri=f"{CALLBACK}?tenant=8"))
    assert is_page(asking.ask(redirect_uri=CALLBACK))
    assert asking.ask().status_code == 200


def test_ensure_redirect_uri_in_authorization_request(rp: RelyingParty) -> None:
    """OIDC-02, attack case 139."""
    assert is_page(rp.ask(redirect_uri=None))


def test_server_rotate_keys(rp: RelyingParty, site: Site) -> None:
    """OIDC-27: what was signed before can be verified after."""
    before = rp.tokens()
    actor = {"kind": "operator", "id": "1000@host"}
    keys = Keys(site.ledger, SEALER, TENANT, lambda: secrets.token_urlsafe(12))
    changes = keys.rotate(("RS256",), ahead=0, now=site.clock.now, actor=actor)
    active = [change.kid for change in changes if change.status is KeyStatus.ACTIVE]
    assert [jws.parse(rp.tokens(prompt="login").id_token, max_bytes=16_384).kid] == active
    assert jws.verify(before.id_token, keys=rp.keys(), algorithms=("RS256",)) == before.claims


def test_ensure_client_assertion_with_iss_aud_succeeds(site: Site, browser: Browser) -> None:
    """OIDC-23, CAU-03: the audience of an assertion is the issuer, at every endpoint."""
    auth = {"method": "private_key_jwt", "jwks": {"keys": [BOARD_KEY.public.to_dict()]}}
    register(site, id="signing", auth=auth)
    signing = RelyingParty(site, browser, client_id="signing")
    code = signing.signed_in()["code"]

    def asked(aud: str, jti: str) -> httpx.Response:
        now = site.clock.now
        claims: dict[str, JsonValue] = {
            "iss": "signing",
            "sub": "signing",
            "aud": aud,
            "jti": jti,
            "iat": now,
            "exp": now + 60,
        }
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            "client_id": "signing",
            "client_assertion_type": names.CLIENT_ASSERTION_TYPE,
            "client_assertion": jws.sign(claims, key=BOARD_KEY, typ=names.CLIENT_AUTHENTICATION_TYP),
        }
        return plain_http.post(f"{site.url}/token", data=fields)

    assert asked(f"{site.issuer}/token", "j-1").json()["error"] == "invalid_client"
    assert asked(site.issuer, "j-2").status_code == 200
