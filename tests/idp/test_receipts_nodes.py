"""One receipt that reaches two nodes of one PostgreSQL at the same moment."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlencode

import pytest

from idjag.idp import keys
from idjag.idp.receipts import Receipts
from idjag.idp.snapshot import Loader, Snapshot
from idjag.idp.store import schema
from idjag.idp.store.ledgers import ledger_of
from idjag.idp.strangers import Strangers
from idjag.ledger.entry import Entry, Event, Facts, Insert, Verdict
from idjag.protocol import receipt
from idjag.protocol.http import Reply, TokenRequest
from idjag.protocol.jose import jws
from tests.cluster import Cluster
from tests.idp.grants.acme import CHAIN_KEY, ISSUER, NOW, SEALER, TENANT, Acme, Clock
from tests.idp.receipts import CHAT_KEY, FORM, Post, assert_alike, policy


@pytest.fixture
def nodes(postgres: Cluster) -> Iterator[list[Post]]:
    """Two endpoints, each over a ledger of its own, and one database."""
    url = postgres.schema()
    schema.upgrade(url)
    with ExitStack() as stack:
        ledgers = [ledger_of(url, load=Loader(SEALER), chain_key=CHAIN_KEY) for _ in range(2)]
        for ledger in ledgers:
            stack.enter_context(ledger)
        ledgers[0].open_tenant(TENANT)
        ledgers[0].commit(Entry(TENANT, "first", NOW, _tenant))
        kids = itertools.count()
        keys.ensure_keys(ledgers[0], SEALER, tenant=TENANT, now=NOW, new_kid=lambda: f"kid-{next(kids)}")
        first = Acme(cast("Any", ledgers[0]), Clock())
        first.apply(policy())
        made = [Post(first), Post(first)]
        elsewhere = replace(first.services, ledger=ledgers[1], new_id=lambda: f"other-{next(kids)}")
        made[1].endpoint = Receipts(elsewhere, Strangers())
        yield made


def _tenant(_snapshot: Snapshot, _facts: Facts) -> Verdict[None]:
    row = Insert("tenant", {"id": TENANT, "name": "default", "issuer": ISSUER, "created": NOW})
    return Verdict(None, [Event("tenant.created", {})], [row], policy_changed=True)


def sent(nodes: list[Post], texts: list[str]) -> list[Reply]:
    """The answers to all of them, sent at once, turn by turn to each node."""
    requests = [
        TokenRequest("POST", b"", (FORM,), urlencode({"receipt": text}).encode(), "192.0.2.1")
        for text in texts
    ]

    async def all_at_once() -> list[Reply]:
        asked = (nodes[number % 2].endpoint(each) for number, each in enumerate(requests))
        return await asyncio.gather(*asked)

    return asyncio.run(all_at_once())


def test_one_receipt_on_two_nodes_is_one_event_and_nine_are_five(nodes: list[Post]) -> None:
    """Architecture section 4: of two that take one place one has it, and the other looks again."""
    post = nodes[0]
    claims = post.claims()
    for reply in sent(nodes, [jws.sign(claims, key=CHAT_KEY, typ=receipt.TYP)] * 8):
        assert_alike(reply)
    assert post.thread(claims["id_jag"]) == ["id_jag.issued", "id_jag.redeemed"]
    jti = post.issued()
    several = [jws.sign(post.claims(id_jag=jti), key=CHAT_KEY, typ=receipt.TYP) for _ in range(9)]
    assert {reply.status for reply in sent(nodes, several)} <= {202, 503}
    assert post.thread(jti) == ["id_jag.issued", *["id_jag.redeemed"] * receipt.MOST]
