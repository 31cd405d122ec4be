"""The endpoints about tokens over ASGI: their paths, what is advertised, who may be configured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from idjag.ras import MemoryStore, Resource
from idjag.ras.callers import Callers
from idjag.ras.standalone import standalone
from tests.ras.inquiries import API_CLIENT, API_SECRET, IDP_CLIENT, IDP_SECRET, Site, site_config, site_in
from tests.ras.over_asgi import send
from tests.ras.stores import KINDS
from tests.ras.test_global_revocation import ALICE_ID
from tests.ras.world import API, FILES, IDP, RAS, basic, client, key

FORM = (b"content-type", b"application/x-www-form-urlencoded")
BY_API = (b"authorization", basic(API_CLIENT, API_SECRET))
BY_WIKI = (b"authorization", basic())
BY_IDP = (b"authorization", basic(IDP_CLIENT, IDP_SECRET))
SECRETS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
ALGS = ["ES256", "RS256", "Ed25519"]


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Over each kind of store."""
    with site_in(request.param, tmp_path) as made:
        yield made


def form(**parameters: str) -> bytes:
    return urlencode(parameters).encode()


def test_the_endpoints_are_served_below_the_issuer(site: Site) -> None:
    """AT-04, AT-05, AT-08: asked, ended, and ended for good, each at its path."""
    app, token = standalone(site.ras), site.redeemed()
    good = send(app, "/introspect", FORM, BY_API, body=form(token=token))
    assert (good.status, good.json["active"]) == (200, True)
    assert (good.headers["cache-control"], good.headers["content-type"]) == ("no-store", "application/json")
    assert send(app, "/revoke", FORM, BY_WIKI, body=form(token=token)).status == 200
    assert send(app, "/introspect", FORM, BY_API, body=form(token=token)).json == {"active": False}
    other = site.redeemed()
    json_type = (b"content-type", b"application/json")
    ended = send(
        app, "/global-token-revocation", json_type, BY_IDP, body=json.dumps({"sub_id": ALICE_ID}).encode()
    )
    assert (ended.status, ended.body) == (204, b"")
    assert send(app, "/introspect", FORM, BY_API, body=form(token=other)).json == {"active": False}


@pytest.mark.parametrize("path", ["/introspect", "/revoke", "/global-token-revocation"])
def test_the_door_is_that_of_the_token_endpoint(site: Site, path: str) -> None:
    """Contract section 7: methods, sizes and headers are looked at before anything else, and recorded."""
    app = standalone(site.ras)
    refused = send(app, path, method="GET")
    assert (refused.status, refused.headers["allow"]) == (405, "POST")
    assert refused.json["decision_id"] in refused.json["error_description"]
    twice = send(app, path, BY_API, BY_API, FORM)
    assert (twice.status, twice.json["error"]) == (400, "invalid_request")
    assert send(app, path, FORM, BY_API, body=b"x" * 100_000).status == 413
    assert "access-control-allow-origin" not in send(app, path, method="OPTIONS").headers


def test_what_is_served_is_advertised(site: Site) -> None:
    """MET-05: RFC 8414 section 2, and nothing that would be 404."""
    app = standalone(site.ras)
    found = send(app, "/.well-known/oauth-authorization-server", method="GET").json
    expected: dict[str, Any] = {
        "introspection_endpoint": f"{RAS}introspect",
        "introspection_endpoint_auth_methods_supported": SECRETS,
        "introspection_endpoint_auth_signing_alg_values_supported": ALGS,
        "revocation_endpoint": f"{RAS}revoke",
        "revocation_endpoint_auth_methods_supported": SECRETS,
        "revocation_endpoint_auth_signing_alg_values_supported": ALGS,
        "global_token_revocation_endpoint": f"{RAS}global-token-revocation",
        "global_token_revocation_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "global_token_revocation_endpoint_auth_signing_alg_values_supported": ALGS,
    }
    assert {name: found.get(name) for name in expected} == expected
    for name, url in expected.items():
        if name.endswith("_endpoint"):
            assert send(app, "/" + url.removeprefix(RAS), FORM).status != 404


def test_what_is_not_served_is_not_advertised(site: Site) -> None:
    """MET-05: a host says what it serves beside the token endpoint."""
    assert not [name for name in site.ras.metadata() if "introspection" in name or "revocation" in name]
    some = site.ras.metadata(endpoints=("introspect",))
    assert "introspection_endpoint" in some
    assert "revocation_endpoint" not in some
    host: dict[str, object] = {"issuer": RAS, "introspection_endpoint": "https://acme.chat.example/own"}
    merged = site.ras.metadata(host=host, endpoints=("introspect",))
    assert merged["introspection_endpoint"] == "https://acme.chat.example/own"


def test_without_callers_nobody_ends_people(tmp_path: Path) -> None:
    """AT-08: 404 and not advertised."""
    with site_in("memory", tmp_path, callers=Callers()) as site:
        app = standalone(site.ras)
        found = send(app, "/.well-known/oauth-authorization-server", method="GET").json
        assert "global_token_revocation_endpoint" not in found
        assert send(app, "/global-token-revocation", BY_IDP).status == 404


def test_another_configuration_has_other_paths(site: Site) -> None:
    """RAS-47: without a new start."""
    app = standalone(site.ras)
    document = "/.well-known/oauth-protected-resource/v1"
    assert send(app, document, method="GET").status == 200
    kept = (Resource(API, frozenset({"chat.read"})),)
    site.ras.configure(site_config(resources=kept, callers=Callers()))
    assert send(app, document, method="GET").status == 404
    assert send(app, "/global-token-revocation", BY_IDP).status == 404
    site.ras.configure(site_config())
    assert send(app, document, method="GET").json["resource"] == FILES
    assert send(app, "/global-token-revocation", BY_IDP).status == 415


def test_a_host_mounts_each_endpoint_where_it_likes(site: Site) -> None:
    """A SaaS with paths of its own."""
    token = site.redeemed()
    answer = send(site.ras.door("introspect"), "/oauth2/check", FORM, BY_API, body=form(token=token))
    assert answer.json["active"] is True


def test_a_signer_with_other_keys_knows_no_old_tokens(site: Site) -> None:
    """AT-04: the signature must be of a key that we publish."""
    token = site.redeemed()
    other = Site(store=site.store, config=site_config(), signing_key=key("another ras"))
    assert other.introspect(token).body == b'{"active":false}'
    assert site.active(token)


WRONG_CALLERS: list[tuple[str, dict[str, Any], str]] = [
    ("a client", {"clients": (client(API_CLIENT),)}, "is a client that redeems"),
    ("an issuer", {"trusted_issuers": ()}, f"{IDP} is not among trusted_issuers"),
    (
        "a resource",
        {"resources": (Resource("https://x.example/", frozenset()),)},
        "is not among the resources",
    ),
]


@pytest.mark.parametrize(("_what", "changes", "message"), WRONG_CALLERS, ids=[w for w, _, _ in WRONG_CALLERS])
def test_callers_must_fit_the_rest(_what: str, changes: dict[str, Any], message: str) -> None:
    """A name means one thing; nobody asks about what is not there."""
    with pytest.raises(ValueError, match=message):
        site_config(**({"default_resource": None} | changes))


def test_callers_have_credentials_and_something_to_ask_about() -> None:
    """Deny by default."""
    [server, *_] = site_config().callers.resource_servers
    [revoker] = site_config().callers.revokers
    public = replace(server.registration, method="none")
    nothing = "may ask about nothing"
    wrong: list[tuple[Callable[[], Callers], str]] = [
        (lambda: Callers(resource_servers=(server, server)), "introspection: a client_id is listed twice"),
        (lambda: Callers(revokers=(revoker, revoker)), "revocation: a client_id is listed twice"),
        (lambda: Callers(resource_servers=(replace(server, registration=public),)), "must have credentials"),
        (lambda: Callers(resource_servers=(replace(server, resources=frozenset()),)), nothing),
        (lambda: Callers(revokers=(replace(revoker, issuers=frozenset()),)), nothing),
    ]
    for make, message in wrong:
        with pytest.raises(ValueError, match=message):
            make()


def test_a_memory_store_serves_them_too() -> None:
    """For tests and demos."""
    assert "introspect" in Site(store=MemoryStore(), config=site_config()).ras.endpoints
