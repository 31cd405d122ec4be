"""Whether a client is who it claims to be: secrets, public clients, and the method that is registered."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.client_auth import Presented, Proof, Registration, hash_secret, verify
from idjag.protocol.errors import ANSWERS, Reason
from idjag.protocol.jose import jws
from tests.protocol.parts import IDP, KEYS, NOW, outcome, reason_of, refusal, signed

ID, SECRET, OLD = "wiki", "s3cret-of-the-wiki", "the-secret-before"
BASIC, POST, ASSERTION, NONE = (
    names.CLIENT_SECRET_BASIC,
    names.CLIENT_SECRET_POST,
    names.PRIVATE_KEY_JWT,
    names.NO_AUTHENTICATION,
)


def registration(method: str = names.CLIENT_SECRET, *secrets: str, **changes: Any) -> Registration:
    hashes = tuple(map(hash_secret, secrets or (SECRET,)))
    return Registration(ID, method, **({"secret_hashes": hashes} | changes))


def verified(presented: Presented, registered: Registration | None) -> Proof:
    return verify(presented, registered, issuer=IDP, now=NOW)


def by(method: str, secret: str = SECRET) -> Presented:
    assertion = None
    if method == ASSERTION:
        claims = {"iss": ID, "sub": ID, "aud": IDP, "jti": "j", "exp": NOW + 60}
        assertion = jws.parse(signed(claims), max_bytes=4096)
    return Presented(ID, method, "" if method in (ASSERTION, NONE) else secret, assertion)


def test_a_secret_is_kept_as_its_sha_256() -> None:
    """CAU-15."""
    assert hash_secret("é") == hashlib.sha256("é".encode()).digest()
    assert hash_secret("a") != hash_secret("b")
    assert hash_secret("\ud800") != hash_secret("\ud801")


@pytest.mark.parametrize("method", [BASIC, POST])
@pytest.mark.parametrize("secret", [SECRET, "é \U0001f600", "x" * 5000, "a:b+c%20"])
def test_the_right_secret_proves_the_client(method: str, secret: str) -> None:
    """CAU-01, stack facts: compare_digest refuses non-ASCII text, so digests are compared."""
    proof = verified(by(method, secret), registration(names.CLIENT_SECRET, secret))
    assert proof == Proof(ID, method, jti=None, until=0)


@pytest.mark.parametrize("method", [BASIC, POST])
@pytest.mark.parametrize(
    "secret", ["", "wrong", SECRET + " ", SECRET[:-1], SECRET.upper(), "é", "no client has this secret"]
)
def test_a_wrong_secret_proves_nothing(method: str, secret: str) -> None:
    """CAU-01, attack case 33."""
    assert reason_of(lambda: verified(by(method, secret), registration())) is Reason.CLIENT_SECRET_WRONG


@pytest.mark.parametrize("method", [BASIC, POST])
def test_both_secrets_work_during_a_rotation_and_the_old_one_no_longer(method: str) -> None:
    """CAU-15, attack case 39."""
    rotating, done = registration(names.CLIENT_SECRET, OLD, SECRET), registration()
    assert verified(by(method, OLD), rotating) == verified(by(method), rotating) == verified(by(method), done)
    assert reason_of(lambda: verified(by(method, OLD), done)) is Reason.CLIENT_SECRET_WRONG


@pytest.mark.parametrize(
    ("hashes", "secret"),
    [
        pytest.param((), "", id="none stored, empty presented"),
        pytest.param((), SECRET, id="none stored"),
        pytest.param((), "no client has this secret", id="none stored, our own placeholder"),
        pytest.param((hash_secret(""),), "", id="the empty one stored"),
        pytest.param((b"",), "", id="an empty hash"),
        pytest.param((b"",), SECRET, id="an empty hash, some secret"),
        pytest.param((hash_secret(SECRET)[:16],), SECRET, id="half a hash"),
        pytest.param((SECRET.encode(),), SECRET, id="stored in clear"),
    ],
)
def test_a_client_without_a_stored_secret_matches_nothing(hashes: tuple[bytes, ...], secret: str) -> None:
    """Attack case 36: the empty key is nobody's key."""
    for method in (BASIC, POST):
        registered = registration(secret_hashes=hashes)
        refused = refusal(lambda m=method, r=registered: verified(by(m, secret), r))  # type: ignore[misc]
        assert refused.reason is Reason.CLIENT_SECRET_WRONG
    assert verified(by(BASIC), registration(secret_hashes=(*hashes, hash_secret(SECRET)))).client_id == ID


ALLOWED = {
    names.CLIENT_SECRET: {BASIC, POST},
    BASIC: {BASIC},
    POST: {POST},
    ASSERTION: {ASSERTION},
    NONE: {NONE},
}


@pytest.mark.parametrize("used", [BASIC, POST, ASSERTION, NONE])
@pytest.mark.parametrize("registered", ALLOWED)
def test_the_registered_method_works_and_no_other(registered: str, used: str) -> None:
    """CAU-09, attack case 32: with the right secret and the right key, never negotiated down."""
    client = registration(registered, keys=KEYS)
    if used in ALLOWED[registered]:
        assert verified(by(used), client).method == used
        return
    refused = refusal(lambda: verified(by(used), client))
    if used == NONE:
        assert refused.reason is Reason.CLIENT_CREDENTIALS_MISSING
    else:
        assert refused.reason is Reason.CLIENT_METHOD_WRONG
        assert refused.fact == {"registered": registered, "used": used}
    assert ANSWERS[refused.reason].error == "invalid_client"


def test_an_assertion_that_is_not_there_proves_nothing() -> None:
    presented = Presented(ID, ASSERTION)
    wrong = registration(ASSERTION, keys=KEYS)
    assert reason_of(lambda: verified(presented, wrong)) is Reason.CLIENT_CREDENTIALS_MISSING
    assert reason_of(lambda: verified(presented, registration(NONE))) is Reason.CLIENT_METHOD_WRONG


@pytest.mark.parametrize(
    ("registered", "used"),
    [(names.CLIENT_SECRET, BASIC), (names.CLIENT_SECRET, POST), (ASSERTION, ASSERTION), (NONE, NONE)],
)
def test_a_disabled_client_is_refused_whatever_it_brings(registered: str, used: str) -> None:
    """Attack case 37: the log names the true cause, the answer does not."""
    assert verified(by(used), registration(registered, keys=KEYS)).client_id == ID
    disabled = registration(registered, keys=KEYS, active=False)
    assert reason_of(lambda: verified(by(used), disabled)) is Reason.CLIENT_DISABLED
    assert ANSWERS[Reason.CLIENT_DISABLED] == ANSWERS[Reason.CLIENT_SECRET_WRONG]


@pytest.mark.parametrize("used", [BASIC, POST, ASSERTION, NONE])
def test_an_unknown_client_is_refused(used: str) -> None:
    """Attack case 35; also for whoever guesses what an unknown client is compared with."""
    assert reason_of(lambda: verified(by(used), None)) is Reason.CLIENT_UNKNOWN
    placeholder = by(used, "no client has this secret")
    assert reason_of(lambda: verified(placeholder, None)) is Reason.CLIENT_UNKNOWN


def work_of(call: Callable[[], object]) -> Counter[str]:
    """How often the C functions that hash and compare were called meanwhile."""
    calls: Counter[str] = Counter()

    def watch(_: FrameType, event: str, function: Any) -> None:
        if event == "c_call" and function.__name__.strip("_") in ("compare_digest", "openssl_sha256"):
            calls[function.__name__] += 1

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        outcome(call)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("method", [BASIC, POST])
@pytest.mark.parametrize(
    "known",
    [
        pytest.param(registration(), id="another secret"),
        pytest.param(registration(secret_hashes=()), id="no stored secret"),
        pytest.param(registration(active=False), id="disabled"),
        pytest.param(registration(ASSERTION, keys=KEYS), id="another method"),
    ],
)
def test_an_unknown_client_costs_the_same_comparison_as_a_known_one(method: str, known: Registration) -> None:
    """Attack case 35: counted, since time is noise on a shared machine."""
    wrong, right, working = by(method, "wrong"), by(method), registration()
    stranger = work_of(lambda: verified(wrong, None))
    assert stranger.total() == 2
    assert stranger == work_of(lambda: verified(wrong, known))
    assert stranger == work_of(lambda: verified(right, working))


def test_every_stored_secret_is_compared_whichever_fits() -> None:
    """CAU-15: in constant time, the first as the last."""
    rotating = registration(names.CLIENT_SECRET, OLD, SECRET)
    for presented in (by(BASIC, OLD), by(BASIC), by(BASIC, "wrong")):
        assert work_of(lambda p=presented: verified(p, rotating)).total() == 3  # type: ignore[misc]


def test_a_registration_does_not_show_its_hashes() -> None:
    """Attack case 187."""
    assert repr(hash_secret(SECRET)) not in repr(registration())
