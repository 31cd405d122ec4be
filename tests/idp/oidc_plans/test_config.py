"""The modules of the configuration certification plan, each by its name: what discovery says, and is true."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests import plain_http
from tests.idp.oidc_plans.relying_party import RelyingParty
from tests.idp.signin.site import Host, Site, running

# OpenID Connect Discovery section 3, RFC 8414 section 2, and the specifications that register the others
_MEMBERS = frozenset(
    """
    issuer authorization_endpoint token_endpoint userinfo_endpoint jwks_uri registration_endpoint
    scopes_supported response_types_supported response_modes_supported grant_types_supported
    acr_values_supported subject_types_supported id_token_signing_alg_values_supported
    token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg_values_supported
    display_values_supported claim_types_supported claims_supported ui_locales_supported
    claims_parameter_supported request_parameter_supported request_uri_parameter_supported
    revocation_endpoint revocation_endpoint_auth_methods_supported
    revocation_endpoint_auth_signing_alg_values_supported introspection_endpoint
    introspection_endpoint_auth_methods_supported introspection_endpoint_auth_signing_alg_values_supported
    code_challenge_methods_supported end_session_endpoint backchannel_logout_supported
    backchannel_logout_session_supported pushed_authorization_request_endpoint
    require_pushed_authorization_requests authorization_response_iss_parameter_supported
    dpop_signing_alg_values_supported prompt_values_supported client_id_metadata_document_supported
    identity_chaining_requested_token_types_supported token_exchange_target_service_discovery_endpoint
    receipt_endpoint tls_client_certificate_bound_access_tokens mtls_endpoint_aliases
    """.split()  # noqa: SIM905 - a list of forty strings says less
)
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "end_session_endpoint")


@pytest.fixture(scope="module")
def document(site: Site) -> dict[str, Any]:
    answer = plain_http.get(f"{site.url}/.well-known/openid-configuration")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = answer.json()
    return found


def test_discovery_endpoint_verification(document: dict[str, Any], site: Site) -> None:
    """MET-01: the issuer, byte for byte; what is registered and our receipts, none empty; flags."""
    assert document["issuer"] == site.issuer
    assert document.keys() <= _MEMBERS
    assert [name for name, value in document.items() if value in ([], "", None)] == []
    flags = ("claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported")
    assert [document[name] for name in flags] == [True, False, False]


def test_what_it_lists_is_what_the_plan_wants(document: dict[str, Any]) -> None:
    """OIDC-05, OIDC-14, OIDC-22, OIDC-24, OIDC-27: types, algorithms, PKCE, logout, no registration."""
    assert document["response_types_supported"] == ["code"]
    assert set(document["subject_types_supported"]) == {"public", "pairwise"}
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["backchannel_logout_session_supported"] is True
    assert "registration_endpoint" not in document
    assert "openid" in document["scopes_supported"]


def test_claims_scopes_grants_and_locales_are_well_formed(document: dict[str, Any]) -> None:
    word = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
    for name in ("claims_supported", "scopes_supported", "grant_types_supported", "acr_values_supported"):
        assert all(word.fullmatch(value) for value in document[name]), name
        assert len(set(document[name])) == len(document[name])
    assert all(re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?", tag) for tag in document["ui_locales_supported"])


def test_jwks_uri_and_keys(document: dict[str, Any]) -> None:
    """Public keys with kid and use, one for each algorithm that is offered."""
    keys = plain_http.get(document["jwks_uri"]).json()["keys"]
    assert {key["alg"] for key in keys} >= set(document["id_token_signing_alg_values_supported"]) - {
        "Ed25519"
    }
    assert all(key["use"] == "sig" and key["kid"] and not {"d", "k", "p"} & key.keys() for key in keys)


def test_every_endpoint_is_there(document: dict[str, Any]) -> None:
    for name in _ENDPOINTS:
        assert plain_http.get(document[name]).status_code != 404, name


def test_all_endpoints_are_https_when_the_issuer_is(host: Host) -> None:
    """Whatever the request said: N, attack case 211."""
    shared = host.app
    with running(host, issuer="https://idp.example/t/acme") as site:
        headers = {"host": "idp.example", "x-forwarded-proto": "http", "x-forwarded-host": "evil.example"}
        answer = plain_http.get(f"{site.url}/t/acme/.well-known/openid-configuration", headers=headers)
    host.app = shared
    found = {name: value for name, value in answer.json().items() if name.endswith(("_endpoint", "_uri"))}
    assert len(found) >= 8
    assert all(value.startswith("https://idp.example/t/acme/") for value in found.values())
    assert "http://" not in json.dumps(answer.json())


def test_every_claim_that_is_listed_is_given(document: dict[str, Any], rp: RelyingParty) -> None:
    """OIDC-13, OIDC-15, attack case 235: nothing is listed that nobody gets."""
    tokens = rp.tokens(scope="openid profile email")
    given = tokens.claims.keys() | rp.userinfo(tokens.access_token).json().keys()
    assert set(document["claims_supported"]) <= given


def test_every_prompt_that_is_listed_works(document: dict[str, Any], rp: RelyingParty) -> None:
    """OIDC-09."""
    for prompt in document["prompt_values_supported"]:
        answer = rp.ask(prompt=prompt)
        assert answer.status_code in (200, 303), prompt
        assert "invalid_request" not in answer.headers.get("location", "")
