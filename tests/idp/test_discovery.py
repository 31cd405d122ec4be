"""What the IdP publishes about itself, over real HTTP."""

from __future__ import annotations

import json

import pytest

from idjag.demo.wire import Answer, fetch
from tests.idp.signin.site import Site

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"


def test_both_documents_agree_and_carry_the_exact_issuer(site: Site) -> None:
    """MET-01, MET-03, MET-04, MET-14, MET-19, MET-20; OIDC-24: nobody registers a client anonymously."""
    openid, oauth = fetch(site.url + OPENID), fetch(site.url + OAUTH)

    assert (openid.status, oauth.status, openid.body) == (200, 200, oauth.body)
    found = openid.json()
    assert found["issuer"] == site.issuer
    assert found["authorization_response_iss_parameter_supported"] is True
    assert "registration_endpoint" not in found
    assert fetch(site.url + "/register", form={"client_name": "x"}).status == 404
    assert openid.headers["access-control-allow-origin"] == "*"


def test_every_endpoint_that_is_advertised_answers(site: Site) -> None:
    """Attack case 235: what is advertised works."""
    found = fetch(site.url + OPENID).json()

    def answer(name: str, form: dict[str, str] | None = None) -> Answer:
        return fetch(str(found[name]).replace(site.issuer, site.url), form=form)

    assert answer("jwks_uri").status == 200
    assert answer("token_endpoint", {"grant_type": "x"}).status == 401
    for name in ("revocation_endpoint", "introspection_endpoint"):
        assert answer(name, {"token": "x"}).status == 401
        refused = answer(name)
        assert (refused.status, refused.headers["allow"]) == (405, "POST")
    assert answer("authorization_endpoint").status == 400  # a page: no client is named


def test_the_published_keys_verify_and_hold_nothing_private(site: Site) -> None:
    """MET-09, JAG-02; interop fact 9: kid, use and alg, and no key_ops."""
    keys = json.loads(fetch(site.url + "/jwks").body)["keys"]

    assert {key["alg"] for key in keys} == {"ES256", "RS256", "Ed25519"}
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert key["use"] == "sig"
        assert not {"d", "p", "q", "dp", "dq", "qi", "k", "key_ops"} & key.keys()


@pytest.mark.parametrize("path", [OPENID, OAUTH, "/jwks"])
def test_public_documents_may_be_kept_and_asked_for_again(site: Site, path: str) -> None:
    """MET-10."""
    first = fetch(site.url + path)
    again = fetch(site.url + path, headers={"if-none-match": first.headers["etag"]})

    assert first.headers["cache-control"] == "public, max-age=300"
    assert (again.status, again.body) == (304, b"")
    posted = fetch(site.url + path, form={"x": "y"})
    assert (posted.status, posted.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_health_needs_no_credentials_and_tells_nothing(site: Site) -> None:
    """Contract section 6; attack case 231."""
    assert fetch(site.url + "/healthz").json() == {"status": "ok"}
    assert fetch(site.url + "/readyz").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["//token", "/token/", "/TOKEN", "/token;x", "/%74oken/"])
def test_another_spelling_of_the_token_path_is_not_a_way_around(site: Site, path: str) -> None:
    """Attack case 215."""
    assert fetch(site.url + path, form={"grant_type": "x"}).status in (404, 405)
    assert fetch(site.url + "/token", form={"grant_type": "x"}).status == 401
