"""Receipts: which keys speak for whom, and what many that come at one moment become."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from idjag.idp.receipts import Receipts
from idjag.idp.strangers import Strangers
from idjag.protocol import receipt
from idjag.protocol.http import Reply, TokenRequest
from idjag.protocol.jose import jws
from idjag.trust.fetch import Fetched
from idjag.trust.memory import MemoryFetcher
from idjag.trust.publications import Publications
from tests.idp.grants.acme import ledger_in
from tests.idp.grants.acme_state import chat
from tests.idp.receipts import (
    CHAT_KEY,
    FORM,
    KEYS_AT,
    STRANGER,
    assert_alike,
    jwks,
    policy,
    posted,
)


def test_two_apps_at_one_authorization_server_are_told_apart_by_the_grant() -> None:
    """Issuer and aud_tenant name a resource app together: the grant says which of them it is about."""
    two = [
        chat(receipts={"jwks": jwks(CHAT_KEY)}, aud_tenant="blue"),
        chat(id="chat-red", receipts={"jwks": jwks(STRANGER)}, aud_tenant="red", aliases=["urn:red"]),
    ]
    one = chat(receipts={"jwks": jwks(CHAT_KEY)})
    with posted(text={**policy(), "resource_apps": [one, policy()["resource_apps"][1]]}) as post:
        jti = post.issued()
        post.idp.apply({**policy(), "resource_apps": [*two, policy()["resource_apps"][1]]})
        assert_alike(post.send(post.claims(id_jag=jti), key=STRANGER))
        assert post.counted == ["not issued to it"]
        assert_alike(post.send(post.claims(id_jag=jti)))
        assert post.thread(jti) == ["id_jag.issued", "id_jag.redeemed"]


def test_a_new_issuer_does_not_speak_about_grants_of_the_old_one() -> None:
    """Contract section 6: a jti that we issued to that audience."""
    with posted() as post:
        jti = post.issued()
        moved = chat(issuer="https://new.chat.example/", receipts={"jwks": jwks(CHAT_KEY)})
        post.idp.apply({**policy(), "resource_apps": [moved, policy()["resource_apps"][1]]})
        assert_alike(post.send(post.claims(iss="https://new.chat.example/", id_jag=jti)))
        assert post.thread(jti) == ["id_jag.issued"]
        assert post.counted == ["not issued to it"]


def test_keys_at_an_address_are_fetched_and_follow_a_new_kid() -> None:
    fetcher = MemoryFetcher({KEYS_AT: jwks(CHAT_KEY)})
    with posted(text=policy(jwks_uri=KEYS_AT), publications=Publications(fetcher)) as post:
        assert_alike(post.send(post.claims()))
        assert_alike(post.send(post.claims(), key=STRANGER))
        assert len(post.reported) == 1
        assert fetcher.asked == [KEYS_AT]


def test_keys_that_are_withdrawn_while_they_are_fetched_speak_for_nobody() -> None:
    """The commit rests on the policy of that moment."""

    class Slow(MemoryFetcher):
        def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
            post.idp.apply({**policy(), "resource_apps": [chat(), policy()["resource_apps"][1]]})
            return super().get(url, max_bytes=max_bytes, accept=accept)

    publications = Publications(Slow({KEYS_AT: jwks(CHAT_KEY)}))
    with posted(text=policy(jwks_uri=KEYS_AT), publications=publications) as post:
        claims = post.claims()
        assert_alike(post.send(claims))
        assert post.thread(claims["id_jag"]) == ["id_jag.issued"]
        post.idp.apply(policy(jwks_uri=KEYS_AT))
        assert_alike(post.send(claims))  # the keys are at hand by now
        assert post.thread(claims["id_jag"]) == ["id_jag.issued", "id_jag.redeemed"]


def test_nothing_is_fetched_for_strangers() -> None:
    fetcher = MemoryFetcher({KEYS_AT: jwks(CHAT_KEY)})
    with posted(text=policy(jwks_uri=KEYS_AT), publications=Publications(fetcher)) as post:
        assert_alike(post.send(post.claims(iss="https://evil.example/")))
        assert fetcher.asked == []
        fetcher.documents.clear()
        assert_alike(post.send(post.claims()))
        assert post.reported == []


@pytest.mark.parametrize("nodes", [1, 2])
def test_one_receipt_on_many_connections_at_once_is_one_event(tmp_path: Path, nodes: int) -> None:
    """The place in the thread is taken once, whichever process is first."""
    with posted(tmp_path / "idp.db") as post, ledger_in(tmp_path / "idp.db") as second:
        claims = post.claims()
        text = jws.sign(claims, key=CHAT_KEY, typ=receipt.TYP)
        request = TokenRequest("POST", b"", (FORM,), urlencode({"receipt": text}).encode(), "192.0.2.1")
        other = Receipts(replace(post.idp.services, ledger=second), Strangers())
        ends = [post.endpoint, other][:nodes]

        async def all_at_once() -> list[Reply]:
            return await asyncio.gather(*(ends[n % nodes](request) for n in range(8)))

        for reply in asyncio.run(all_at_once()):
            assert_alike(reply)
        assert post.thread(claims["id_jag"]) == ["id_jag.issued", "id_jag.redeemed"]


def test_many_receipts_of_one_grant_at_once_are_five(tmp_path: Path) -> None:
    with posted(tmp_path / "idp.db") as post:
        jti = post.issued()
        texts = [jws.sign(post.claims(id_jag=jti), key=CHAT_KEY, typ=receipt.TYP) for _ in range(9)]
        requests = [
            TokenRequest("POST", b"", (FORM,), urlencode({"receipt": text}).encode(), "192.0.2.1")
            for text in texts
        ]

        async def all_at_once() -> list[Reply]:
            return await asyncio.gather(*(post.endpoint(request) for request in requests))

        assert {reply.status for reply in asyncio.run(all_at_once())} <= {202, 503}
        assert len(post.thread(jti)) == 1 + receipt.MOST
