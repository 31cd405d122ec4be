"""``/revoke``: an app gives its refresh token back, and nobody learns anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from idjag.idp.audit import Source
from idjag.idp.cors import ForSinglePageApps
from idjag.idp.endpoint import ClientEndpoint
from idjag.idp.grants import GrantRequest
from idjag.idp.revocation import Revocation
from idjag.protocol import names
from idjag.protocol.form import parse
from idjag.protocol.http import Reply, TokenRequest
from idjag.protocol.jose import PrivateKey, jws
from tests.idp.grants.acme import ISSUER, NOW, Acme, acme
from tests.idp.grants.acme_state import app
from tests.idp.grants.offline import (
    PUBLIC,
    apps,
    exchange,
    family,
    introspect,
    offline_state,
    refresh,
    request,
    revoke,
    sign_in,
)

GARBAGE = "bm8gc3VjaCB0b2tlbiBldmVy"


def done(answer: Any) -> bool:
    """The one answer to a revocation, whatever it found."""
    return (answer.status, answer.json, answer.header("cache-control")) == (200, {}, "no-store")


def outcomes(idp: Acme) -> list[tuple[str, str | None]]:
    """Name and reason of the events that are no sign-in and no refresh."""
    return [
        (event["event"], event["reason"])
        for event in idp.events()
        if event["event"] in ("token.revoked", "token.refused", "refused.before_authentication")
    ]


def test_a_revoked_token_is_no_good_for_anything(stay: Acme) -> None:
    """AT-05, AT-06; RFC 7009 section 2.1: neither for a refresh nor as subject token."""
    given, other = sign_in(stay), sign_in(stay)

    answer = revoke(stay, given.refresh_token)

    assert done(answer)
    assert [refresh(stay, given.refresh_token).error, exchange(stay, given.refresh_token).error] == [
        "invalid_grant"
    ] * 2
    assert stay.exchange(given.id_token).status == 200  # the session stands: nobody signed out
    assert exchange(stay, other.refresh_token).status == 200
    (event,) = stay.events("token.revoked")
    assert event["decision_id"] == answer.header("x-decision-id")
    assert (event["subject"], event["requesting_app"]) == (stay.person("alice"), stay.app_id("wiki"))
    assert (event["actor"], event["reason"]) == ({"kind": "app", "id": stay.app_id("wiki")}, None)


def test_an_old_token_of_the_family_ends_it_too(stay: Acme) -> None:
    """An app that lost count gives back what it has; this is no theft."""
    first = sign_in(stay).refresh_token
    newest = refresh(stay, first).json["refresh_token"]
    assert done(revoke(stay, first))
    assert refresh(stay, newest).error == "invalid_grant"
    assert outcomes(stay)[0] == ("token.revoked", None)


@pytest.mark.parametrize("hint", ["refresh_token", "access_token", "something_else"])
def test_a_hint_is_no_more_than_that(stay: Acme, hint: str) -> None:
    """RFC 7009 section 2.1: a wrong hint does not keep the token."""
    token = sign_in(stay).refresh_token
    assert done(revoke(stay, token, token_type_hint=hint))
    assert family(stay, token)["revoked"] == NOW


@pytest.mark.parametrize(
    ("token", "client", "reason"),
    [
        pytest.param(GARBAGE, "wiki", "token_unknown", id="unknown"),
        pytest.param(None, "notes", "refresh_token_client_mismatch", id="of another client"),
    ],
)
def test_what_is_not_the_clients_to_revoke_stays(
    stay: Acme, token: str | None, client: str, reason: str
) -> None:
    """AT-05: the answer is the same as ever, and the log knows better."""
    own = sign_in(stay).refresh_token
    assert done(revoke(stay, token or own, client=client))
    assert outcomes(stay) == [("token.refused", reason)]
    assert refresh(stay, own).status == 200


def test_the_second_time_nothing_happens(stay: Acme) -> None:
    token = sign_in(stay).refresh_token
    assert done(revoke(stay, token))
    stay.clock.now += 10
    assert done(revoke(stay, token))
    assert outcomes(stay) == [("token.revoked", None), ("token.refused", "refresh_token_revoked")]
    assert family(stay, token)["revoked"] == NOW


def test_what_cannot_be_revoked_says_so(stay: Acme) -> None:
    """AT-05, contract section 7: ID tokens and ID-JAGs live for minutes and nobody asks about them."""
    tokens = sign_in(stay)
    grant = exchange(stay, tokens.refresh_token).json["access_token"]
    for ours in (tokens.id_token, grant):
        answer = revoke(stay, ours)
        assert (answer.status, answer.error) == (400, "unsupported_token_type")
    assert outcomes(stay) == [("token.refused", "token_type_unsupported")] * 2
    foreign = jws.sign(tokens.claims, key=PrivateKey.generate("ES256", kid="x"), typ="JWT")
    assert done(revoke(stay, foreign))


def test_a_request_without_a_token_is_not_complete(stay: Acme) -> None:
    assert [revoke(stay, None).error, revoke(stay, "").error] == ["invalid_request"] * 2


def test_a_client_that_is_not_who_it_says_revokes_nothing(stay: Acme) -> None:
    """RFC 7009 section 2.1: authenticated as at the token endpoint."""
    token = sign_in(stay).refresh_token
    assert revoke(stay, token, client_secret="another").error == "invalid_request"
    answer = revoke(stay, token, client="wiki2")
    assert (answer.status, answer.error) == (401, "invalid_client")
    stay.apply(apps(wiki={"status": "disabled"}))
    assert revoke(stay, token).status == 401
    stay.apply(offline_state())
    assert refresh(stay, token).status == 200


@pytest.mark.parametrize("send", [revoke, introspect])
def test_an_assertion_is_good_for_one_request(send: Callable[..., Any]) -> None:
    """CAU-05; attack case 29: here as at the token endpoint."""
    key = PrivateKey.generate("ES256", kid="board-1")
    auth = {"method": "private_key_jwt", "jwks": {"keys": [key.public.to_dict()]}}
    with acme(offline_state(apps=[*offline_state()["apps"], app("board", auth=auth)])) as idp:
        says: dict[str, Any] = {"iss": "board", "sub": "board", "aud": ISSUER, "exp": NOW + 60, "jti": "a-1"}
        proof = {
            "client_assertion": jws.sign(says, key=key, typ="JWT"),
            "client_assertion_type": names.CLIENT_ASSERTION_TYPE,
        }
        answers = [send(idp, GARBAGE, client="board", **proof) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 401]
        assert answers[1].error == "invalid_client"
        assert idp.events("token.refused")[-1]["reason"] == "client_assertion_replay"


def test_a_public_app_revokes_by_its_name_and_strangers_fill_no_log(stay: Acme) -> None:
    """RFC 7009 section 2.1; contract section 9: a name is no proof, the token is."""
    token = sign_in(stay, client="desk").refresh_token
    for garbage in range(5):
        assert done(revoke(stay, f"{GARBAGE}{garbage}", client="desk"))
    assert outcomes(stay) == []
    assert done(revoke(stay, token, client="desk"))
    assert outcomes(stay) == [("token.revoked", None)]
    assert done(revoke(stay, token, client="desk"))
    assert len(outcomes(stay)) == 1


@pytest.mark.parametrize("client", ["desk", "wiki"])
def test_strangers_do_not_take_the_places_of_a_public_app(stay: Acme, client: str) -> None:
    """Promise P13: who only knows the name of an app stands in the line of those whom nobody knows."""
    own = sign_in(stay, client=client).refresh_token

    def line(token: str) -> str:
        asked = GrantRequest(
            parse(f"token={token}".encode()),
            lambda current: current.clients[client],
            consume=(),
            source=Source("d", NOW, "192.0.2.1", ""),
        )
        return asyncio.run(Revocation(stay.ledger).entry(asked, stay.snapshot)).client

    known = stay.app_id(client)
    assert (line(GARBAGE), line(own)) == ("strangers" if client == "desk" else known, known)


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_only_post_is_answered(stay: Acme, method: str) -> None:
    endpoint = ClientEndpoint(stay.services, Revocation(stay.ledger))
    sent = request({"token": GARBAGE}, client="wiki")
    reply = asyncio.run(endpoint(TokenRequest(method, b"", sent.headers, sent.body, sent.source)))
    assert (reply.status, dict(reply.headers)[b"allow"]) == (405, b"POST")


def test_the_page_of_a_single_page_app_may_revoke() -> None:
    """Interop fact 10: as at the token endpoint, and no other origin."""
    board = app("board", kind="spa", **PUBLIC)
    with acme(offline_state(apps=[*offline_state()["apps"], board])) as idp:
        token = sign_in(idp, client="board").refresh_token
        endpoint = ForSinglePageApps(idp.services, ClientEndpoint(idp.services, Revocation(idp.ledger)))

        def allowed(origin: bytes) -> bytes | None:
            sent = request({"token": token}, client="board")
            headers = (*sent.headers, (b"origin", origin))
            reply: Reply = asyncio.run(endpoint(TokenRequest("POST", b"", headers, sent.body, sent.source)))
            return dict(reply.headers).get(b"access-control-allow-origin")

        assert allowed(b"https://board.example") == b"https://board.example"
        assert allowed(b"https://board.example.evil") is None


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda body: body + "&token=x", id="the token twice"),
        pytest.param(lambda body: body.replace("token=", "tok%en="), id="bad encoding"),
    ],
)
def test_a_form_is_read_as_strictly_as_everywhere(stay: Acme, spoil: Callable[[str], str]) -> None:
    token = sign_in(stay).refresh_token
    endpoint = ClientEndpoint(stay.services, Revocation(stay.ledger))
    sent = request({"token": token}, client="wiki")
    body = spoil(sent.body.decode()).encode()
    reply = asyncio.run(endpoint(TokenRequest("POST", b"", sent.headers, body, sent.source)))
    assert reply.status == 400
    assert refresh(stay, token).status == 200
