"""The receipt: its words, and that an issuer takes no other."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.protocol import receipt
from idjag.protocol.claims import ClaimError
from idjag.protocol.errors import ANSWERS, Reason
from idjag.protocol.receipt import Receipt
from tests.protocol.parts import IDP, NOW, OUT, RAS, changed

TOLD = Receipt(iss=RAS, aud=IDP, jti="r-1", id_jag="j-1", outcome="redeemed", at=NOW - 5)
CLAIMS = receipt.claims(TOLD, iat=NOW)


def test_the_claims_are_eight_and_name_nobody() -> None:
    assert {
        "iss": RAS,
        "aud": IDP,
        "iat": NOW,
        "exp": NOW + 300,
        "jti": "r-1",
        "id_jag": "j-1",
        "outcome": "redeemed",
        "at": NOW - 5,
    } == CLAIMS


@pytest.mark.parametrize("outcome", sorted(receipt.VOCABULARY))
def test_an_issuer_takes_what_was_made_for_it(outcome: str) -> None:
    made = receipt.claims(Receipt(RAS, IDP, "r-1", "j-1", outcome, NOW - 5), iat=NOW)
    told = receipt.accept(made, issuer=IDP, now=NOW)
    assert told == Receipt(RAS, IDP, "r-1", "j-1", outcome, NOW - 5)
    assert told.redeemed is (outcome == "redeemed")


@pytest.mark.parametrize(
    ("changes", "claim", "problem"),
    [
        ({"scope": "chat.read"}, "scope", "unknown"),
        ({"x" * 500: 1}, "x" * 64, "unknown"),
        ({"aud": "https://other.example"}, "aud", "not_ours"),
        ({"aud": [IDP]}, "aud", "not_ours"),
        ({"aud": OUT}, "aud", "not_ours"),
        ({"iat": OUT}, "iat", "missing"),
        ({"iat": True}, "iat", "not_a_number"),
        ({"exp": OUT}, "exp", "missing"),
        ({"exp": NOW + 301}, "exp", "lifetime"),
        ({"exp": NOW}, "exp", "lifetime"),
        ({"iat": NOW - 360, "exp": NOW - 60}, "exp", "expired"),
        ({"iat": NOW + 61, "exp": NOW + 300}, "iat", "in_the_future"),
        ({"at": NOW + 61}, "iat", "in_the_future"),
        ({"at": "now"}, "at", "not_a_number"),
        ({"at": OUT}, "at", "missing"),
        ({"outcome": "delighted"}, "outcome", "unknown"),
        ({"outcome": ["redeemed"]}, "outcome", "not_a_string"),
        ({"outcome": OUT}, "outcome", "missing"),
        ({"iss": OUT}, "iss", "missing"),
        ({"jti": ""}, "jti", "empty"),
        ({"jti": "r" * 256}, "jti", "too_long"),
        ({"id_jag": "j\x00"}, "id_jag", "control_character"),
        ({"id_jag": OUT}, "id_jag", "missing"),
    ],
)
def test_one_thing_that_is_wrong_is_enough(changes: dict[str, Any], claim: str, problem: str) -> None:
    receipt.accept(CLAIMS, issuer=IDP, now=NOW)  # the same without the change
    with pytest.raises(ClaimError) as caught:
        receipt.accept(changed(CLAIMS, changes), issuer=IDP, now=NOW)
    assert (caught.value.claim, caught.value.problem) == (claim, problem)


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": NOW - 359, "exp": NOW - 59},
        {"iat": NOW + 60, "exp": NOW + 300},
        {"at": NOW + 60},
        {"at": NOW - 86_400},
        {"jti": "r" * 255},
    ],
)
def test_what_is_at_the_edge_is_taken(changes: dict[str, Any]) -> None:
    receipt.accept(changed(CLAIMS, changes), issuer=IDP, now=NOW)


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (Reason.REPLAY, "replay"),
        (Reason.EXPIRED, "expired"),
        (Reason.CLIENT_MISMATCH, "wrong_client"),
        (Reason.ACCOUNT_UNKNOWN, "access_denied"),
        (Reason.ACCOUNT_DISABLED, "access_denied"),
        (Reason.SCOPE_NOT_ALLOWED, "invalid_scope"),
        (Reason.UNAVAILABLE, None),
        (Reason.USE_DPOP_NONCE, None),
        (Reason.DPOP_PROOF_INVALID, None),
        (Reason.FAULT, None),
    ],
)
def test_a_refusal_says_no_more_than_its_client_reads(reason: Reason, word: str | None) -> None:
    """RAS-42 holds towards the issuer too: whether a person exists here is not told."""
    assert receipt.word(reason) == word


def test_every_word_of_a_refusal_is_in_the_vocabulary() -> None:
    words = {receipt.word(reason) for reason in ANSWERS} - {None}
    assert words | {receipt.REDEEMED} == receipt.VOCABULARY


def test_refusals_leave_room_for_a_redemption() -> None:
    assert receipt.MOST_REFUSED < receipt.MOST == 5
