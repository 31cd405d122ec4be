"""idjag.idp.factors.responses, and new passkeys that are none: whatever comes is read or refused, once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from idjag.idp.factors import operations, passkeys, responses
from idjag.idp.factors.enrolled import Enrolment
from idjag.protocol.errors import Reason, Refused
from tests.authenticator import Authenticator, Lie, b64, ec_cose, rsa_cose, unb64
from tests.idp.factors.acme import ALICE, BOB, ISSUER, Acme, enrol


@pytest.fixture
def key() -> Authenticator:
    return Authenticator()


def test_a_new_passkey_must_be_a_key(here: Acme) -> None:
    """Without attestation nothing was signed with it: it is looked at before it is stored."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    small, usual, large = (_modulus(size) for size in (1024, 2048, 4104))
    keys = {
        "not on its curve": ec_cose(1, 1),
        "an algorithm that was not offered": ec_cose(point.x, point.y, algorithm=-9),
        "a small RSA key": rsa_cose(small),
        "a large RSA key": rsa_cose(large),
        "an RSA key that takes long": rsa_cose(usual, 2**2000 + 1),
        "an RSA key without a power": rsa_cose(usual, 1),
        "no key": b"\xa0",
        "not CBOR": b"\xff\xff",
    }
    for what, cose in keys.items():
        refused = enrol_or_unreadable(here, Lie(cose=cose))
        assert refused is Reason.PASSKEY_INVALID, what
    assert enrol(here, Authenticator(), Lie(cose=rsa_cose(usual))) is None


def _modulus(bits: int) -> int:
    """A number of the size of an RSA modulus; nobody needs its primes."""
    return (1 << bits - 1) | 0x10000000000000000000000000000000000001D


def enrol_or_unreadable(here: Acme, lie: Lie) -> Reason | None:
    try:
        return enrol(here, Authenticator(), lie)
    except Refused as refused:
        return refused.reason


def test_the_id_outside_must_be_the_one_that_was_made(here: Acme) -> None:
    assert enrol(here, Authenticator(), Lie(raw_id=b"x" * 32)) is Reason.PASSKEY_INVALID


def test_one_credential_is_registered_once_whoever_asks(here: Acme, key: Authenticator) -> None:
    """Bob cannot put Alice's credential id under his name."""
    here.add_passkey(key)
    ceremony = here.ceremony(purpose="enrol")
    thief = Authenticator()
    options = here.creation_options(ceremony, BOB)
    thief.create(options, ISSUER)
    thief.residents[0].id = key.residents[0].id
    answer = thief._created(options, ISSUER, thief.residents[0], Lie())
    new = here.new(BOB)
    made = passkeys.enrolment(responses.attestation(answer), ceremony=ceremony, new=new)
    assert isinstance(made, Enrolment)
    with pytest.raises(Refused) as refused:
        operations.add(here, made, person=here.person(BOB))
    assert refused.value.reason is Reason.FACTOR_KNOWN
    assert here.factors(BOB) == ()


def _answers(here: Acme) -> tuple[dict[str, Any], dict[str, Any]]:
    key = Authenticator()
    created = json.loads(key.create(here.creation_options(here.ceremony()), ISSUER))
    return created, json.loads(key.get(here.request_options(here.ceremony()), ISSUER))


@pytest.mark.parametrize(
    "change",
    [
        {"type": "password"},
        {"type": None},
        {"id": "AAAA"},
        {"rawId": None},
        {"rawId": 7},
        {"rawId": "", "id": ""},
        {"rawId": "A" * 1368, "id": "A" * 1368},
        {"response": None},
        {"response": {}},
        {"response": []},
        {"response": {"clientDataJSON": 1}},
        {"response": {"clientDataJSON": "!"}},
        {"response": {"clientDataJSON": "e30"}},
        {"response": {"clientDataJSON": "W10"}},
    ],
    ids=repr,
)
def test_an_answer_that_is_none_is_refused(here: Acme, change: dict[str, Any]) -> None:
    created, got = _answers(here)
    for read, answer in ((responses.attestation, created), (responses.assertion, got)):
        read(json.dumps(answer))
        with pytest.raises(Refused) as refused:
            read(json.dumps({**answer, **change}))
        assert refused.value.reason is Reason.PASSKEY_INVALID
        assert refused.value.__cause__ is None


@pytest.mark.parametrize("member", ["authenticatorData", "signature", "attestationObject"])
@pytest.mark.parametrize("value", ["", "AA", None, 3, 10**12, [], [256], True, "\ud800"], ids=repr)
def test_a_part_that_is_no_part_is_refused(here: Acme, member: str, value: Any) -> None:
    """A number too, which the library would make into that many octets."""
    for read, answer in zip((responses.attestation, responses.assertion), _answers(here), strict=True):
        # any octets may be a signature: whether they are one, is seen with the key
        if member in answer["response"] and not (member == "signature" and value in ("", "AA")):
            answer["response"][member] = value
            with pytest.raises(Refused):
                read(json.dumps(answer))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "{", '{"type":"public-key"}', "9" * 20_000, "\x00"])
def test_a_text_that_is_no_answer_is_refused(text: str) -> None:
    for read in (responses.attestation, responses.assertion):
        with pytest.raises(Refused) as refused:
            read(text)
        assert refused.value.reason is Reason.PASSKEY_INVALID


def test_what_was_signed_has_one_reading(here: Acme, key: Authenticator) -> None:
    """Two members of one name: we must not take another than whoever looked before."""
    here.add_passkey(key)
    answer = json.loads(key.get(here.request_options(here.ceremony(), ALICE), ISSUER))
    text = unb64(answer["response"]["clientDataJSON"]).decode()
    doubled = '{"type":"webauthn.create",' + text[1:]
    answer["response"]["clientDataJSON"] = b64(doubled.encode())
    with pytest.raises(Refused):
        responses.assertion(json.dumps(answer))


@given(st.binary(max_size=300))
def test_whatever_comes_as_an_attestation_object_is_read_or_refused(octets: bytes) -> None:
    """No parser's own exception comes through."""
    client_data = json.dumps({"type": "webauthn.create", "challenge": "AAAA", "origin": ISSUER}).encode()
    encode = b64
    answer = {
        "id": "AAAA",
        "rawId": "AAAA",
        "type": "public-key",
        "response": {"clientDataJSON": encode(client_data), "attestationObject": encode(octets)},
    }
    with pytest.raises(Refused):
        responses.attestation(json.dumps(answer))
