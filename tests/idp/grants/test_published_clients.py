"""Apps that publish how they authenticate: documents at their client_id, key sets at their jwks_uri."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.jose import PrivateKey
from idjag.trust.fetch import Fetched
from idjag.trust.memory import MemoryFetcher
from idjag.trust.outbound import FetchFailed
from tests.idp.grants.acme import acme, app, state
from tests.idp.grants.published import (
    KEY,
    LIMITS,
    NEXT,
    STRANGER,
    URL,
    Client,
    approved,
    document,
    key_set,
)
from tests.trust.pages import Pages, fetcher_to
from tests.trust.servers import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_an_approved_app_exchanges_by_the_keys_in_its_document(authority: Authority) -> None:
    """CAU-10, CAU-13, JAG-09: over real TLS; its name at the resource app is the same URL."""
    with Pages(tls=authority.context("client.example")) as pages:
        url = pages.url("/app.json", "client.example")
        pages.documents["/app.json"] = document(client_id=url, redirect_uris=None)
        with acme(approved(client_id=url)) as idp:
            client = Client(idp, fetcher_to(authority))
            answers = [client.exchange() for _ in range(3)]
            assert [answer.status for answer in answers] == [200] * 3, answers[0].json
            assert answers[0].grant["client_id"] == url
            assert pages.paths == ["/app.json"]
            issued = idp.events("id_jag.issued")[-1]
            assert issued["client_id_at_resource"] == url


def test_keys_may_stand_on_the_documents_own_origin(authority: Authority) -> None:
    """CAU-06: jwks_uri of a document, over real TLS."""
    with Pages(tls=authority.context("client.example")) as pages:
        url, keys = (pages.url(path, "client.example") for path in ("/app.json", "/keys"))
        pages.documents |= {
            "/app.json": document(client_id=url, jwks=None, jwks_uri=keys, redirect_uris=None),
            "/keys": key_set(KEY),
        }
        with acme(approved(client_id=url)) as idp:
            client = Client(idp, fetcher_to(authority))
            assert [client.exchange().status, client.exchange().status] == [200, 200]
            client.refused(client.exchange(STRANGER), "client_assertion_invalid")
            assert pages.paths == ["/app.json", "/keys"]


def test_an_app_of_a_plain_name_may_publish_its_keys(authority: Authority) -> None:
    """CAU-06: fetched once, kept."""
    with Pages(tls=authority.context("client.example")) as pages:
        pages.documents["/keys"] = key_set(KEY)
        auth = {"method": "private_key_jwt", "jwks_uri": pages.url("/keys", "client.example")}
        with acme(state(apps=[app("wiki", auth=auth), app("notes")])) as idp:
            client = Client(idp, fetcher_to(authority))
            answer = client.exchange()
            assert answer.grant["client_id"] == "wiki-at-chat"
            client.refused(client.exchange(STRANGER), "client_assertion_invalid")
            assert pages.paths == ["/keys"]


WRONG: list[Any] = [
    pytest.param(document(client_id=f"{URL}x"), "another one", id="client_id is another"),
    pytest.param(document(client_id=f"{URL}/"), "only by a slash", id="client_id with a slash"),
    pytest.param(document(token_endpoint_auth_method="client_secret_basic"), "shared secret", id="Basic"),
    pytest.param(document(token_endpoint_auth_method="client_secret_jwt"), "shared secret", id="secret JWT"),
    pytest.param(
        document(token_endpoint_auth_method=None), "has no token_endpoint_auth_method", id="no method"
    ),
    pytest.param(document(client_secret="canary"), "client_secret", id="a secret"),
    pytest.param(
        document(jwks=None, jwks_uri="https://keys.example/"), "another origin", id="keys elsewhere"
    ),
    pytest.param(document(jwks={"keys": []}), "no usable key", id="no key"),
    pytest.param(document(redirect_uris=["javascript:alert(1)"]), "redirect_uris", id="a script"),
    pytest.param(
        document(
            authorization_grant_profiles_supported=[names.ID_JAG_PROFILE], grant_types=[names.JWT_BEARER]
        ),
        "token-exchange",
        id="profile without its grants",
    ),
    pytest.param(document(padding="x" * 5120), "longer than 5120 bytes", id="more than 5 KB"),
    pytest.param(b"<html></html>", "not a JSON object", id="HTML"),
    pytest.param(b'{"client_id":"a","client_id":"b"}', "duplicate_member", id="repeated member"),
    pytest.param(Fetched(200, b"{}", {"content-type": "text/html"}), "text/html", id="HTML by its type"),
    pytest.param(Fetched(200, b"{}", {"content-type": "text/plain"}), "text/plain", id="plain text"),
    pytest.param(FetchFailed(f"{URL}: 302; redirects are not followed"), "redirects", id="redirect"),
    pytest.param(FetchFailed(f"{URL}: 404"), "404", id="not found"),
]


@pytest.mark.parametrize(("wrong", "problem"), WRONG)
def test_a_document_that_may_not_be_believed_authenticates_nobody_and_is_not_kept(
    memory: tuple[Client, MemoryFetcher], wrong: Any, problem: str
) -> None:
    """CAU-10, CAU-12, CAU-14, attack cases 41 and 182: invalid_client; the administrator reads why."""
    client, fetcher = memory
    fetcher.documents[URL] = wrong
    said = client.refused(client.exchange(), "client_metadata_unavailable")
    assert problem in said
    assert "canary" not in json.dumps(client.idp.events())
    fetcher.documents[URL] = document()
    client.seconds += LIMITS.retry
    assert client.exchange().status == 200


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "application/client-metadata+json"]
)
def test_a_document_may_have_a_type_of_its_own_that_is_json(
    memory: tuple[Client, MemoryFetcher], media_type: str
) -> None:
    """The draft's section 4.1: application/json or application/...+json."""
    client, fetcher = memory
    body = json.dumps(document()).encode()
    fetcher.documents[URL] = Fetched(200, body, {"content-type": media_type})
    assert client.exchange().status == 200


def test_a_failure_is_tried_again_after_a_pause_and_not_by_every_request(
    memory: tuple[Client, MemoryFetcher],
) -> None:
    """CAU-11: an error is not kept as the truth, and a stranger cannot make us fetch at will."""
    client, fetcher = memory
    fetcher.documents[URL] = FetchFailed(f"{URL}: 500")
    for _ in range(30):  # more than would stop one who guesses
        client.refused(client.exchange(), "client_metadata_unavailable")
    assert fetcher.asked == [URL]
    client.seconds += LIMITS.retry
    fetcher.documents[URL] = document()
    assert client.exchange().status == 200


def test_a_good_document_outlives_an_outage_for_a_known_time(memory: tuple[Client, MemoryFetcher]) -> None:
    """CAU-11, promise P19: until max_stale, and not longer."""
    client, fetcher = memory
    assert client.exchange().status == 200
    fetcher.documents[URL] = FetchFailed(f"{URL}: connection refused")
    client.seconds += LIMITS.max_stale
    assert client.exchange().status == 200
    client.seconds += 1
    said = client.refused(client.exchange(), "client_metadata_unavailable")
    assert "not renewed for over 3600 seconds" in said


def test_a_key_that_the_client_took_back_stops_with_the_documents_time(
    memory: tuple[Client, MemoryFetcher],
) -> None:
    """The client rotates by publishing: an unknown kid is looked for at once, an old one ends in time."""
    client, fetcher = memory
    assert client.exchange().status == 200
    fetcher.documents[URL] = document(jwks=key_set(NEXT))
    assert client.exchange().status == 200
    client.seconds += LIMITS.cooldown
    assert client.exchange(NEXT).status == 200
    assert fetcher.asked == [URL, URL]
    client.refused(client.exchange(), "client_assertion_invalid")
    assert fetcher.asked == [URL, URL]


def test_invented_kids_cause_one_fetch_in_a_while(memory: tuple[Client, MemoryFetcher]) -> None:
    """CAU-06: unknown kid, one throttled refresh."""
    client, fetcher = memory
    assert client.exchange().status == 200
    client.seconds += LIMITS.cooldown
    for _ in range(10):
        client.refused(client.exchange(NEXT), "client_assertion_invalid")
    assert fetcher.asked == [URL, URL]


def test_a_document_names_its_one_algorithm(memory: tuple[Client, MemoryFetcher]) -> None:
    """CAU-06: alg per registration."""
    client, fetcher = memory
    rsa = PrivateKey.generate("RS256", kid="rsa")
    fetcher.documents[URL] = document(jwks=key_set(KEY, rsa), token_endpoint_auth_signing_alg="RS256")
    assert client.exchange(rsa).status == 200
    client.refused(client.exchange(KEY), "client_assertion_invalid")


def test_a_public_document_gets_no_grant_for_another_app(memory: tuple[Client, MemoryFetcher]) -> None:
    """XCH-51, attack case 40: a document that says none is a public client, whatever the rules allow."""
    client, fetcher = memory
    fetcher.documents[URL] = document(token_endpoint_auth_method="none", jwks=None)
    alone: dict[str, Any] = {"client_assertion": None, "client_assertion_type": None, "client_id": URL}
    client.refused(client.exchange(**alone), "client_public", "unauthorized_client")
    client.refused(client.exchange(), "client_method_wrong")
    fetcher.documents[URL] = document()
    client.seconds += LIMITS.longest
    client.refused(client.exchange(**alone), "client_credentials_missing")
    assert client.exchange().status == 200
