"""An ID token that comes again: its signature is not verified anew, and everything else is."""

from __future__ import annotations

from idjag.protocol.errors import Reason
from idjag.protocol.jose import KeySet
from tests.protocol.parts import ED, IDP, KEY, KEYS, NOW, changed, reason_of, signed
from tests.protocol.test_id_token import CLAIMS, TOKEN, accepted

GOOD = signed(changed(CLAIMS, {"sid": "session-again"}))


def test_it_is_accepted_as_often_as_it_comes() -> None:
    assert [accepted(GOOD).sid for _ in range(3)] == ["session-again"] * 3


def test_it_is_refused_once_it_has_expired() -> None:
    """XCH-39."""
    assert accepted(GOOD).sub == "alice"
    assert reason_of(lambda: accepted(GOOD, now=TOKEN.exp + 61)) is Reason.SUBJECT_TOKEN_EXPIRED


def test_it_is_refused_for_another_client() -> None:
    """XCH-37."""
    assert accepted(GOOD).aud == "wiki"
    assert reason_of(lambda: accepted(GOOD, client_id="crm")) is Reason.SUBJECT_TOKEN_AUDIENCE


def test_it_is_refused_once_its_key_is_gone() -> None:
    """XCH-36: a key that was revoked verifies nothing, whatever it verified a moment ago."""
    assert accepted(GOOD).sub == "alice"
    others = KeySet([ED.public])
    assert reason_of(lambda: accepted(GOOD, keys=others)) is Reason.SUBJECT_TOKEN_INVALID
    assert accepted(GOOD, keys=KeySet([KEY.public])).iss == IDP


def test_its_like_with_another_signature_is_verified() -> None:
    assert accepted(GOOD).sub == "alice"
    other = signed(changed(CLAIMS, {"sid": "session-other"}))
    forged = GOOD.rpartition(".")[0] + "." + other.rpartition(".")[2]
    assert reason_of(lambda: accepted(forged, keys=KEYS)) is Reason.SUBJECT_TOKEN_INVALID
    assert accepted(other, now=NOW).sid == "session-other"
