"""Signatures: which verify, under which key and algorithm, and what we sign ourselves."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt as joserfc_jwt

from idjag.protocol.jose import JwsError, KeySet, KeyUnknown, PrivateKey, base64url, jws
from idjag.protocol.jose.json import parse_object
from tests.protocol.jose.forge import (
    ALGORITHMS,
    CLAIMS,
    EC,
    EC384,
    ED,
    KEYS,
    MAX,
    RSA,
    TYP,
    accepted,
    code_of,
    header,
    refused,
    segment,
    token,
)

ALL = [pytest.param(key, id=key.alg) for key in (EC, RSA, ED, EC384)]
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize("key", ALL)
def test_what_we_sign_verifies_and_says_how_it_was_signed(key: PrivateKey) -> None:
    """JAG-01, JAG-02."""
    text = jws.sign(CLAIMS, key=key, typ=TYP)
    jwt = jws.parse(text, max_bytes=MAX)
    assert jwt.header == {"alg": key.alg, "kid": key.kid, "typ": TYP}
    assert jws.verify(jwt, keys=KEYS, algorithms=[key.alg]) == CLAIMS
    assert list(jwt.claims) == list(CLAIMS)


@pytest.mark.parametrize("key", ALL)
def test_other_libraries_verify_what_we_sign(key: PrivateKey) -> None:
    """Joserfc and PyJWT as second opinions; neither knows our envelope."""
    text = jws.sign(CLAIMS, key=key, typ=TYP)
    assert joserfc_jwt.decode(text, key.public._key, algorithms=[key.alg]).claims == CLAIMS
    native: Any = key.public._key.public_key
    opinion = pyjwt.PyJWT({"verify_exp": False, "verify_aud": False})
    if key.alg != "Ed25519":  # PyJWT knows its older name alone
        assert opinion.decode(text, native, algorithms=[key.alg]) == CLAIMS


@pytest.mark.parametrize("key", ALL)
def test_what_another_library_signs_is_accepted(key: PrivateKey) -> None:
    text = joserfc_jwt.encode(header(key), CLAIMS, key._key, algorithms=[key.alg])
    assert accepted(text) == CLAIMS


def test_both_names_of_ed25519_mean_the_same() -> None:
    """RFC 9864; RFC 8037 called it EdDSA, and many issuers still do."""
    text = token(header(ED, alg="EdDSA"), key=ED)
    assert jws.verify(text, keys=KEYS, algorithms=["Ed25519"]) == CLAIMS
    assert jws.verify(text, keys=KEYS, algorithms=["EdDSA"]) == CLAIMS
    assert jws.verify(token(key=ED), keys=KEYS, algorithms=["EdDSA"]) == CLAIMS
    assert code_of(lambda: jws.verify(text, keys=KEYS, algorithms=["ES256"])) == "algorithm"


def _replaced(text: str, change: Callable[[bytes], bytes]) -> str:
    signing_input, _, signature = text.rpartition(".")
    return f"{signing_input}.{base64url.encode(change(base64url.decode(signature)))}"


def _der(raw: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))


CHANGES: list[Any] = [
    pytest.param(lambda raw: bytes(len(raw)), id="zeros"),
    pytest.param(lambda raw: b"\xff" * len(raw), id="ones"),
    pytest.param(lambda raw: raw[:-1], id="truncated"),
    pytest.param(lambda raw: raw[:1], id="one octet"),
    pytest.param(lambda raw: raw + b"\x00", id="one octet more"),
    pytest.param(lambda raw: b"\x00" + raw, id="leading zero"),
    pytest.param(lambda raw: raw + raw, id="twice"),
    pytest.param(lambda raw: bytes([raw[0] ^ 1]) + raw[1:], id="first bit flipped"),
    pytest.param(lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), id="last bit flipped"),
    pytest.param(lambda raw: raw[len(raw) // 2 :] + raw[: len(raw) // 2], id="halves swapped"),
    pytest.param(lambda raw: raw[::-1], id="reversed"),
    pytest.param(lambda raw: raw[: len(raw) // 2] + bytes(len(raw) // 2), id="s is zero"),
    pytest.param(lambda raw: bytes(len(raw) // 2) + raw[len(raw) // 2 :], id="r is zero"),
]


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize("change", CHANGES)
def test_a_signature_that_was_changed_is_refused(key: PrivateKey, change: Callable[[bytes], bytes]) -> None:
    """XCH-40, RAS-09; attack case 115, the psychic signature first."""
    text = token(key=key)
    assert accepted(text) == CLAIMS
    assert refused(_replaced(text, change)) == "signature_wrong"


def test_a_der_signature_in_place_of_the_raw_one_is_refused() -> None:
    """Attack case 115; RFC 7518 section 3.4 wants r and s side by side."""
    assert refused(_replaced(token(), _der)) == "signature_wrong"


@pytest.mark.parametrize("value", [P256_ORDER, 1, P256_ORDER - 1, 2**256 - 1])
def test_a_signature_at_the_borders_of_the_order_is_refused(value: int) -> None:
    """Attack case 115."""
    raw = value.to_bytes(32)
    assert refused(_replaced(token(), lambda good: raw + good[32:])) == "signature_wrong"
    assert refused(_replaced(token(), lambda _: raw + raw)) == "signature_wrong"


def test_the_other_s_of_an_ecdsa_signature_verifies_and_gives_the_same_claims() -> None:
    """Attack case 115, high S: harmless, because one-time use hangs on jti and not on the signature."""
    text = token()
    other = _replaced(text, lambda raw: raw[:32] + (P256_ORDER - int.from_bytes(raw[32:])).to_bytes(32))
    assert other != text
    assert accepted(other) == accepted(text) == CLAIMS


@pytest.mark.parametrize("key", ALL)
def test_another_payload_or_header_under_the_same_signature_is_refused(key: PrivateKey) -> None:
    head, body, signature = token(key=key).split(".")
    assert refused(f"{head}.{segment(CLAIMS | {'sub': 'admin'})}.{signature}") == "signature_wrong"
    assert refused(f"{segment(header(key, typ='JWT'))}.{body}.{signature}") == "signature_wrong"


SECRETS = [
    pytest.param(lambda key: key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), id="PEM"),
    pytest.param(
        lambda key: key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(), id="bare PEM"
    ),
    pytest.param(lambda key: key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), id="DER"),
    pytest.param(lambda _: json.dumps(RSA.public.to_dict()).encode(), id="JWK text"),
    pytest.param(lambda _: str(RSA.public.to_dict()["n"]).encode(), id="modulus"),
    pytest.param(lambda _: b"", id="empty key"),
    pytest.param(lambda _: b"client secret", id="client secret"),
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("alg", ["HS256", "RS256"])
def test_an_hmac_with_the_public_key_is_refused(secret: Callable[[Any], bytes], alg: str) -> None:
    """XCH-40; attack cases 118, 119: as what it is, and in RSA's clothes."""
    signing_input = f"{segment(header(RSA, alg=alg))}.{segment(CLAIMS)}"
    mac = hmac.digest(secret(RSA.public._key.public_key), signing_input.encode(), hashlib.sha256)
    text = f"{signing_input}.{base64url.encode(mac)}"
    assert accepted(token(key=RSA)) == CLAIMS
    assert refused(text) == ("algorithm" if alg == "HS256" else "signature_wrong")


@pytest.mark.parametrize(
    ("kid", "alg", "code"),
    [
        (EC.kid, "ES384", "key_algorithm"),
        (EC.kid, "RS256", "key_algorithm"),
        (EC.kid, "Ed25519", "key_algorithm"),
        (RSA.kid, "ES256", "key_algorithm"),
        (EC384.kid, "ES256", "key_algorithm"),
        ("ec-9", "ES256", "key_unknown"),
        ("../../etc/passwd", "ES256", "key_unknown"),
        ("' OR 1=1--", "ES256", "key_unknown"),
        ("|id", "ES256", "key_unknown"),
        ("\u0435c-1", "ES256", "key_unknown"),
    ],
)
def test_the_header_cannot_change_key_or_algorithm(kid: str, alg: str, code: str) -> None:
    """RAS-09, RAS-10; attack cases 116, 117."""
    assert refused(token(header(kid=kid, alg=alg))) == code


def test_an_algorithm_that_the_caller_did_not_list_is_refused() -> None:
    """RAS-09; stack facts: always an explicit asymmetric list."""
    text = token(key=RSA)
    assert jws.verify(text, keys=KEYS, algorithms={"RS256"}) == CLAIMS
    with pytest.raises(JwsError, match=r"^algorithm$"):
        jws.verify(text, keys=KEYS, algorithms={"ES256", "Ed25519"})


@pytest.mark.parametrize(
    "algorithms", [[], ["none"], ["ES256", "HS256"], ["ES256", "none"], "ES256", ["es256"]]
)
def test_a_caller_cannot_list_what_is_no_signature(algorithms: Any) -> None:
    """A mistake of ours, not of the token: it must be loud, and must not be caught as a refusal."""
    with pytest.raises(ValueError, match="algorithms must be some of"):
        jws.verify(token(), keys=KEYS, algorithms=algorithms)


def test_keys_of_another_issuer_never_verify() -> None:
    """RAS-11: the same kid in both sets."""
    other = PrivateKey.generate("ES256", kid=EC.kid)
    assert jws.verify(token(), keys=KeySet([EC.public]), algorithms=["ES256"]) == CLAIMS
    call = lambda: jws.verify(token(), keys=KeySet([other.public]), algorithms=["ES256"])  # noqa: E731
    assert code_of(call) == "signature_wrong"


def test_a_header_without_kid_is_served_by_the_only_key_that_fits() -> None:
    """Attack case 117."""
    text = token({"alg": "ES256"})
    assert jws.verify(text, keys=KEYS, algorithms=ALGORITHMS) == CLAIMS
    with pytest.raises(KeyUnknown):
        jws.verify(text, keys=KeySet([RSA.public]), algorithms=ALGORITHMS)
    several = KeySet([EC.public, PrivateKey.generate("ES256", kid="ec-2").public])
    assert code_of(lambda: jws.verify(text, keys=several, algorithms=ALGORITHMS)) == "kid_required"


@pytest.mark.parametrize("claims", [{"a": float("nan")}, {"a": float("inf")}, {"a": "\ud800"}])
def test_we_never_sign_what_we_would_not_read(claims: dict[str, Any]) -> None:
    assert jws.sign({"a": 1}, key=EC, typ=TYP)
    with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
        jws.sign(claims, key=EC, typ=TYP)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(st.sampled_from([EC, ED]), st.dictionaries(st.text(), VALUES, max_size=5))
def test_claims_come_back_as_they_were_signed(key: PrivateKey, claims: dict[str, Any]) -> None:
    text = jws.sign(claims, key=key, typ=TYP)
    assert jws.verify(text, keys=KEYS, algorithms=ALGORITHMS) == claims
    assert parse_object(base64url.decode(text.split(".")[1])) == claims
