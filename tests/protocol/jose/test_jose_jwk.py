"""Keys: which are imported, which are refused, and which one a header means."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from idjag.protocol.jose import (
    JwkError,
    KeySet,
    PrivateKey,
    base64url,
    import_public,
    thumbprint,
)
from tests.protocol.jose.forge import EC, EC384, ED, RSA, code_of, jwk_of, number

ALL = [pytest.param(key, id=key.alg) for key in (EC, RSA, ED, EC384)]
RSA_1024 = rsa.generate_private_key(public_exponent=65537, key_size=1024)
OCTETS = b"what is signed"
CERTIFICATE = b"not a certificate, but its thumbprint fits"


def pem_of(native: Any) -> bytes:
    pem: bytes = native.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


@pytest.mark.parametrize("key", ALL)
def test_a_published_key_is_imported_again_as_it_was(key: PrivateKey) -> None:
    public = import_public(key.public.to_dict())
    assert public == key.public
    assert hash(public) == hash(key.public)
    assert public.fits(OCTETS, key.sign(OCTETS))
    assert not public.fits(OCTETS + b"!", key.sign(OCTETS))


@pytest.mark.parametrize("key", ALL)
def test_a_published_key_has_public_members_and_its_purpose_alone(key: PrivateKey) -> None:
    """MET-09; wire fact 9: use together with key_ops breaks some clients."""
    published = {"n", "e"} if key.alg == "RS256" else {"crv", "x", "y"} if "ES" in key.alg else {"crv", "x"}
    assert set(key.public.to_dict()) == {"kty", "kid", "alg", "use"} | published
    assert key.public.to_dict()["use"] == "sig"
    assert KeySet([key.public]).to_dict() == {"keys": [key.public.to_dict()]}


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("key", ALL)
def test_a_sealed_key_comes_back_as_it_was(key: PrivateKey, *, ours: bool) -> None:
    again = PrivateKey.from_pem(key.to_pem(), alg=key.alg, kid=key.kid, ours=ours)
    assert again == key
    assert key.public.fits(OCTETS, again.sign(OCTETS))


@pytest.mark.parametrize("key", ALL)
def test_the_repr_of_a_private_key_shows_kid_and_algorithm_alone(key: PrivateKey) -> None:
    assert repr(key) == str(key) == f"PrivateKey(kid={key.kid!r}, alg={key.alg!r})"


@pytest.mark.parametrize("alg", ["none", "HS256", "ES512", "PS256", "EdDSA", "Ed448", ""])
def test_a_key_for_another_algorithm_is_not_generated(alg: str) -> None:
    assert code_of(lambda: PrivateKey.generate(alg, kid="a")) == "key_algorithm"


@pytest.mark.parametrize(
    ("pem", "alg", "code"),
    [
        pytest.param(b"", "ES256", "key_malformed", id="empty"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\nAA\n", "ES256", "key_malformed", id="truncated"),
        pytest.param(EC.to_pem(), "RS256", "key_algorithm", id="EC as RSA"),
        pytest.param(EC.to_pem(), "ES384", "key_algorithm", id="P-256 as ES384"),
        pytest.param(EC.to_pem(), "none", "key_algorithm", id="no algorithm"),
        pytest.param(pem_of(ec.generate_private_key(ec.SECP256K1())), "ES256", "key_type", id="curve"),
        pytest.param(pem_of(ed448.Ed448PrivateKey.generate()), "Ed25519", "key_type", id="Ed448"),
        pytest.param(
            pem_of(RSA_1024),
            "RS256",
            "key_weak",
            id="RSA-1024",
        ),
    ],
)
def test_a_private_key_that_is_not_what_it_should_be_is_refused(pem: bytes, alg: str, code: str) -> None:
    for ours in (True, False):
        assert code_of(partial(PrivateKey.from_pem, pem, alg=alg, kid="a", ours=ours)) == code


def test_an_rsa_key_of_somebody_elses_making_is_looked_at_closely() -> None:
    """Its private exponent is another key's: what it signs would be wrong, or give away its primes."""
    first, second = (rsa.generate_private_key(65537, 2048).private_numbers() for _ in range(2))
    parts = (first.p, first.q, second.d, first.dmp1, first.dmq1, first.iqmp, first.public_numbers)
    wrong = rsa.RSAPrivateNumbers(*parts).private_key(unsafe_skip_rsa_key_validation=True)
    assert code_of(lambda: PrivateKey.from_pem(pem_of(wrong), alg="RS256", kid="a")) == "key_malformed"


N_1024 = RSA_1024.public_key().public_numbers().n
N_2048 = int.from_bytes(base64url.decode(str(RSA.public.to_dict()["n"])))
P256_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
P521 = ECKey.generate_key("P-521").as_dict(private=False)
K256 = ECKey.generate_key("secp256k1").as_dict(private=False)


@pytest.mark.parametrize(
    ("jwk", "code"),
    [
        pytest.param({}, "key_type", id="nothing"),
        pytest.param(jwk_of(kty=...), "key_type", id="no kty"),
        pytest.param(jwk_of(kty=1), "key_type", id="kty is a number"),
        pytest.param(jwk_of(kty="ec"), "key_type", id="kty in lower case"),
        pytest.param(jwk_of(kty="AKP"), "key_type", id="unknown kty"),
        pytest.param(jwk_of(crv=["P-256"]), "key_type", id="crv is a list"),
        pytest.param({"kty": "oct", "k": "AAAA"}, "key_private", id="oct"),
        pytest.param({"kty": "oct"}, "key_type", id="oct without k"),
        pytest.param(jwk_of(d="AAAA"), "key_private", id="EC with d"),
        pytest.param(jwk_of(RSA, p="AAAA"), "key_private", id="RSA with p"),
        pytest.param(jwk_of(ED, d=None), "key_private", id="Ed25519 with d null"),
        pytest.param(jwk_of(use="enc"), "key_use", id="for encryption"),
        pytest.param(jwk_of(use=None), "key_use", id="use is null"),
        pytest.param(jwk_of(use=["sig"]), "key_use", id="use is a list"),
        pytest.param(jwk_of(key_ops=["sign"]), "key_use", id="key_ops without verify"),
        pytest.param(jwk_of(key_ops=["verify", "encrypt"]), "key_use", id="key_ops against use"),
        pytest.param(jwk_of(key_ops="verify"), "key_use", id="key_ops is a string"),
        pytest.param(jwk_of(key_ops=[]), "key_use", id="key_ops is empty"),
        pytest.param(jwk_of(key_ops=[{}, "verify"]), "key_use", id="key_ops with an object"),
        pytest.param(jwk_of(alg="ES384"), "key_algorithm", id="alg of another curve"),
        pytest.param(jwk_of(alg="HS256"), "key_algorithm", id="alg is HMAC"),
        pytest.param(jwk_of(alg="none"), "key_algorithm", id="alg is none"),
        pytest.param(jwk_of(alg=None), "key_algorithm", id="alg is null"),
        pytest.param(jwk_of(RSA, alg="PS256"), "key_algorithm", id="RSA for PSS"),
        pytest.param(jwk_of(RSA, alg="RSA-OAEP", use=...), "key_algorithm", id="RSA for encryption"),
        pytest.param(jwk_of(RSA, alg="ES256"), "key_algorithm", id="RSA for ES256"),
        pytest.param(jwk_of(kid=1), "kid_malformed", id="kid is a number"),
        pytest.param(jwk_of(kid=None), "kid_malformed", id="kid is null"),
        pytest.param(jwk_of(kid=""), "kid_malformed", id="kid is empty"),
        pytest.param(jwk_of(kid="a" * 257), "kid_malformed", id="kid is long"),
        pytest.param(jwk_of(kid="a\nb"), "kid_malformed", id="kid with a line feed"),
        pytest.param(jwk_of(RSA, n=number(N_1024)), "key_weak", id="RSA-1024"),
        pytest.param(jwk_of(RSA, n=number(N_2048 >> 1)), "key_weak", id="RSA-2047"),
        pytest.param(jwk_of(RSA, n=number(2**8192 + 1)), "key_weak", id="RSA-8193"),
        pytest.param(jwk_of(RSA, e=number(1)), "key_weak", id="e = 1"),
        pytest.param(jwk_of(RSA, e=number(3)), "key_weak", id="e = 3"),
        pytest.param(jwk_of(RSA, e=number(65538)), "key_weak", id="e is even"),
        pytest.param(jwk_of(RSA, e=number(2**32 + 1)), "key_weak", id="e is huge"),
        pytest.param(jwk_of(RSA, n=number(N_2048 + 1)), "key_weak", id="n is even"),
        pytest.param(jwk_of(RSA, n=number(N_2048, 257)), "key_malformed", id="n with a leading zero"),
        pytest.param(jwk_of(RSA, e="AAEAAQ"), "key_malformed", id="e with a leading zero"),
        pytest.param(jwk_of(RSA, e="AQAB=="), "key_malformed", id="e with padding"),
        pytest.param(jwk_of(RSA, n=""), "key_malformed", id="n is empty"),
        pytest.param(jwk_of(RSA, n=...), "key_malformed", id="n is missing"),
        pytest.param(jwk_of(RSA, n=N_2048), "key_malformed", id="n is a number"),
        pytest.param(jwk_of(RSA, crv="P-256"), "key_type", id="RSA with a curve"),
        pytest.param(dict(P521), "key_type", id="P-521"),
        pytest.param(dict(K256), "key_type", id="secp256k1"),
        pytest.param(jwk_of(crv="P-192"), "key_type", id="P-192"),
        pytest.param(jwk_of(crv="P-384", alg=...), "key_malformed", id="P-256 said to be P-384"),
        pytest.param(jwk_of(y=jwk_of()["x"]), "key_malformed", id="point off the curve"),
        pytest.param(jwk_of(x=number(0, 32), y=number(0, 32)), "key_malformed", id="all zeros"),
        pytest.param(jwk_of(x=number(P256_P, 32)), "key_malformed", id="x is not below p"),
        pytest.param(jwk_of(x=jwk_of()["x"][:-3]), "key_malformed", id="x is short"),
        pytest.param(jwk_of(y="AAAA" + jwk_of()["y"]), "key_malformed", id="y is long"),
        pytest.param(jwk_of(x="", y=""), "key_malformed", id="no coordinates"),
        pytest.param(jwk_of(ED, x=number(9, 31)), "key_malformed", id="Ed25519 of 31 octets"),
        pytest.param(jwk_of(ED, x=number(9, 33)), "key_malformed", id="Ed25519 of 33 octets"),
        pytest.param(jwk_of(ED, crv="X25519"), "key_type", id="X25519"),
        pytest.param(jwk_of(ED, crv="Ed448"), "key_type", id="Ed448"),
        pytest.param(jwk_of(ED, alg="ES256"), "key_algorithm", id="Ed25519 for ES256"),
    ],
)
def test_a_key_that_is_weak_or_malformed_or_for_something_else_is_refused(
    jwk: dict[str, Any], code: str
) -> None:
    """Attack cases 120, 121, 128, 129; the valid keys are those of the tests above."""
    assert code_of(lambda: import_public(jwk)) == code


@pytest.mark.parametrize(
    ("point", "code"),
    [
        pytest.param("00" * 32, "key_weak", id="order 4"),
        pytest.param("00" * 31 + "80", "key_weak", id="order 4, other sign"),
        pytest.param("01" + "00" * 31, "key_weak", id="neutral element"),
        pytest.param("ec" + "ff" * 30 + "7f", "key_weak", id="order 2"),
        pytest.param(
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "key_weak", id="order 8"
        ),
        pytest.param(
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "key_weak",
            id="order 8, other point and sign",
        ),
        pytest.param("ed" + "ff" * 30 + "7f", "key_weak", id="p itself, a second spelling of 0"),
        pytest.param("ff" * 32, "key_weak", id="above p"),
        pytest.param("02" + "00" * 31, "key_malformed", id="no point of the curve"),
    ],
)
def test_an_ed25519_key_of_small_order_or_off_the_curve_is_refused(point: str, code: str) -> None:
    """Attack case 128: cryptography takes all of these."""
    jwk = jwk_of(ED, x=base64url.encode(bytes.fromhex(point)))
    assert code_of(lambda: import_public(jwk)) == code


def test_every_generated_ed25519_key_is_a_point_of_the_curve() -> None:
    for number_of_try in range(50):
        PrivateKey.generate("Ed25519", kid=str(number_of_try))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"alg": ..., "use": ..., "kid": ...}, id="only what the type requires"),
        pytest.param({"key_ops": ["verify"]}, id="key_ops"),
        pytest.param({"key_ops": ["sign", "verify"], "use": ...}, id="key_ops of the pair"),
        pytest.param({"x5t": "AAAA", "iat": 1, "x-vendor": {}}, id="members that we do not know"),
    ],
)
def test_members_that_a_key_may_have_or_lack_change_nothing(changes: dict[str, Any]) -> None:
    public = import_public(jwk_of(**changes))
    assert (public.alg, public.members) == ("ES256", EC.public.members)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"x5t": base64url.encode(hashlib.sha1(CERTIFICATE, usedforsecurity=False).digest())}, None),
        ({"x5t#S256": base64url.encode(hashlib.sha256(CERTIFICATE).digest())}, None),
        ({}, None),
        ({"x5t": "AAAA"}, "key_certificate"),
        ({"x5t#S256": base64url.encode(hashlib.sha256(b"another").digest())}, "key_certificate"),
        ({"x5t#S256": 1}, "key_certificate"),
        ({"x5c": []}, "key_certificate"),
        ({"x5c": "AAAA"}, "key_certificate"),
        ({"x5c": [1]}, "key_certificate"),
        ({"x5c": ["A-_A"]}, "key_certificate"),
        ({"x5c": ["AA==, and more"]}, "key_certificate"),
    ],
)
def test_a_thumbprint_that_is_not_the_certificates_is_refused(
    changes: dict[str, Any], code: str | None
) -> None:
    """Attack case 121."""
    jwk = jwk_of(x5c=[base64.b64encode(CERTIFICATE).decode()]) | changes
    if code is None:
        digest = hashlib.sha256(CERTIFICATE).digest()
        assert import_public(jwk) == replace(EC.public, certificate=digest)
    else:
        assert code_of(lambda: import_public(jwk)) == code


def test_a_key_without_kid_is_published_without_one() -> None:
    assert "kid" not in import_public(jwk_of(kid=...)).to_dict()


def test_a_key_is_pinned_to_the_algorithm_of_its_type() -> None:
    """Stack facts: joserfc binds an EC key without alg by its curve only."""
    assert import_public(jwk_of(alg=...)).alg == "ES256"
    assert import_public(jwk_of(EC384, alg=...)).alg == "ES384"
    assert import_public(jwk_of(RSA, alg=...)).alg == "RS256"
    assert import_public(jwk_of(ED, alg="EdDSA")).alg == "Ed25519"
    assert import_public(jwk_of(ED), algorithm="EdDSA").alg == "Ed25519"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES384", "HS256", "none", ""])
def test_the_algorithm_that_is_asked_for_must_be_the_keys(algorithm: str) -> None:
    assert import_public(jwk_of(), algorithm="ES256") == EC.public
    assert code_of(lambda: import_public(jwk_of(), algorithm=algorithm)) == "key_algorithm"


def test_the_thumbprint_is_that_of_the_specification() -> None:
    """RFC 7638 section 3.1 and RFC 8037 appendix A.3 give these values."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV"
        "4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7"
        "d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF4"
        "4-csFCur-kEgU8awapJzKnqDKgw"
    )
    rsa_key = import_public({"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"})
    assert thumbprint(rsa_key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    ed_key = import_public(
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    )
    assert thumbprint(ed_key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_joserfc_computes_the_same_thumbprint() -> None:
    assert thumbprint(EC.public) == ECKey.import_key(dict(EC.public.members)).thumbprint()
    assert thumbprint(RSA.public) == RSAKey.import_key(dict(RSA.public.members)).thumbprint()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=4), inside, max_size=3),
    max_leaves=6,
)
MEMBERS = ["kty", "crv", "x", "y", "n", "e", "alg", "use", "key_ops", "kid", "x5c", "x5t", "d"]


@given(
    st.sampled_from([EC, RSA, ED, EC384]),
    st.dictionaries(
        st.sampled_from(MEMBERS), JSON | st.binary(max_size=48).map(base64url.encode), max_size=3
    ),
)
def test_nothing_but_a_jwk_error_ever_comes_out(key: PrivateKey, changes: dict[str, Any]) -> None:
    with contextlib.suppress(JwkError):
        public = import_public(key.public.to_dict() | changes)
        assert public.alg == key.alg
    KeySet.parse({"keys": [key.public.to_dict() | changes]})
