"""The token exchange at the IdP, through the token endpoint: what is asked, and what is issued."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import pytest

from idjag.idp.app import new_id
from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.idp.grants.acme import (
    API,
    CHAT,
    FILES,
    ISSUER,
    NOW,
    Acme,
    acme,
    app,
    chat,
    connection,
    rule,
    state,
)


def test_an_id_token_becomes_an_id_jag(idp: Acme) -> None:
    """XCH-01, XCH-05, XCH-07, XCH-15, XCH-53 to 57; JAG-01 to 07, 11, 12, 14 to 16, 18; DPOP-05."""
    answer = idp.exchange(idp.sign_in())

    token = jws.parse(answer.json["access_token"], max_bytes=names.MAX_ID_JAG)
    published = {key["kid"] for key in idp.snapshot.keys.published(NOW)}
    assert (answer.status, token.typ, token.alg, token.kid in published) == (
        200,
        names.ID_JAG_TYP,
        "ES256",
        True,
    )
    assert answer.json | {"access_token": ""} == {
        "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        "access_token": "",
        "token_type": "N_A",
        "expires_in": 300,
        "scope": "chat.read",
        "resource": API,
    }
    grant = answer.grant
    subject = idp.row("subject", "person_id", idp.person("alice"))["sub"]
    assert grant.pop("jti")
    assert grant == {
        "iss": ISSUER,
        "sub": subject,
        "aud": CHAT,
        "client_id": "wiki-at-chat",
        "iat": NOW,
        "exp": NOW + 300,
        "scope": "chat.read",
        "resource": API,
        "auth_time": NOW,
        "acr": "urn:idjag:acr:pwd",
        "amr": ["pwd"],
    }
    assert (answer.header("cache-control"), answer.header("pragma")) == ("no-store", "no-cache")
    jws.verify(token, keys=idp.snapshot.keys.verifying(now=NOW), algorithms=("ES256",))


MISSING = [
    ("requested_token_type", None),
    ("subject_token", None),
    ("subject_token_type", None),
    ("audience", None),
]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        *(pytest.param({name: value}, "invalid_request", id=f"{name} missing") for name, value in MISSING),
        *(pytest.param({name: ""}, "invalid_request", id=f"{name} empty") for name, _ in MISSING),
        pytest.param(
            {"requested_token_type": "urn:ietf:params:oauth:token-type:access_token"},
            "invalid_request",
            id="an access token requested",
        ),
        pytest.param(
            {"subject_token_type": "urn:ietf:params:oauth:token-type:access_token"},
            "invalid_request",
            id="an access token as subject",
        ),
        pytest.param(
            {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_request", id="a bare JWT"
        ),
        pytest.param(
            {"subject_token_type": names.REFRESH_TOKEN_TYPE}, "invalid_grant", id="no refresh token"
        ),
        pytest.param({"subject_token_type": names.SAML2_TOKEN}, "invalid_request", id="SAML: not built"),
        pytest.param({"actor_token": "x"}, "invalid_request", id="actor token alone"),
        pytest.param({"actor_token_type": names.ID_TOKEN}, "invalid_request", id="actor token type alone"),
        pytest.param(
            {"actor_token": "x", "actor_token_type": names.ID_TOKEN}, "invalid_request", id="no actor profile"
        ),
        pytest.param({"authorization_details": "[]"}, "invalid_authorization_details", id="RAR"),
        pytest.param({"audience": [CHAT, CHAT]}, "invalid_target", id="two audiences"),
        pytest.param({"audience": "https://elsewhere.example/"}, "invalid_target", id="unknown audience"),
        pytest.param({"audience": ISSUER}, "invalid_target", id="ourselves"),
        pytest.param({"audience": ISSUER + "/"}, "invalid_target", id="ourselves with a slash"),
        pytest.param({"audience": CHAT.upper()}, "invalid_target", id="case"),
        pytest.param({"audience": "https://acme.chat.example:443/"}, "invalid_target", id="port"),
        pytest.param({"resource": "api.chat.example"}, "invalid_target", id="relative resource"),
        pytest.param({"resource": API + "#x"}, "invalid_target", id="resource with fragment"),
        pytest.param({"resource": "https://other.example/"}, "invalid_target", id="ungoverned resource"),
        pytest.param(
            {"resource": [API, "https://other.example/"]}, "invalid_target", id="one of two ungoverned"
        ),
        pytest.param({"scope": "chat.read  chat.history"}, "invalid_scope", id="two spaces"),
        pytest.param({"scope": ["chat.read", "chat.read"]}, "invalid_request", id="scope twice"),
        pytest.param({"subject_token": ["a", "b"]}, "invalid_request", id="subject token twice"),
        pytest.param({"scope": "chat.write"}, "invalid_scope", id="a scope that no rule allows"),
        pytest.param({"scope": "Chat.read"}, "invalid_scope", id="a scope in another case"),
        pytest.param({"scope": "chat"}, "invalid_scope", id="a prefix of a scope"),
        pytest.param({"scope": "openid profile offline_access"}, "invalid_scope", id="login scopes alone"),
        pytest.param(
            {"scope": "files.read", "resource": FILES}, "invalid_scope", id="another resource's scope"
        ),
        pytest.param({"grant_type": "password"}, "unsupported_grant_type", id="password grant"),
        pytest.param({"grant_type": names.JWT_BEARER}, "unsupported_grant_type", id="redeemed at the IdP"),
        pytest.param({"grant_type": "refresh_token"}, "unauthorized_client", id="no refreshing app"),
        pytest.param({"grant_type": None}, "invalid_request", id="no grant type"),
        pytest.param({"client_id": "notes"}, "invalid_request", id="another client_id in the body"),
    ],
)
def test_a_request_that_is_wrong_in_one_thing_is_refused(
    idp: Acme, change: dict[str, Any], error: str
) -> None:
    """XCH-02, 03, 05, 06, XCH-10 to XCH-14, XCH-17, 18, 22, 24, 28, 30, 32, 33, 61."""
    token = idp.sign_in()

    refused = idp.exchange(token, **change)

    assert (refused.status, refused.error, "access_token" in refused.json) == (400, error, False)
    assert refused.header("cache-control") == "no-store"
    assert refused.json["error_description"].endswith(f"(ref {refused.json['decision_id']})")
    assert len([e for e in idp.events() if e["decision_id"] == refused.json["decision_id"]]) == 1
    assert idp.exchange(token).status == 200


@pytest.mark.parametrize(
    ("change", "granted"),
    [
        pytest.param({"audience": CHAT.rstrip("/")}, {"aud": CHAT}, id="the audience without its slash"),
        pytest.param(
            {"resource": "HTTPS://API.chat.example"}, {"resource": API}, id="a resource spelled otherwise"
        ),
        pytest.param({"resource": [API, API]}, {"resource": API}, id="a resource twice is a set"),
        pytest.param(
            {"scope": "chat.history chat.write"}, {"scope": "chat.history"}, id="narrowed to the rule"
        ),
        pytest.param({"scope": "openid chat.read"}, {"scope": "chat.read"}, id="login scopes are left out"),
        pytest.param({"scope": None}, {"scope": "chat.read"}, id="the rule's default scopes"),
        pytest.param({"scope": ""}, {"scope": "chat.read"}, id="an empty scope is absent"),
        pytest.param(
            {"resource": [API, FILES]}, {"resource": [API, FILES], "scope": "chat.read"}, id="two resources"
        ),
        pytest.param(
            {"resource": [API, FILES], "scope": "chat.read chat.history"},
            {"resource": [API, FILES], "scope": "chat.read"},
            id="only scopes of both resources",
        ),
        pytest.param(
            {"resource": None}, {"resource": None, "scope": "chat.read"}, id="nobody narrowed resources"
        ),
        pytest.param(
            {"resource": None, "scope": "chat.history"}, {"resource": API}, id="the one resource that has it"
        ),
        pytest.param({"state": "x", "extra": "y"}, {"scope": "chat.read"}, id="unknown parameters"),
        pytest.param({"client_id": "wiki"}, {"aud": CHAT}, id="the same client_id in the body"),
    ],
)
def test_what_is_asked_otherwise_is_granted_as_registered(
    idp: Acme, change: dict[str, Any], granted: dict[str, Any]
) -> None:
    """XCH-03, XCH-15, XCH-23, XCH-26, XCH-27, XCH-29, XCH-31, XCH-32."""
    answer = idp.exchange(idp.sign_in(), **change)

    grant = answer.grant
    assert {name: grant.get(name) for name in granted} == granted
    assert (answer.json.get("scope"), answer.json.get("resource")) == (
        grant.get("scope"),
        grant.get("resource"),
    )


def test_an_alias_resolves_to_the_issuer() -> None:
    """XCH-16."""
    with acme(state(resource_apps=[chat(aliases=["urn:acme:chat"])])) as idp:
        assert idp.exchange(idp.sign_in(), audience="urn:acme:chat").grant["aud"] == CHAT


def test_the_grant_carries_what_the_resource_app_may_see() -> None:
    """JAG-19 to JAG-22, TEN-07: what an administrator has said, and nothing where nobody has."""
    seen = chat(release=["email", "name"], aud_sub={"attribute": "chat_id"}, aud_tenant="acme")
    with acme(state(resource_apps=[seen])) as idp:
        grant = idp.exchange(idp.sign_in()).grant
        assert (grant["email"], grant["email_verified"], grant["name"]) == (
            "alice@acme.example",
            True,
            "Alice Example",
        )
        assert (grant["aud_sub"], grant["aud_tenant"]) == ("U1", "acme")
    with acme() as idp:
        assert not {"email", "name", "aud_sub", "aud_tenant"} & idp.exchange(idp.sign_in()).grant.keys()


def test_the_subject_is_the_one_that_the_audiences_own_relying_party_gets() -> None:
    """JAG-04, JAG-05: pairwise by the audience's sector, stable, not the requesting client's."""
    relying_party = app("chat-rp", subject_type="pairwise", grants=["authorization_code"])
    apps = [app("wiki"), app("notes"), relying_party]
    with acme(state(apps=apps, resource_apps=[chat(sso_app="chat-rp")])) as idp:
        public = idp.row("subject", "person_id", idp.person("alice"))["sub"]
        token = idp.sign_in()
        first, second = idp.exchange(token).grant["sub"], idp.exchange(token).grant["sub"]
        assert first == second != public
        assert idp.row("subject", "sub", first)["sector"] == "chat-rp.example"


@pytest.mark.parametrize("alg", ["ES256", "RS256", "Ed25519"])
def test_the_grant_is_signed_as_the_resource_app_wants(alg: str) -> None:
    """JAG-02; contract section 4, id_jag_alg."""
    with acme(state(resource_apps=[chat(id_jag_alg=alg)])) as idp:
        token = jws.parse(idp.exchange(idp.sign_in()).json["access_token"], max_bytes=16384)
        assert token.alg == alg
        jws.verify(token, keys=idp.snapshot.keys.verifying(now=NOW), algorithms=(alg,))


def test_a_lifetime_is_the_shortest_and_never_outlives_the_session() -> None:
    """JAG-12, JAG-13, XCH-54."""
    with acme(state(connections=[connection(rules=[rule(lifetime="2m")])])) as idp:
        answer = idp.exchange(idp.sign_in())
        assert (answer.json["expires_in"], answer.grant["exp"] - answer.grant["iat"]) == (120, 120)
        assert idp.exchange(idp.sign_in(session_expiry=NOW + 30)).json["expires_in"] == 30
        assert idp.exchange(idp.sign_in(session_expiry=NOW)).error == "invalid_grant"


def test_every_jti_is_new(idp: Acme) -> None:
    """JAG-10; interop fact 11: one ID token may be exchanged again and again."""
    token = idp.sign_in()
    jtis = [idp.exchange(token).grant["jti"] for _ in range(5)]

    assert len(set(jtis)) == 5


def test_parameters_in_the_url_are_never_honoured(idp: Acme) -> None:
    """XCH-04: not even beside a complete body."""
    body, token = idp.form(idp.sign_in()), idp.sign_in()
    credentials = ("wiki", "wiki-secret-0123456789")

    assert idp.post(body, credentials=credentials, query=f"subject_token={token}").error == "invalid_request"
    assert idp.post("", credentials=credentials, query=body).error == "invalid_request"
    assert idp.post(body, credentials=credentials).status == 200


def test_a_dpop_proof_never_ends_in_an_unbound_grant(idp: Acme) -> None:
    """DPoP is not built: a request with a proof is refused, not quietly answered without a binding."""
    body, credentials = idp.form(idp.sign_in()), ("wiki", "wiki-secret-0123456789")

    refused = idp.post(body, credentials=credentials, dpop="eyJ.eyJ.c2ln")

    assert (refused.status, refused.error) == (400, "invalid_dpop_proof")
    assert idp.post(body, credentials=credentials).status == 200


def test_ids_have_128_random_bits() -> None:
    """JAG-10: what ``new_id`` of the running program gives, jti values included."""
    made = {new_id() for _ in range(1000)}

    assert len(made) == 1000
    assert {len(base64.urlsafe_b64decode(one + "==")) for one in made} == {16}


def test_an_own_id_jag_buys_nothing_here(idp: Acme) -> None:
    """XCH-61, TEN-13: in the same domain a grant of ours is never an assertion, nor are we an audience."""
    grant = idp.exchange(idp.sign_in()).json["access_token"]
    body = f"grant_type={quote(names.JWT_BEARER)}&assertion={grant}"

    assert idp.post(body, credentials=("wiki", "wiki-secret-0123456789")).error == "unsupported_grant_type"
    assert idp.exchange(idp.sign_in(), audience=ISSUER).error == "invalid_target"
