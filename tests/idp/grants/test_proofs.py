"""Proofs of possession at the IdP's token endpoint: verified, used once, never ignored."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from idjag.idp.endpoint import ClientEndpoint
from idjag.idp.token import Token
from tests.idp.grants.acme import ISSUER, NOW, Acme, Answer
from tests.proofs import KEY, OTHER_KEY, jkt, proof

TOKEN = f"{ISSUER}/token"


def exchange(idp: Acme, text: str | None, *, token: str | None = None) -> Answer:
    """An exchange that brings this proof."""
    body = idp.form(token or idp.sign_in())
    return idp.post(body, credentials=("wiki", "wiki-secret-0123456789"), dpop=text)


def test_a_grant_is_bound_to_the_key_of_the_proof(idp: Acme) -> None:
    """DPOP-02, DPOP-04, DPOP-06; attack case 102."""
    answer = exchange(idp, proof(TOKEN, now=NOW))

    assert (answer.status, answer.json["token_type"]) == (200, "N_A")
    assert answer.grant["cnf"] == {"jkt": jkt()}
    assert answer.json["cnf"] == {"jkt": jkt()}
    assert [event["cnf_jkt"] for event in idp.events("id_jag.issued")] == [jkt()]


def test_without_a_proof_nothing_is_bound(idp: Acme) -> None:
    """DPOP-05, JAG-24."""
    answer = exchange(idp, None)

    assert "cnf" not in answer.grant
    assert "cnf" not in answer.json


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"htm": "GET"}, id="another method"),
        pytest.param({"htu": "https://idp.acme.example/revoke"}, id="another path"),
        pytest.param({"htu": "https://idp.acme.example.evil/token"}, id="another host"),
        pytest.param({"htu": "http://idp.acme.example/token"}, id="another scheme"),
        pytest.param({"iat": NOW - 3600}, id="an hour old"),
        pytest.param({"iat": NOW + 3600}, id="an hour ahead"),
        pytest.param({"jti": None}, id="no jti"),
        pytest.param({"header": {"typ": "JWT"}}, id="another typ"),
        pytest.param({"header": {"alg": "none"}}, id="alg none"),
        pytest.param({"header": {"jwk": None}}, id="no key"),
    ],
)
def test_a_wrong_proof_is_refused_and_recorded(idp: Acme, wrong: dict[str, Any]) -> None:
    """DPOP-02, DPOP-03; attack case 107: no silent downgrade to an unbound grant."""
    answer = exchange(idp, proof(TOKEN, now=NOW, **wrong))

    assert (answer.status, answer.error) == (400, "invalid_dpop_proof")
    assert [event["reason"] for event in idp.events("id_jag.denied")] == ["dpop_proof_invalid"]


def test_two_proofs_in_one_header_are_refused(idp: Acme) -> None:
    """DPOP-02, attack case 108."""
    two = f"{proof(TOKEN, now=NOW)}, {proof(TOKEN, now=NOW)}"

    assert exchange(idp, two).error == "invalid_dpop_proof"


def test_a_proof_is_good_once(idp: Acme) -> None:
    """DPOP-16, RFC 9449 section 11.1."""
    text = proof(TOKEN, now=NOW)

    assert [exchange(idp, text).error for _ in range(2)] == ["issued", "invalid_dpop_proof"]
    assert [event["inputs"]["fact"] for event in idp.events("id_jag.denied")] == [{"problem": "replayed"}]


def test_a_proof_that_came_with_a_refused_request_is_used_up(idp: Acme) -> None:
    """DPOP-16: consumed whatever is decided."""
    text = proof(TOKEN, now=NOW)
    refused = exchange(idp, text, token="x")

    assert (refused.error, exchange(idp, text).error) == ("invalid_grant", "invalid_dpop_proof")


def test_the_same_jti_of_another_key_is_another_proof(idp: Acme) -> None:
    """DPOP-16: nobody can use up the proofs of others."""
    texts = [proof(TOKEN, now=NOW, jti="same", key=key) for key in (KEY, OTHER_KEY)]

    assert [exchange(idp, text).error for text in texts] == ["issued", "issued"]


def test_a_stranger_s_proof_is_not_looked_at(idp: Acme) -> None:
    """XCH-50: who the client is comes first."""
    body = idp.form(idp.sign_in())
    answer = idp.post(body, credentials=("wiki", "wrong"), dpop="x")

    assert answer.error == "invalid_client"


def demanding(idp: Acme) -> Acme:
    """The same IdP, demanding nonces."""
    services = replace(idp.services, nonce_key=b"n" * 32)
    idp.endpoint = ClientEndpoint(services, Token(idp.grants), uri=TOKEN)
    return idp


def test_where_nonces_are_demanded_the_first_proof_is_told_one(idp: Acme) -> None:
    """DPOP-15, RFC 9449 section 8, attack case 111."""
    first = exchange(demanding(idp), proof(TOKEN, now=NOW))
    nonce = first.header("dpop-nonce")

    assert (first.status, first.error) == (400, "use_dpop_nonce")
    second = exchange(idp, proof(TOKEN, now=NOW, nonce=nonce))
    assert (second.error, second.header("dpop-nonce")) == ("issued", nonce)
    assert [event["reason"] for event in idp.events("id_jag.denied")] == ["use_dpop_nonce"]


@pytest.mark.parametrize("later", [300, 599])
def test_a_nonce_of_the_window_before_still_holds(idp: Acme, later: int) -> None:
    """DPOP-15, attack case 111."""
    nonce = exchange(demanding(idp), None).header("dpop-nonce")
    idp.clock.now += later

    assert exchange(idp, proof(TOKEN, now=NOW + later, nonce=nonce)).error == "issued"


def test_an_older_nonce_does_not(idp: Acme) -> None:
    """DPOP-15, attack case 111."""
    nonce = exchange(demanding(idp), None).header("dpop-nonce")
    idp.clock.now += 900

    assert exchange(idp, proof(TOKEN, now=NOW + 900, nonce=nonce)).error == "use_dpop_nonce"


def test_without_the_demand_no_nonce_is_sent(idp: Acme) -> None:
    assert exchange(idp, None).header("dpop-nonce") is None


def test_two_dpop_headers_are_refused(idp: Acme) -> None:
    """DPOP-02, attack case 108."""
    basic = base64.b64encode(b"wiki:wiki-secret-0123456789")
    headers = [(b"dpop", proof(TOKEN, now=NOW).encode()) for _ in range(2)]

    answer = idp.send(idp.form(idp.sign_in()), [(b"authorization", b"Basic " + basic), *headers])
    assert answer.error in {"invalid_dpop_proof", "invalid_request"}
