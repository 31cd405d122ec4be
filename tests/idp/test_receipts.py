"""The receipt endpoint: what is taken is one event of the grant's thread, and nobody learns a thing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idjag.protocol import receipt
from idjag.protocol.http import TokenRequest
from idjag.protocol.jose import base64url, jws
from tests.idp.grants.acme import ISSUER, NOW, Acme, Clock, acme, ledger_in
from tests.idp.grants.acme_state import chat
from tests.idp.receipts import (
    CHAT_KEY,
    FILES_KEY,
    FILES_RAS,
    FORM,
    STRANGER,
    Post,
    assert_alike,
    jwks,
    policy,
    posted,
)


@pytest.fixture(scope="module")
def standing() -> Iterator[Acme]:
    """One IdP for many tests that change none of its rules."""
    with acme(policy()) as idp:
        yield idp


def test_a_receipt_joins_the_thread_of_its_grant() -> None:
    """Contract sections 6 and 9: issued and redeemed, the same ids in both."""
    with posted() as post:
        claims = post.claims()
        reply = post.send(claims)
        assert_alike(reply)
        assert post.thread(claims["id_jag"]) == ["id_jag.issued", "id_jag.redeemed"]
        (issued,), (told,) = post.idp.events("id_jag.issued"), post.reported
        for name in ("jti", "subject", "requesting_app", "resource_app", "audience", "profile"):
            assert told[name] == issued[name] is not None
        assert told["actor"] == {"kind": "resource_app", "id": issued["resource_app"]}
        assert told["reason"] is None
        assert told["inputs"] == {"reported_by": "ras", "receipt": claims["jti"], "at": NOW}
        assert told["decision_id"] == json.loads(reply.body)["decision_id"]
        assert post.counted == []


def test_a_redemption_and_its_replay_are_both_in_the_thread() -> None:
    with posted() as post:
        jti = post.issued()
        post.send(post.claims(id_jag=jti))
        assert_alike(post.send(post.claims(id_jag=jti, outcome="replay")))
        assert post.thread(jti) == ["id_jag.issued", "id_jag.redeemed", "id_jag.refused"]
        assert post.idp.events("id_jag.refused")[0]["reason"] == "replay"


def test_the_same_receipt_again_is_the_same_event() -> None:
    """A server that did not hear our answer sends it again, signed anew."""
    with posted() as post:
        claims = post.claims()
        post.send(claims)
        post.idp.clock.now += 7200
        now = post.idp.clock()
        assert_alike(post.send({**claims, "iat": now, "exp": now + 300}))
        assert post.thread(claims["id_jag"]) == ["id_jag.issued", "id_jag.redeemed"]
        assert post.counted == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"id_jag": "never-issued"}, "not issued to it"),
        ({"aud": "https://idp.globex.example"}, "not_ours"),
        ({"aud": [ISSUER]}, "not_ours"),
        ({"iss": "https://acme.chat.example"}, "nobody reports under this issuer"),
        ({"iss": FILES_RAS}, "signature"),
        ({"iss": 7}, "no iss"),
        ({"exp": NOW + 301}, "lifetime"),
        ({"iat": NOW - 400, "exp": NOW - 100}, "expired"),
        ({"iat": NOW + 120, "exp": NOW + 300}, "in_the_future"),
        ({"at": NOW + 120}, "in_the_future"),
        ({"at": NOW - 120}, "before it was issued"),
        ({"outcome": "sold"}, "unknown"),
        ({"sub": "alice"}, "unknown"),
        ({"jti": None}, "missing"),
        ({"id_jag": "a\x00b"}, "control_character"),
    ],
)
def test_one_wrong_claim_is_counted_and_answered_like_all(
    standing: Acme, changes: dict[str, Any], problem: str
) -> None:
    """Contract section 6: anything else is 202 and a counter."""
    post = Post(standing)
    assert_alike(post.send(post.claims(**changes)))
    assert post.reported == []
    assert post.counted == [problem]
    assert_alike(post.send(post.claims()))
    assert len(post.reported) == 1


def test_the_grant_of_another_server_is_none_that_anybody_knows() -> None:
    """Whether that jti was ever issued is not to be had: neither from the answer nor from the counter."""
    with posted() as post:
        other = post.issued(audience=FILES_RAS, resource=None, scope="files.read")
        theirs = post.send(post.claims(id_jag=other))
        nobodys = post.send(post.claims(id_jag="never-issued"))
        assert theirs.status == nobodys.status
        assert json.loads(theirs.body).keys() == json.loads(nobodys.body).keys()
        assert post.counted == ["not issued to it"]  # one event for both
        assert post.thread(other) == ["id_jag.issued"]
        assert_alike(post.send(post.claims(iss=FILES_RAS, id_jag=other), key=FILES_KEY))
        assert post.thread(other) == ["id_jag.issued", "id_jag.redeemed"]


def test_a_key_speaks_for_its_own_resource_app_alone() -> None:
    with posted() as post:
        assert_alike(post.send(post.claims(), key=STRANGER))
        assert_alike(post.send(post.claims(), key=FILES_KEY))
        assert post.reported == []


@pytest.mark.parametrize("typ", ["JWT", "oauth-id-jag+jwt", "logout+jwt", "at+jwt"])
def test_another_type_is_no_receipt_whatever_it_says(standing: Acme, typ: str) -> None:
    post = Post(standing)
    assert_alike(post.send(post.claims(), typ=typ))
    assert (post.reported, post.counted) == ([], ["typ"])


def test_an_unsigned_receipt_and_one_under_a_secret_are_none() -> None:
    with posted() as post:
        parts = [json.dumps(post.claims()).encode(), b"x"]
        for alg in ("none", "HS256", "nOnE"):
            header = json.dumps({"alg": alg, "typ": receipt.TYP, "kid": "chat-1"}).encode()
            assert_alike(post.raw(".".join(base64url.encode(part) for part in (header, *parts))))
        assert (post.reported, post.counted) == ([], ["algorithm"])


def test_at_most_five_of_a_grant_and_one_of_them_is_kept_for_its_redemption() -> None:
    with posted() as post:
        jti = post.issued()
        for _ in range(6):
            assert_alike(post.send(post.claims(id_jag=jti, outcome="wrong_client")))
        assert post.thread(jti) == ["id_jag.issued", *["id_jag.refused"] * 4]
        for _ in range(3):
            assert_alike(post.send(post.claims(id_jag=jti)))
        assert post.thread(jti) == ["id_jag.issued", *["id_jag.refused"] * 4, "id_jag.redeemed"]
        assert post.counted == ["enough was reported of it"]


def test_who_may_report_is_what_the_administrator_says_now() -> None:
    """Without ``receipts``, or disabled, nothing is taken; switched on again, it is."""
    with posted() as post:
        for resource_app in (chat(), chat(receipts={"jwks": jwks(STRANGER)})):
            claims = post.claims()
            post.idp.apply({**policy(), "resource_apps": [resource_app, policy()["resource_apps"][1]]})
            assert_alike(post.send(claims))
            assert post.reported == []
            post.idp.apply(policy())
        claims = post.claims()
        post.idp.apply(
            {**policy(), "resource_apps": [chat(receipts={"jwks": jwks(CHAT_KEY)}, status="disabled"),
                                           policy()["resource_apps"][1]]}
        )  # fmt: skip
        assert_alike(post.send(claims))
        assert post.reported == []
        post.idp.apply(policy())
        assert_alike(post.send(claims))
        assert len(post.reported) == 1


def test_another_process_has_just_allowed_it(tmp_path: Path) -> None:
    """Nobody sends one again that was answered: before it is thrown away, the policy is looked at anew."""
    with posted(
        tmp_path / "idp.db", {**policy(), "resource_apps": [chat(), policy()["resource_apps"][1]]}
    ) as post:
        claims = post.claims()
        before = post.idp.services.snapshot
        with ledger_in(tmp_path / "idp.db") as elsewhere:
            Acme(elsewhere, Clock()).apply(policy())
        assert post.idp.services.snapshot is before
        assert_alike(post.send(claims))
        assert len(post.reported) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_only_a_post_is_looked_at(method: str) -> None:
    with posted() as post:
        reply = post.ask(TokenRequest(method, b"", (FORM,), b"", "192.0.2.10"))
        assert reply.status == 405
        assert dict(reply.headers)[b"allow"] == b"POST"


def test_another_media_type_is_415() -> None:
    with posted() as post:
        text = jws.sign(post.claims(), key=CHAT_KEY, typ=receipt.TYP)
        header = (b"content-type", b"application/jwt")
        assert post.ask(TokenRequest("POST", b"", (header,), text.encode(), "192.0.2.1")).status == 415


def test_what_is_no_form_of_one_receipt_is_answered_like_all() -> None:
    with posted() as post:
        good = jws.sign(post.claims(), key=CHAT_KEY, typ=receipt.TYP)
        for reply in (
            post.raw(),
            post.raw(good, good),
            post.raw("not a jwt"),
            post.raw(good + "x" * 5000),
            post.ask(TokenRequest("POST", b"receipt=" + good.encode(), (FORM,), b"", "192.0.2.1")),
            post.ask(TokenRequest("POST", b"", (FORM,), b"receipt=%ff", "192.0.2.1")),
        ):
            assert_alike(reply)
        assert post.reported == []
        assert_alike(post.raw(good))
        assert len(post.reported) == 1


def test_who_sends_in_vain_again_and_again_is_told_to_wait() -> None:
    with posted(borne=3) as post:
        good = jws.sign(post.claims(), key=CHAT_KEY, typ=receipt.TYP)
        for _ in range(3):
            assert_alike(post.raw("nonsense"))
        stopped = post.raw(good)
        assert stopped.status == 429
        assert int(dict(stopped.headers)[b"retry-after"]) == 60
        assert_alike(post.raw(good, source="198.51.100.3"))  # somebody else is not stopped
        post.idp.clock.now += 60
        assert_alike(post.raw("nonsense"))


def test_an_end_of_the_ledger_is_503_so_that_it_is_sent_again() -> None:
    with posted() as post:
        claims = post.claims()
        post.idp.ledger.close()
        reply = post.send(claims)
        assert reply.status == 503
        assert b"retry-after" in dict(reply.headers)
