"""Discovery documents: what both servers publish, where, and that nothing else is claimed."""

from __future__ import annotations

import json

import pytest

from idjag.protocol import form, metadata, names, token_exchange
from idjag.protocol.client_auth import Registration
from idjag.protocol.errors import Reason
from tests.protocol.parts import API, ED, IDP, KEY, RAS, RSA, reason_of

IDP_DOCUMENT = metadata.identity_provider(
    IDP, base=IDP, scopes=["openid", "email"], acrs=["urn:acme:mfa"], claims=["email"], locales=["en", "ja"]
)
RAS_DOCUMENT = metadata.resource_authorization_server(RAS, base=RAS.rstrip("/"), scopes=["chat.read"])
DOCUMENTS = [pytest.param(IDP_DOCUMENT, id="IdP"), pytest.param(RAS_DOCUMENT, id="RAS")]
SECRET_AND_KEY = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


def test_the_document_of_the_idp() -> None:
    """MET-01, MET-03, MET-04, MET-08, MET-14, MET-19: all of it, so that an addition is a decision."""
    published = IDP_DOCUMENT
    assert published == {
        "issuer": IDP,
        "authorization_endpoint": f"{IDP}/authorize",
        "token_endpoint": f"{IDP}/token",
        "revocation_endpoint": f"{IDP}/revoke",
        "introspection_endpoint": f"{IDP}/introspect",
        "token_exchange_target_service_discovery_endpoint": "https://idp.acme.example/targets",
        "userinfo_endpoint": f"{IDP}/userinfo",
        "pushed_authorization_request_endpoint": f"{IDP}/par",
        "end_session_endpoint": f"{IDP}/logout",
        "receipt_endpoint": f"{IDP}/receipts",
        "jwks_uri": f"{IDP}/jwks",
        "scopes_supported": ["openid", "email"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256", "Ed25519"],
        "token_endpoint_auth_methods_supported": [*SECRET_AND_KEY, "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256", "Ed25519"],
        "revocation_endpoint_auth_methods_supported": [*SECRET_AND_KEY, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256", "Ed25519"],
        "introspection_endpoint_auth_methods_supported": SECRET_AND_KEY,
        "introspection_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256", "Ed25519"],
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": ["urn:acme:mfa"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "display_values_supported": ["page"],
        "claim_types_supported": ["normal"],
        "claims_supported": [
            *("iss", "sub", "aud", "exp", "iat", "nonce"),
            *("auth_time", "acr", "amr", "sid", "session_expiry", "email"),
        ],
        "ui_locales_supported": ["en", "ja"],
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "authorization_response_iss_parameter_supported": True,
        "dpop_signing_alg_values_supported": ["ES256", "RS256", "Ed25519"],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_pushed_authorization_requests": False,
        "claims_parameter_supported": True,
        "identity_chaining_requested_token_types_supported": ["urn:ietf:params:oauth:token-type:id-jag"],
    }


def test_the_document_of_the_ras() -> None:
    """MET-05, MET-06, MET-07, MET-08, interop facts 6 and 7: all of it."""
    published = RAS_DOCUMENT
    assert published == {
        "issuer": RAS,
        "authorization_endpoint": "https://acme.chat.example/authorize",
        "token_endpoint": "https://acme.chat.example/token",
        "jwks_uri": "https://acme.chat.example/jwks",
        "scopes_supported": ["chat.read"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": [
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:jwt-dpop",
        ],
        "authorization_grant_profiles_supported": ["urn:ietf:params:oauth:grant-profile:id-jag"],
        "token_endpoint_auth_methods_supported": SECRET_AND_KEY,
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256", "Ed25519"],
        "dpop_signing_alg_values_supported": ["ES256", "RS256", "Ed25519"],
    }


def test_public_clients_are_announced_where_there_are_some() -> None:
    """MET-08: how nobody may authenticate is not advertised."""
    document = metadata.resource_authorization_server(RAS, base=RAS, scopes=[], public=True)
    assert document["token_endpoint_auth_methods_supported"] == [*SECRET_AND_KEY, "none"]


def test_the_document_of_a_resource() -> None:
    """MET-11, RFC 9728 section 2: the identifier as it is registered."""
    assert metadata.protected_resource(API, issuer=RAS, scopes=["chat.read"]) == {
        "resource": API,
        "authorization_servers": [RAS],
        "scopes_supported": ["chat.read"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256", "RS256", "Ed25519"],
    }
    bound = metadata.protected_resource(API, issuer=RAS, scopes=[], key_bound=True)
    assert bound["dpop_bound_access_tokens_required"] is True


def test_what_has_no_elements_is_left_out() -> None:
    """RFC 8414 section 3.2, RFC 9728 section 3.2."""
    idp = metadata.identity_provider(IDP, base=IDP, scopes=[], acrs=[])
    assert IDP_DOCUMENT.keys() - idp.keys() == {
        "scopes_supported",
        "acr_values_supported",
        "ui_locales_supported",
    }
    ras = metadata.resource_authorization_server(RAS, base=RAS, scopes=[])
    assert RAS_DOCUMENT.keys() - ras.keys() == {"scopes_supported"}
    assert "scopes_supported" not in metadata.protected_resource(API, issuer=RAS, scopes=[])


@pytest.mark.parametrize(
    "issuer", ["https://idp.example", "https://idp.example/", "https://idp.example/t/acme"]
)
def test_the_issuer_is_byte_for_byte_and_the_endpoints_are_below_it(issuer: str) -> None:
    """MET-01, JAG-03, attack case 217."""
    base = issuer.rstrip("/")
    idp = metadata.identity_provider(issuer, base=base, scopes=["openid"], acrs=[])
    ras = metadata.resource_authorization_server(issuer, base=base, scopes=["a"])
    assert (idp["issuer"], idp["token_endpoint"]) == (issuer, f"{base}/token")
    assert (ras["issuer"], ras["token_endpoint"]) == (issuer, f"{base}/token")
    for document in (idp, ras):
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            assert str(document[name]).startswith(f"{base}/")


def test_a_token_endpoint_may_stand_elsewhere() -> None:
    """An embedding host has paths of its own."""
    url = "https://acme.chat.example/oauth/token"
    ras = metadata.resource_authorization_server(RAS, base=RAS, scopes=[], token_endpoint=url)
    assert ras["token_endpoint"] == url


@pytest.mark.parametrize(
    ("issuer", "oauth", "openid"),
    [
        ("https://h", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"),
        ("https://h/", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"),
        (
            "https://h/t/a",
            "/.well-known/oauth-authorization-server/t/a",
            "/t/a/.well-known/openid-configuration",
        ),
        ("https://h/t/", "/.well-known/oauth-authorization-server/t", "/t/.well-known/openid-configuration"),
    ],
)
def test_a_path_of_the_issuer_stands_behind_one_and_before_the_other(
    issuer: str, oauth: str, openid: str
) -> None:
    """MET-01, attack case 217: RFC 8414 inserts, OpenID Connect Discovery appends."""
    assert metadata.authorization_server_path(issuer) == oauth
    assert metadata.openid_path(issuer) == openid


@pytest.mark.parametrize(
    ("resource", "behind"),
    [
        ("https://h", ""),
        ("https://h/", ""),
        ("https://h/api", "/api"),
        ("https://h/api/", "/api/"),
        ("https://h/api?x=1", "/api?x=1"),
        ("https://h/?x=1", "?x=1"),
        ("https://h?x=1", "?x=1"),
    ],
)
def test_a_resource_has_its_own_place(resource: str, behind: str) -> None:
    """MET-11, RFC 9728 section 3.1: two resources never share one document."""
    assert metadata.protected_resource_path(resource) == f"/.well-known/oauth-protected-resource{behind}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nothing_is_advertised_that_is_not_there(document: dict[str, object]) -> None:
    """MET-08, MET-15, MET-16, MET-17, attack case 235: neither members nor values."""
    promises = (
        "authorization_details_types_supported",
        "client_id_metadata_document_supported",
        "registration_endpoint",
        "device_authorization_endpoint",
        "frontchannel_logout_supported",
        "check_session_iframe",
        "global_token_revocation_endpoint",
        "tls_client_certificate_bound_access_tokens",
        "id_jag_encryption_alg_values_supported",
    )
    assert not document.keys() & set(promises)
    text = json.dumps(document)
    for value in ("HS256", "plain", "implicit", "fragment", "mtls", "tls_client"):
        assert value not in text
    assert "refresh_token" not in json.dumps(RAS_DOCUMENT)  # RAS-37
    algorithms = document["token_endpoint_auth_signing_alg_values_supported"]
    assert isinstance(algorithms, list)
    assert "none" not in algorithms


def test_the_ras_says_nothing_about_whom_it_trusts() -> None:
    """MET-07, -04 section 9.4: the names of its members are all there is to see."""
    assert not [name for name in RAS_DOCUMENT if "issuers" in name or "tenant" in name or "client_id" in name]


def test_documents_of_clients_are_advertised_only_where_they_work() -> None:
    """MET-17: true, or not there at all."""
    name = "client_id_metadata_document_supported"
    assert name not in IDP_DOCUMENT
    assert name not in RAS_DOCUMENT
    idp = metadata.identity_provider(IDP, base=IDP, scopes=[], acrs=[], documents=True)
    ras = metadata.resource_authorization_server(RAS, base=RAS, scopes=[], documents=True)
    assert (idp[name], ras[name]) == (True, True)


def test_certificates_are_advertised_only_where_they_can_be_told() -> None:
    """CAU-08, MET-08: at every endpoint that takes a form, before what is no authentication at all."""
    told = list(names.MUTUAL_TLS)
    idp = metadata.identity_provider(IDP, base=IDP, scopes=[], acrs=[], certificates=told)
    ras = metadata.resource_authorization_server(RAS, base=RAS, scopes=[], certificates=told, public=True)
    beside = metadata.beside_token_endpoint("introspect", base=RAS, certificates=told)
    usual = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    assert idp["token_endpoint_auth_methods_supported"] == [*usual, *told, "none"]
    assert idp["revocation_endpoint_auth_methods_supported"] == [*usual, *told, "none"]
    assert idp["introspection_endpoint_auth_methods_supported"] == [*usual, *told]
    assert ras["token_endpoint_auth_methods_supported"] == [*usual, *told, "none"]
    assert beside["introspection_endpoint_auth_methods_supported"] == [*usual, *told]
    everything = metadata.beside_token_endpoint("global-token-revocation", base=RAS, certificates=told)
    assert "tls" not in json.dumps(everything)
    assert "mtls_endpoint_aliases" not in idp


def test_the_place_where_certificates_are_asked_for_has_every_endpoint_of_clients() -> None:
    """CAU-08, MET-01, RFC 8705 section 5: all at which they authenticate, and none for browsers."""
    there = "https://mtls.acme.example"
    idp = metadata.identity_provider(IDP, base=IDP, scopes=[], acrs=[], mtls_base=there)
    aliases = idp["mtls_endpoint_aliases"]
    assert isinstance(aliases, dict)
    assert {name: str(idp[name]).replace(IDP, there) for name in aliases} == aliases
    assert aliases.keys() == {
        "token_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "pushed_authorization_request_endpoint",
        "token_exchange_target_service_discovery_endpoint",
    }


def test_every_algorithm_that_is_advertised_is_one_that_works() -> None:
    """MET-08, attack case 235."""
    for name in ("id_token_signing_alg_values_supported", "token_endpoint_auth_signing_alg_values_supported"):
        assert IDP_DOCUMENT[name] == [key.alg for key in (KEY, RSA, ED)]
    assert Registration("c", names.PRIVATE_KEY_JWT).algorithms == names.ASYMMETRIC


def test_the_token_type_that_is_advertised_is_the_one_that_can_be_requested() -> None:
    """MET-03, XCH-05, attack case 235."""
    for advertised in (names.ID_JAG_TOKEN, names.REFRESH_TOKEN_TYPE):
        body = f"requested_token_type={advertised}".encode()
        reason = reason_of(lambda body=body: token_exchange.parse(form.parse(body)))  # type: ignore[misc]
        works = reason is Reason.PARAMETER_MISSING
        assert works == (advertised in str(IDP_DOCUMENT["identity_chaining_requested_token_types_supported"]))


def test_a_document_is_the_caller_s_own() -> None:
    """Whoever adds to one document changes no other."""
    first = metadata.resource_authorization_server(RAS, base=RAS, scopes=["a"])
    methods = first["token_endpoint_auth_methods_supported"]
    assert isinstance(methods, list)
    methods.append("none")
    second = metadata.resource_authorization_server(RAS, base=RAS, scopes=["a"])
    assert second["token_endpoint_auth_methods_supported"] == SECRET_AND_KEY


def test_further_endpoints_of_the_ras_say_how_clients_authenticate() -> None:
    """AT-04, AT-05, AT-08; RFC 8414 section 2: JSON has no place for a secret."""
    base, secrets = "https://acme.chat.example", ["client_secret_basic", "client_secret_post"]
    expected = {
        "introspect": ("introspection_endpoint", [*secrets, "private_key_jwt"]),
        "revoke": ("revocation_endpoint", [*secrets, "private_key_jwt"]),
        "global-token-revocation": (
            "global_token_revocation_endpoint",
            ["client_secret_basic", "private_key_jwt"],
        ),
    }
    for path, (name, methods) in expected.items():
        assert metadata.beside_token_endpoint(path, base=base) == {
            name: f"{base}/{path}",
            f"{name}_auth_methods_supported": methods,
            f"{name}_auth_signing_alg_values_supported": ["ES256", "RS256", "Ed25519"],
        }
