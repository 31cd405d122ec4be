"""The spelling and the signature of a DPoP proof: attack group G through the proof's entry."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import utils
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey

from idjag.protocol.errors import Refused
from idjag.protocol.jose import base64url, thumbprint
from tests.protocol.jose.forge import segment
from tests.protocol.parts import KEY, NOW, STRANGER, outcome
from tests.protocol.possession import CLAIMS, accepted, jwk_of, proof, refused_for

GOOD = proof()
HEAD, BODY, SIGNATURE = GOOD.split(".")
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_a_header_and_a_proof_have_a_length() -> None:
    """Stack facts: 8 KB; attack case 134."""
    assert refused_for(proof(jwk=jwk_of(x5="x" * 2000))) == {"problem": "header_too_long"}
    sized = {len(text): text for pad in range(5700, 5900) if (text := proof(CLAIMS | {"x": "y" * pad}))}
    assert accepted(sized[8192]).iat == NOW
    assert refused_for(sized[min(size for size in sized if size > 8192)]) == {"problem": "too_long"}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_ten_megabytes_are_refused_at_once(place: int) -> None:
    """Attack case 134: within 100 ms and 20 MB."""
    parts = [HEAD, BODY, SIGNATURE]
    parts[place] = "A" * 10_000_000
    text = ".".join(parts)
    took = []
    for _ in range(3):  # a collection of garbage may come in between
        started = time.process_time()
        assert refused_for(text) == {"problem": "too_long"}
        took.append(time.process_time() - started)
    assert min(took) < 0.1
    tracemalloc.start()
    try:
        assert refused_for(text) == {"problem": "too_long"}
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def _raw(change: Callable[[bytes], bytes]) -> str:
    return f"{HEAD}.{BODY}.{base64url.encode(change(base64url.decode(SIGNATURE)))}"


def _der(raw: bytes) -> bytes:
    return utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[:-1],
        lambda raw: raw + b"\0",
        lambda raw: bytes(len(raw)),
        lambda raw: bytes([raw[0] ^ 1]) + raw[1:],
        lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
        lambda raw: raw[32:] + raw[:32],
        _der,
    ],
    ids=["truncated", "longer", "zeros", "first bit", "last bit", "swapped", "DER"],
)
def test_a_signature_that_is_not_the_key_s_is_refused(change: Callable[[bytes], bytes]) -> None:
    """DPOP-02, attack cases 107 and 115."""
    assert accepted(_raw(bytes)).iat == NOW
    assert refused_for(_raw(change)) == {"problem": "signature_wrong"}


def test_the_key_must_have_signed() -> None:
    """DPOP-02: another key's signature, another header, other claims."""
    assert refused_for(proof(key=STRANGER, jwk=jwk_of(KEY))) == {"problem": "signature_wrong"}
    other = proof(CLAIMS | {"jti": "other"}).split(".")
    assert refused_for(f"{HEAD}.{other[1]}.{SIGNATURE}") == {"problem": "signature_wrong"}
    assert refused_for(f"{proof(kid='x').split('.')[0]}.{BODY}.{SIGNATURE}") == {"problem": "signature_wrong"}


def test_the_other_half_of_a_malleable_signature_is_the_same_proof() -> None:
    """Attack case 115: high-S verifies, but has the same one-time id."""

    def high(raw: bytes) -> bytes:
        return raw[:32] + (P256_ORDER - int.from_bytes(raw[32:])).to_bytes(32)

    one, other = accepted(GOOD), accepted(_raw(high))
    assert (one.scope, one.jti) == (other.scope, other.jti)


@pytest.mark.parametrize("secret", [b"", json.dumps(jwk_of()).encode()], ids=["empty", "the public key"])
def test_a_public_key_is_no_secret(secret: bytes) -> None:
    """Attack cases 118 and 119."""
    text = proof(alg="HS256", jwk={"kty": "oct", "k": base64url.encode(secret)})
    assert refused_for(text) == {"problem": "algorithm"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(f"{HEAD}.{BODY}", "segments", id="no signature"),
        pytest.param(f"{HEAD}.{BODY}.", "segments", id="an empty signature"),
        pytest.param(f"{HEAD}..{SIGNATURE}", "segments", id="no claims"),
        pytest.param(f".{BODY}.{SIGNATURE}", "segments", id="no header"),
        pytest.param(f"{GOOD}.x", "segments", id="four segments"),
        pytest.param(f"{GOOD}.x.y", "segments", id="five segments"),
        pytest.param(
            json.dumps({"payload": BODY, "protected": HEAD, "signature": SIGNATURE}),
            "segments",
            id="JSON serialization",
        ),
        pytest.param(f"{GOOD}=", "base64url", id="padding"),
        pytest.param(f"{GOOD} ", "base64url", id="a space"),
        pytest.param(f" {GOOD}", "base64url", id="a space before"),
        pytest.param(f"{GOOD}\n", "base64url", id="a line feed"),
        pytest.param(GOOD.replace(".", "\u2024"), "segments", id="other dots"),
        pytest.param(GOOD.replace(".", "%2E"), "segments", id="encoded dots"),
        pytest.param(f"{HEAD}.{BODY}.{SIGNATURE[:40]}+{SIGNATURE[41:]}", "base64url", id="not URL-safe"),
    ],
)
def test_a_proof_has_one_spelling(text: str, problem: str) -> None:
    """Attack cases 115, 130, 131."""
    assert refused_for(text) == {"problem": problem}


def test_an_encrypted_proof_is_refused_unopened() -> None:
    """Attack cases 131 to 133."""
    to_us = ECKey.import_key(dict(KEY.public.members))
    nested = jwe.encrypt_compact({"alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWT"}, GOOD, to_us)
    assert refused_for(nested) == {"problem": "segments"}


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ('{"jti": "a", "jti": "b"}', "duplicate_member"),
        ('{"jti": "a", "jt\\u0069": "b"}', "duplicate_member"),
        ("[]", "not_an_object"),
        ('"x"', "not_an_object"),
        ("", "segments"),
        ("{", "syntax"),
        ('{"iat": NaN}', "not_finite"),
        ('{"iat": 1e400}', "not_finite"),
        ('{"iat": ' + "1" * 100_000 + "}", "too_long"),
        ('{"iat": ' + "1" * 5000 + "}", "number_too_long"),
        ('{"x": ' + "[" * 17 + "]" * 17 + "}", "too_deep"),
        ('{"x": ' + "[" * 1000 + "]" * 1000 + "}", "too_deep"),
        ('{"jti": "\\ud800"}', "lone_surrogate"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_claims_that_are_no_strict_json_are_refused(claims: str, problem: str) -> None:
    """Attack case 126, stack facts: duplicate members, depth, digits."""
    assert refused_for(proof(claims)) == {"problem": problem}


def test_a_header_with_a_member_twice_is_refused() -> None:
    """Stack facts: joserfc takes the last of two, so that two checks could see two keys."""
    first, second = json.dumps(jwk_of(KEY)), json.dumps(jwk_of(STRANGER))
    head = f'{{"alg":"ES256","typ":"dpop+jwt","jwk":{first},"jwk":{second}}}'
    signing_input = f"{segment(head)}.{BODY}"
    signature = base64url.encode(STRANGER.sign(signing_input.encode()))
    assert refused_for(f"{signing_input}.{signature}") == {"problem": "duplicate_member"}
    head = f'{{"alg":"ES256","typ":"dpop+jwt","jwk":{second}}}'
    signing_input = f"{segment(head)}.{BODY}"
    signature = base64url.encode(STRANGER.sign(signing_input.encode()))
    assert accepted(f"{signing_input}.{signature}").jkt == thumbprint(STRANGER.public)


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_a_proof_with_one_character_changed_never_passes(place: int, character: str) -> None:
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    read = outcome(lambda: accepted(changed))
    assert isinstance(read, Refused) is (changed != GOOD)
