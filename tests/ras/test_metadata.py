"""What the server publishes, and the paths of the standalone program: MET-05 to MET-12, case 217."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from idjag.forwarded import CertificateHeaders
from idjag.protocol import metadata, names
from idjag.protocol.jose import KeySet, jws
from idjag.protocol.jose.minimums import ALGORITHMS
from idjag.ras import Registration, Resource, hash_secret
from idjag.ras.config_file import AuthEntry
from idjag.ras.metadata import resource_metadata_url
from idjag.ras.standalone import standalone
from tests.proofs import proof
from tests.ras.over_asgi import Answer, send
from tests.ras.world import (
    API,
    CLIENT,
    FILES,
    IDP,
    NOW,
    RAS,
    SECRET,
    World,
    basic,
    client,
    config,
    key,
    request,
)

MEMBERS: dict[str, Any] = {
    "issuer": RAS,
    "authorization_endpoint": "https://acme.chat.example/authorize",
    "token_endpoint": "https://acme.chat.example/token",
    "jwks_uri": "https://acme.chat.example/jwks",
    "scopes_supported": ["chat.history", "chat.read", "chat.write", "files.read"],
    "response_types_supported": ["code"],
    "code_challenge_methods_supported": ["S256"],
    "grant_types_supported": [names.JWT_BEARER, names.JWT_DPOP],
    "authorization_grant_profiles_supported": ["urn:ietf:params:oauth:grant-profile:id-jag"],
    "token_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
    ],
    "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256", "Ed25519"],
    "dpop_signing_alg_values_supported": ["ES256", "RS256", "Ed25519"],
}
for _path, _name in (("introspect", "introspection"), ("revoke", "revocation")):
    MEMBERS[f"{_name}_endpoint"] = f"{RAS}{_path}"
    MEMBERS[f"{_name}_endpoint_auth_methods_supported"] = MEMBERS["token_endpoint_auth_methods_supported"]
    MEMBERS[f"{_name}_endpoint_auth_signing_alg_values_supported"] = ["ES256", "RS256", "Ed25519"]


def ask(world: World, path: str, method: str = "GET", *, headers: Any = (), body: bytes = b"") -> Answer:
    return send(standalone(world.ras), path, *headers, method=method, body=body)


def test_the_metadata_is_what_clients_demand_and_nothing_more(world: World) -> None:
    """MET-05, MET-06, MET-08, interop facts 6 and 7."""
    answer = ask(world, "/.well-known/oauth-authorization-server")
    beside = {
        name: value
        for path in world.ras.endpoints
        for name, value in metadata.beside_token_endpoint(path, base=RAS.rstrip("/")).items()
    }
    assert (answer.status, answer.json) == (200, MEMBERS | beside)
    assert {"introspection_endpoint", "revocation_endpoint"} <= beside.keys()
    assert answer.headers["content-type"] == "application/json"


def test_the_metadata_names_nobody_whom_we_trust(world: World) -> None:
    """MET-07: no issuer, tenant or client."""
    world.ras.configure(config(clients=(client(tenant="acme-tenant"),)))
    text = ask(world, "/.well-known/oauth-authorization-server").body.decode()
    assert IDP not in text
    assert "acme-tenant" not in text
    assert client().client_id not in text


def _presented(method: str, alg: str) -> tuple[Registration, Any, dict[str, str]]:
    """A registration for exactly this method, and a request that authenticates so."""
    if method == "private_key_jwt":
        signer = key(f"client-{alg}", alg)
        about: dict[str, Any] = {
            "iss": CLIENT,
            "sub": CLIENT,
            "aud": RAS,
            "jti": f"proof-{alg}",
            "iat": NOW,
            "exp": NOW + 60,
        }
        proof = jws.sign(about, key=signer, typ="JWT")
        sent = {"client_assertion_type": names.CLIENT_ASSERTION_TYPE, "client_assertion": proof}
        return Registration(CLIENT, method, keys=KeySet([signer.public])), None, sent
    registration = Registration(CLIENT, method, secret_hashes=(hash_secret(SECRET),))
    if method == "client_secret_basic":
        return registration, basic(), {}
    sent = {"client_id": CLIENT} if method == "none" else {"client_id": CLIENT, "client_secret": SECRET}
    return registration, None, sent


def _works(method: str, alg: str = "") -> bool:
    registration, header, sent = _presented(method, alg)
    world = World(config=config(clients=(client(registration=registration),)))
    return world.post(sent, authorization=header).status == 200


def test_what_is_advertised_is_what_clients_may_register(world: World) -> None:
    """MET-08, attack case 235: each method and algorithm works if and only if the document says so."""
    document = ask(world, "/.well-known/oauth-authorization-server").json
    advertised = set(document["token_endpoint_auth_methods_supported"])
    algs = set(document["token_endpoint_auth_signing_alg_values_supported"])
    secrets = ("client_secret_basic", "client_secret_post", "none")
    working = {method for method in secrets if _works(method)}
    working_algs = {alg for alg in ALGORITHMS if _works("private_key_jwt", alg)}
    assert working_algs == algs
    assert working | {"private_key_jwt"} == advertised


def test_the_file_lets_clients_register_what_is_advertised_and_nothing_else() -> None:
    """MET-08: two words are ours: basic or post, and what the document at the client_id says."""
    methods = {*get_args(AuthEntry.model_fields["method"].annotation)}
    ours = {names.CLIENT_SECRET, names.CLIENT_ID_METADATA_DOCUMENT}
    public = client(registration=Registration(CLIENT, names.NO_AUTHENTICATION))
    headers = CertificateHeaders("client-cert")
    everything = World(config=config(clients=(public,), certificate_headers=headers)).ras.metadata()
    assert everything["token_endpoint_auth_methods_supported"] == [
        *MEMBERS["token_endpoint_auth_methods_supported"],
        *names.MUTUAL_TLS,
        "none",
    ]
    assert methods - ours == {*MEMBERS["token_endpoint_auth_methods_supported"], *names.MUTUAL_TLS, "none"}


@pytest.mark.parametrize("alg", MEMBERS["dpop_signing_alg_values_supported"])
def test_proofs_of_every_advertised_algorithm_work(world: World, alg: str) -> None:
    """MET-15, attack case 235."""
    assert ask(world, "/.well-known/oauth-authorization-server").json["dpop_signing_alg_values_supported"]
    made = proof(MEMBERS["token_endpoint"], now=NOW, key=key(f"holder-{alg}", alg))
    reply = world.post(headers=(*request().headers, (b"dpop", made.encode())))
    assert json.loads(reply.body)["token_type"] == "DPoP"
    assert {*MEMBERS["dpop_signing_alg_values_supported"]} <= ALGORITHMS


def test_dpop_is_advertised_only_where_proofs_are_accepted(world: World) -> None:
    """MET-15, attack case 235: a host whose token endpoint is another than we were told."""
    elsewhere = "https://acme.chat.example/oauth/token"
    for document in (world.ras.metadata("https://x.example"), world.ras.metadata(host=_host(elsewhere))):
        assert "dpop_signing_alg_values_supported" not in document
        assert names.JWT_DPOP not in str(document["grant_types_supported"])
    told = World(config=config(token_endpoint=elsewhere))
    assert told.ras.metadata(host=_host(elsewhere))["dpop_signing_alg_values_supported"]


def _host(token_endpoint: str) -> dict[str, object]:
    return {"issuer": RAS, "token_endpoint": token_endpoint}


def test_documents_are_cached_and_open_to_browsers(world: World) -> None:
    """MET-10, interop fact 10."""
    for path in ("/.well-known/oauth-authorization-server", "/jwks", "/.well-known/oauth-protected-resource"):
        answer = ask(world, path)
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert answer.headers["access-control-allow-origin"] == "*"
        etag = answer.headers["etag"]
        again = ask(world, path, headers=[(b"if-none-match", f'"x", W/{etag}'.encode())])
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
        assert ask(world, path, headers=[(b"if-none-match", b'"x"')]).status == 200
        assert ask(world, path, "HEAD").body == b""
        assert ask(world, path, "OPTIONS").headers["access-control-allow-headers"] == "*"
        assert ask(world, path, "POST").headers["allow"] == "GET, HEAD, OPTIONS"


def test_the_token_endpoint_is_closed_to_browsers(world: World) -> None:
    """Attack case 190: no CORS where credentials go."""
    good = request()
    answer = ask(world, "/token", "POST", headers=good.headers, body=good.body)
    assert (answer.status, answer.json["token_type"]) == (200, "Bearer")
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers
    assert ask(world, "/token", "GET").status == 405


def test_what_the_door_turns_away_is_recorded_too(world: World) -> None:
    """Contract section 9: one event for each source, reason and minute."""
    headers = request().headers
    for _ in range(3):
        answer = ask(world, "/token", "POST", headers=headers, body=b"x" * 100_000)
        assert (answer.status, answer.json["error"]) == (413, "invalid_request")
    [event] = world.store.events
    assert (event.name, event.fields["reason"]) == ("refused.before_authentication", "too_large")
    assert event.fields["ip"] == "192.0.2.1"


def test_the_keys_are_public_ones(world: World) -> None:
    """MET-09, interop fact 9."""
    [published] = ask(world, "/jwks").json["keys"]
    assert published.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}


def test_each_resource_has_its_document(world: World) -> None:
    """MET-11, MET-13."""
    assert ask(world, "/.well-known/oauth-protected-resource").json == {
        "resource": API,
        "authorization_servers": [RAS],
        "scopes_supported": ["chat.history", "chat.read", "chat.write"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256", "RS256", "Ed25519"],
    }
    world.ras.configure(config(resources=(Resource(API, frozenset({"chat.read"}), key_bound=True),)))
    strict = ask(world, "/.well-known/oauth-protected-resource").json
    assert strict["dpop_bound_access_tokens_required"] is True
    world.ras.configure(config())
    assert ask(world, "/.well-known/oauth-protected-resource/v1").json["resource"] == FILES
    assert (
        resource_metadata_url(FILES) == "https://files.chat.example/.well-known/oauth-protected-resource/v1"
    )


def test_of_two_resources_with_one_path_the_one_of_the_host_is_meant() -> None:
    """MET-11: never the document of another resource."""
    both = (Resource(API, frozenset({"a"})), Resource("https://acme.chat.example/", frozenset({"b"})))
    world = World(config=config(resources=both))
    path = "/.well-known/oauth-protected-resource"
    assert ask(world, path).json["resource"] == "https://acme.chat.example/"
    neither = (Resource(API, frozenset({"a"})), Resource("https://x.example/", frozenset({"b"})))
    assert ask(World(config=config(resources=neither)), path).status == 404


def test_the_authorization_endpoint_answers_with_an_oauth_error(world: World) -> None:
    """Interop fact 6: MCP clients demand it; nothing is authorized here."""
    answer = ask(world, "/authorize")
    assert (answer.status, answer.json["error"]) == (400, "unauthorized_client")


def test_an_issuer_with_a_path_is_found_at_both_places() -> None:
    """MET-01 at the RAS, attack case 217."""
    issuer = "https://chat.example/ras/acme"
    world = World(config=config(issuer=issuer))
    inserted = ask(world, "/.well-known/oauth-authorization-server/ras/acme")
    appended = ask(world, "/ras/acme/.well-known/oauth-authorization-server")
    assert inserted.json == appended.json
    assert inserted.json["issuer"] == issuer
    assert inserted.json["token_endpoint"] == f"{issuer}/token"
    assert ask(world, "/ras/acme/jwks").status == 200
    assert ask(world, "/.well-known/oauth-authorization-server").status == 404


@pytest.mark.parametrize("path", ["/", "/nope", "//token", "/token/", "/TOKEN", "/token;x", "/.well-known/x"])
def test_any_other_path_is_not_found(world: World, path: str) -> None:
    """Attack case 215."""
    answer = ask(world, path, "POST")
    assert (answer.status, answer.json) == (404, {"error": "not_found"})


def test_health_says_yes_or_no(world: World) -> None:
    """Attack case 231."""
    assert ask(world, "/healthz").json == {"status": "ok"}
    assert ask(world, "/readyz").json == {"status": "ok"}


def test_a_host_merges_our_document_into_its_own(world: World) -> None:
    """Architecture section 3: an app with an authorization server already."""
    host: dict[str, object] = {
        "issuer": RAS,
        "authorization_endpoint": "https://acme.chat.example/oauth/authorize",
        "token_endpoint": "https://acme.chat.example/oauth/token",
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }
    merged = world.ras.metadata(host=host)
    assert merged["token_endpoint"] == "https://acme.chat.example/oauth/token"
    assert merged["grant_types_supported"] == ["authorization_code", "refresh_token", names.JWT_BEARER]
    assert merged["authorization_grant_profiles_supported"] == [names.ID_JAG_PROFILE]
    assert merged["token_endpoint_auth_methods_supported"] == ["client_secret_basic"]
    with pytest.raises(ValueError, match="names issuer"):
        world.ras.metadata(host={"issuer": "https://x.example"})


def test_endpoints_may_stand_elsewhere_than_the_issuer(world: World) -> None:
    assert (
        world.ras.metadata("https://auth.chat.example/")["token_endpoint"]
        == "https://auth.chat.example/token"
    )
