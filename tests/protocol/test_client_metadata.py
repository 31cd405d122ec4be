"""Client ID metadata documents: which addresses are clients, and what their documents must say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.client_metadata import (
    ClientMetadata,
    MetadataWrong,
    accept,
    looks_like_one,
    url_problem,
)
from idjag.protocol.jose import PrivateKey

ID = "https://client.example/app.json"
KEY = PrivateKey.generate("ES256", kid="one").public.to_dict()
GOOD: dict[str, Any] = {
    "client_id": ID,
    "client_name": "Wiki",
    "redirect_uris": ["https://client.example/callback", "http://127.0.0.1/callback"],
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks": {"keys": [KEY]},
    "grant_types": ["authorization_code", names.TOKEN_EXCHANGE, names.JWT_BEARER],
    "authorization_grant_profiles_supported": [names.ID_JAG_PROFILE],
    "logo_uri": "https://client.example/logo.png",
}


def document(**changes: Any) -> bytes:
    """The good one with changes; None takes a member out."""
    return json.dumps({name: value for name, value in (GOOD | changes).items() if value is not None}).encode()


def problem(body: bytes, *, client_id: str = ID) -> str:
    with pytest.raises(MetadataWrong) as wrong:
        accept(body, client_id=client_id)
    assert wrong.value.problem.isprintable()
    return wrong.value.problem


def test_a_good_document_says_how_the_client_authenticates_and_where_people_come_back_to() -> None:
    """CAU-10, the positive control; members that we do not use are nobody's problem."""
    found = accept(document(), client_id=ID)
    assert (found.client_id, found.method) == (ID, "private_key_jwt")
    assert found.redirect_uris == ("https://client.example/callback", "http://127.0.0.1/callback")
    assert found.keys is not None
    assert [key.kid for key in found.keys.keys] == ["one"]
    assert (found.jwks_uri, found.algorithms) == (None, names.ASYMMETRIC)


def test_a_public_client_has_no_keys_that_count() -> None:
    """The draft's section 6: none is a method like any other; keys for something else are left alone."""
    found = accept(document(token_endpoint_auth_method="none"), client_id=ID)
    assert found == ClientMetadata(ID, "none", tuple(GOOD["redirect_uris"]))
    assert (
        accept(document(token_endpoint_auth_method="none", redirect_uris=None), client_id=ID).redirect_uris
        == ()
    )


@pytest.mark.parametrize(
    ("claimed", "said"),
    [
        (None, "has no client_id"),
        (1, "has no client_id"),
        ([ID], "has no client_id"),
        ("https://client.example/other.json", "another one"),
        ("https://evil.example/app.json", "another one"),
        (f"{ID}/", "only by a slash or by case"),
        ("https://Client.example/app.json", "only by a slash or by case"),
        ("https://client.example:443/app.json", "another one"),
        (f"{ID}#", "another one"),
        ("x\r\n\u202eFAKE" + "y" * 500, "another one"),
    ],
)
def test_the_client_id_is_compared_as_text(claimed: Any, said: str) -> None:
    """CAU-10, attack case 182: a document speaks for the address that it was fetched from, and no other."""
    text = problem(document(client_id=claimed))
    assert said in text
    assert len(text) < 300


@pytest.mark.parametrize(
    "method",
    ["client_secret_basic", "client_secret_post", "client_secret_jwt", "tls_client_auth", "", 1, ["none"]],
)
def test_a_method_that_shares_a_secret_or_is_not_ours_is_refused(method: Any) -> None:
    """CAU-12, attack case 41."""
    assert "token_endpoint_auth_method" in problem(document(token_endpoint_auth_method=method))


def test_a_document_without_a_method_means_a_shared_secret() -> None:
    """RFC 7591 section 2: left out is client_secret_basic; CAU-12."""
    assert "has no token_endpoint_auth_method" in problem(document(token_endpoint_auth_method=None))


@pytest.mark.parametrize("name", ["client_secret", "client_secret_expires_at"])
@pytest.mark.parametrize("value", ["canary", 0, ""])
@pytest.mark.parametrize("method", ["private_key_jwt", "none"])
def test_a_document_with_a_secret_is_refused_and_the_secret_not_repeated(
    name: str, value: Any, method: str
) -> None:
    """CAU-12, attack case 41."""
    text = problem(document(**{name: value, "token_endpoint_auth_method": method}))
    assert name in text
    assert "canary" not in text


def test_a_secret_that_is_null_is_refused_too() -> None:
    """CAU-12: whoever wrote it meant another kind of registration."""
    assert "client_secret" in problem(json.dumps({**GOOD, "client_secret": None}).encode())


@pytest.mark.parametrize(
    ("jwks", "jwks_uri", "said"),
    [
        (None, None, "jwks or jwks_uri"),
        (GOOD["jwks"], "https://client.example/jwks", "not both"),
        ([], None, "not a JWK Set"),
        ({}, None, "not a JWK Set"),
        ({"keys": []}, None, "empty"),
        ({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, None, "no usable key"),
        ({"keys": [{**KEY, "d": "AA"}]}, None, "key_private"),
        ({"keys": [KEY, KEY]}, None, "kid_duplicate"),
        (None, "https://keys.example/jwks", "another origin"),
        (None, "https://client.example:8443/jwks", "another origin"),
        (None, "http://client.example/jwks", "another origin"),
        (None, "https://client.example.evil.example/jwks", "another origin"),
        (None, "https://client.example@evil.example/jwks", "not a URL"),
        (None, "/jwks", "not a URL"),
        (None, 1, "not a URL"),
    ],
)
def test_keys_are_in_the_document_or_on_its_origin(jwks: Any, jwks_uri: Any, said: str) -> None:
    """CAU-06, attack case 182."""
    assert said in problem(document(jwks=jwks, jwks_uri=jwks_uri))


@pytest.mark.parametrize("uri", ["https://client.example/keys", "https://CLIENT.example:443/keys?v=2"])
def test_keys_on_the_same_origin_are_found(uri: str) -> None:
    """CAU-06: the positive control of the origins above."""
    found = accept(document(jwks=None, jwks_uri=uri), client_id=ID)
    assert (found.jwks_uri, found.keys) == (uri, None)


def test_a_weak_key_costs_its_neighbours_nothing() -> None:
    """Attack case 120."""
    found = accept(document(jwks={"keys": [{"kty": "oct", "k": "AA"}, KEY]}), client_id=ID)
    assert found.keys is not None
    assert [key.kid for key in found.keys.keys] == ["one"]


@pytest.mark.parametrize(
    ("alg", "expected"), [("ES256", "ES256"), ("EdDSA", "Ed25519"), ("Ed25519", "Ed25519")]
)
def test_a_document_may_name_its_one_algorithm(alg: str, expected: str) -> None:
    """CAU-06: alg per registration."""
    assert accept(document(token_endpoint_auth_signing_alg=alg), client_id=ID).algorithms == (expected,)


@pytest.mark.parametrize("alg", ["HS256", "none", "PS256", "", 1, ["ES256"]])
def test_another_algorithm_is_refused(alg: Any) -> None:
    """CAU-06."""
    assert "signing_alg" in problem(document(token_endpoint_auth_signing_alg=alg))


@pytest.mark.parametrize(
    ("uris", "said"),
    [
        ("https://client.example/callback", "not a list"),
        ([1], "not a list"),
        (["https://client.example/callback", "javascript:alert(1)"], "number 2"),
        (["https://client.example/x/../callback"], "no . or .."),
        (["https://*.client.example/"], "wildcards"),
        ([f"https://client.example/{number}" for number in range(51)], "more than 50"),
    ],
)
def test_redirect_uris_are_held_to_the_rules_of_our_own_registration(uris: Any, said: str) -> None:
    """Attack cases 136 to 138: one that is wrong condemns the document."""
    assert said in problem(document(redirect_uris=uris))


@pytest.mark.parametrize(
    ("grants", "said"),
    [
        (None, "token-exchange"),
        ([], "token-exchange"),
        ([names.TOKEN_EXCHANGE], "jwt-bearer"),
        ([names.JWT_BEARER], "token-exchange"),
        ("all", "not a list"),
    ],
)
def test_who_lists_the_profile_lists_both_of_its_grants(grants: Any, said: str) -> None:
    """CAU-14."""
    assert said in problem(document(grant_types=grants))


@pytest.mark.parametrize("profiles", [None, [], ["urn:example:other"]])
def test_who_does_not_list_the_profile_need_not(profiles: Any) -> None:
    """CAU-14: the positive control."""
    body = document(authorization_grant_profiles_supported=profiles, grant_types=["authorization_code"])
    assert accept(body, client_id=ID).client_id == ID


def test_a_list_of_profiles_that_is_none_is_refused() -> None:
    """CAU-14: what cannot be read is not ignored."""
    assert "not a list" in problem(document(authorization_grant_profiles_supported="id-jag"))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html></html>", id="HTML"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'{"client_id":"a","client_id":"b"}', id="repeated member"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param(b'{"x":' + b"[" * 500 + b"]" * 500 + b"}", id="deep"),
        pytest.param(document(x="y" * 5120), id="longer than 5 KB"),
    ],
)
def test_what_is_not_a_small_strict_json_object_is_refused(body: bytes) -> None:
    """CAU-10, attack cases 179 and 182."""
    assert "not a JSON object" in problem(body)


def test_a_document_of_exactly_five_kilobytes_is_read() -> None:
    """CAU-10: the positive control of the size."""
    body = document()
    assert accept(body[:-1] + b" " * (5120 - len(body)) + b"}", client_id=ID).client_id == ID


@pytest.mark.parametrize(
    "url",
    [
        ID,
        "https://client.example:8443/app",
        "https://client.example/a/b/",
        "https://client.example/app?v=1",
        "https://client.example/..app/a.b",
        "https://xn--bcher-kva.example/app",
    ],
)
def test_these_addresses_can_be_clients(url: str) -> None:
    """CAU-10: a port and a query are allowed."""
    assert url_problem(url, loopback=False) is None


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://client.example/app.json", id="http"),
        pytest.param("HTTPS://client.example/app.json", id="upper-case scheme"),
        pytest.param("https://client.example", id="no path"),
        pytest.param("https://client.example/", id="root"),
        pytest.param("https://client.example?x=/a", id="query for a path"),
        pytest.param("https://client.example/app.json#a", id="fragment"),
        pytest.param("https://client.example/app.json#", id="empty fragment"),
        pytest.param("https://user@client.example/app.json", id="user"),
        pytest.param("https://user:pw@client.example/app.json", id="password"),
        pytest.param("https://client.example/./app.json", id="dot"),
        pytest.param("https://client.example/a/../app.json", id="dots"),
        pytest.param("https://client.example/a/%2e%2e/app.json", id="dots, encoded"),
        pytest.param("https://client.example/a/%2E/app.json", id="dot, encoded"),
        pytest.param("https://client.example/a/.%2e/app.json", id="dots, half encoded"),
        pytest.param("https://client.example/a/..;x/app.json", id="dots with a parameter"),
        pytest.param("https://client.example/a/..", id="dots at the end"),
        pytest.param("https://client.example\\@evil.example/a", id="backslash"),
        pytest.param("https://client.example/a b", id="space"),
        pytest.param("https://client.example/a\tb", id="tab"),
        pytest.param("https://client.exämple/app", id="not ASCII"),
        pytest.param("https:///app.json", id="no host"),
        pytest.param("ftp://client.example/app.json", id="ftp"),
        pytest.param("wiki", id="a name"),
        pytest.param("", id="empty"),
    ],
)
def test_these_cannot(url: str) -> None:
    """CAU-10, attack case 182."""
    assert url_problem(url, loopback=True)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/app.json", "http://localhost/app", "http://[::1]/a", "https://localhost/a"]
)
def test_a_client_on_this_machine_is_for_an_issuer_on_this_machine(url: str) -> None:
    """The draft's section 6 on addresses: loopback only while the authorization server is there too."""
    assert url_problem(url, loopback=True) is None
    assert "loopback" in (url_problem(url, loopback=False) or "")


def test_every_address_is_in_the_name_space_of_documents() -> None:
    """No local name may look like one."""
    assert [looks_like_one(text) for text in (ID, "HTTPS://x", "http://x", "wiki", "urn:x", "https:x")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_what_changed_in_a_document_is_named() -> None:
    """The draft's section 6 on changes: keys and addresses are what an administrator wants to hear of."""
    before = accept(document(), client_id=ID)
    assert (
        accept(
            document(client_name="Other", redirect_uris=GOOD["redirect_uris"][::-1]), client_id=ID
        ).changes(before)
        == ()
    )
    other = PrivateKey.generate("ES256", kid="one").public.to_dict()
    assert accept(document(jwks={"keys": [other]}), client_id=ID).changes(before) == ("jwks",)
    moved = document(jwks=None, jwks_uri="https://client.example/k", token_endpoint_auth_signing_alg="ES256")
    assert accept(moved, client_id=ID).changes(before) == (
        "jwks",
        "jwks_uri",
        "token_endpoint_auth_signing_alg",
    )
    public = document(token_endpoint_auth_method="none", redirect_uris=[])
    assert accept(public, client_id=ID).changes(before) == (
        "token_endpoint_auth_method",
        "redirect_uris",
        "jwks",
    )
