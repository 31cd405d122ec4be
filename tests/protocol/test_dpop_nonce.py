"""Server nonces for DPoP proofs: who made them, for whom, and until when (RFC 9449 section 8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.protocol import dpop_nonce
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.form import parse
from tests.protocol.parts import IDP, NOW, RAS, outcome, refusal
from tests.protocol.possession import accepted, with_claims

SECRET = b"k" * 32
WINDOW = 300
START = NOW - NOW % WINDOW
NONCE = dpop_nonce.make(SECRET, scope=IDP, now=START)


def refused_for(nonce: str | None, *, key: bytes = SECRET, scope: str = IDP, now: int = START) -> str:
    refused = refusal(lambda: dpop_nonce.check(nonce, key, scope=scope, now=now))
    assert refused.reason is Reason.USE_DPOP_NONCE
    return refused.fact["problem"]


@pytest.mark.parametrize(
    "now", [START, START + 1, START + WINDOW - 1, START + WINDOW, START + 2 * WINDOW - 1]
)
def test_a_nonce_is_good_in_its_window_and_the_next(now: int) -> None:
    """DPOP-15, attack case 111: old nonce accepted one window."""
    dpop_nonce.check(NONCE, SECRET, scope=IDP, now=now)


@pytest.mark.parametrize("now", [START + 2 * WINDOW, START + 3 * WINDOW, START + 86_400])
def test_an_older_nonce_is_refused(now: int) -> None:
    """DPOP-15, attack case 111."""
    assert refused_for(NONCE, now=now) == "not current"


def test_a_node_whose_clock_is_behind_takes_what_another_has_begun() -> None:
    """Attack case 111: valid on all nodes, whose clocks differ by the skew."""
    dpop_nonce.check(NONCE, SECRET, scope=IDP, now=START - 60)
    assert refused_for(NONCE, now=START - 61) == "not current"


def test_a_request_without_a_nonce_is_told_to_bring_one() -> None:
    """DPOP-15: RFC 9449 section 8."""
    assert refused_for(None) == "missing"
    answer = ANSWERS[Reason.USE_DPOP_NONCE]
    assert (answer.error, answer.status) == ("use_dpop_nonce", 400)
    assert dpop_nonce.HEADER == b"dpop-nonce"


def test_nonces_of_one_issuer_are_nothing_to_another() -> None:
    """DPOP-15, attack case 111: the nonce of tenant A at tenant B; IdP and RAS are independent too."""
    assert refused_for(NONCE, scope=RAS) == "not current"
    assert refused_for(NONCE, scope=f"{IDP}/t/other") == "not current"
    assert refused_for(NONCE, key=b"x" * 32) == "not current"
    dpop_nonce.check(dpop_nonce.make(SECRET, scope=RAS, now=START), SECRET, scope=RAS, now=START)


def test_a_scope_is_not_read_as_a_part_of_the_time() -> None:
    one, other = (dpop_nonce.make(SECRET, scope=scope, now=START) for scope in ("1", "11"))
    assert one != other
    assert refused_for(one, scope="11") == "not current"


def test_every_node_makes_the_same_nonce_and_a_restart_changes_nothing() -> None:
    """Attack case 111: there is nothing to be lost."""
    assert dpop_nonce.make(bytes(SECRET), scope=IDP, now=START + 299) == NONCE
    assert dpop_nonce.make(SECRET, scope=IDP, now=START + 300) != NONCE


def test_a_nonce_goes_through_headers_and_proofs_as_it_is() -> None:
    """RFC 9449 section 8.1: NQCHAR; it comes back in a proof."""
    assert len(NONCE) == 24
    assert parse(f"nonce={NONCE}".encode()).one("nonce") == NONCE
    assert accepted(with_claims(nonce=NONCE)).nonce == NONCE


def test_a_key_that_can_be_guessed_is_refused() -> None:
    for key in (b"", b"k" * 31):
        with pytest.raises(ValueError, match="32 octets"):
            dpop_nonce.make(key, scope=IDP, now=NOW)
        with pytest.raises(ValueError, match="32 octets"):
            dpop_nonce.check(NONCE, key, scope=IDP, now=NOW)


@given(st.text(max_size=30))
def test_no_text_is_a_nonce_or_an_exception(text: str) -> None:
    read = outcome(lambda: dpop_nonce.check(text, SECRET, scope=IDP, now=START))
    assert isinstance(read, Refused)
    assert refused_for(f"{NONCE}{text}x") == "not current"
