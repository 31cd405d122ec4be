"""The key that a DPoP proof brings, and the header around it: RFC 9449 section 4.3, attack group G."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from idjag.protocol import names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import PrivateKey, base64url, thumbprint
from tests.protocol.jose.forge import number
from tests.protocol.parts import ED, KEY, OUT, RSA, outcome
from tests.protocol.possession import accepted, jwk_of, proof, refused_for, shown
from tests.protocol.test_id_jag_accept import JSON

KEYS = {key.alg: key for key in (KEY, RSA, ED)}
EC384 = PrivateKey.generate("ES384", kid="ec384")
_NOT_ASYMMETRIC = ["", "none", "None", "nOnE", "HS256", "HS512", "dir"]
_NOT_OURS = ["RS1", "PS256", "RS512", "ES256K", "ES512", "Ed448", "es256"]


@pytest.mark.parametrize("alg", names.DPOP_ALGORITHMS)
def test_every_algorithm_that_is_advertised_works(alg: str) -> None:
    """MET-15, DPOP-02; an RSA key makes a header of more than 512 characters (stack facts)."""
    key = KEYS[alg]
    text = proof(key=key)
    assert (len(text.partition(".")[0]) > 512) is (alg == "RS256")
    assert accepted(text).jkt == thumbprint(key.public)


def test_the_algorithms_are_asymmetric() -> None:
    """MET-15: RFC 9449 section 5.1."""
    assert set(names.DPOP_ALGORITHMS) == {"ES256", "RS256", "Ed25519"}


def test_an_older_name_of_an_algorithm_is_its_own() -> None:
    """RFC 9864: EdDSA with an Ed25519 key; many clients know no other name."""
    assert accepted(proof(key=ED, alg="EdDSA")).jkt == thumbprint(ED.public)


def test_large_rsa_keys_with_all_that_a_browser_adds_have_room() -> None:
    """WebCrypto's export of an RSA-4096 key, and the largest key that we verify."""
    for bits in (4096, 8192):
        modulus = (1 << bits) - 1
        extra = {"alg": "RS256", "ext": True, "key_ops": ["verify"], "kid": "k" * 43} if bits == 4096 else {}
        text = proof(alg="RS256", jwk={"kty": "RSA", "n": number(modulus), "e": "AQAB"} | extra)
        assert refused_for(text) == {"problem": "signature_wrong"}  # read, and no more than that


@pytest.mark.parametrize(
    "alg",
    [OUT, ["ES256"], 1, None, {}, *_NOT_ASYMMETRIC, *_NOT_OURS],
    ids=shown,
)
def test_an_algorithm_that_is_not_ours_is_refused(alg: Any) -> None:
    """DPOP-02, attack cases 107 and 114."""
    assert refused_for(proof(alg=alg)) == {"problem": "algorithm"}


def test_an_algorithm_that_we_know_but_do_not_advertise_is_refused() -> None:
    """MET-15: one list for what is said and what is done."""
    assert refused_for(proof(key=EC384)) == {"problem": "algorithm"}


@pytest.mark.parametrize(
    ("key", "alg"), [(KEY, "ES384"), (KEY, "RS256"), (RSA, "ES256"), (ED, "ES256"), (KEY, "EdDSA")]
)
def test_the_header_never_chooses_another_algorithm_for_a_key(key: PrivateKey, alg: str) -> None:
    """Attack case 116."""
    assert refused_for(proof(key=key, alg=alg)) == {"problem": "key_algorithm"}


@pytest.mark.parametrize("jwk", [OUT, None, "", "x", [], [{"kty": "EC"}], 1, True], ids=shown)
def test_a_proof_brings_its_key(jwk: Any) -> None:
    """DPOP-02, attack case 107."""
    assert refused_for(proof(jwk=jwk)) == {"problem": "key_missing"}


RSA_1024 = rsa.generate_private_key(public_exponent=65537, key_size=1024)
K256 = ECKey.generate_key("secp256k1").as_dict(private=False)
P192 = ec.generate_private_key(ec.SECP192R1()).public_key().public_numbers()
ED448 = ed448.Ed448PrivateKey.generate().public_key().public_bytes_raw()
X, Y = (jwk_of()[name] for name in ("x", "y"))

WRONG_KEYS: list[tuple[str, dict[str, Any], str]] = [
    ("private part", jwk_of(d="AA"), "key_private"),
    ("private part of null", jwk_of(d=None), "key_private"),
    ("RSA prime", jwk_of(RSA, p="AA"), "key_private"),
    ("symmetric", {"kty": "oct", "k": "AAAA"}, "key_private"),
    ("symmetric without k", {"kty": "oct"}, "key_type"),
    ("no kty", jwk_of(kty=OUT), "key_type"),
    ("kty is a list", jwk_of(kty=["EC"]), "key_type"),
    ("another kty", jwk_of(kty="RSA"), "key_type"),
    ("secp256k1", dict(K256), "key_type"),
    ("P-192", {"kty": "EC", "crv": "P-192", "x": number(P192.x, 24), "y": number(P192.y, 24)}, "key_type"),
    ("Ed448", {"kty": "OKP", "crv": "Ed448", "x": base64url.encode(ED448)}, "key_type"),
    ("X25519", jwk_of(ED, crv="X25519"), "key_type"),
    ("off the curve", jwk_of(y=X), "key_malformed"),
    ("at infinity", jwk_of(x=number(0, 32), y=number(0, 32)), "key_malformed"),
    ("a short coordinate", jwk_of(x=number(1, 31)), "key_malformed"),
    ("no coordinate", jwk_of(y=OUT), "key_malformed"),
    ("a padded coordinate", jwk_of(x=f"{X}="), "key_malformed"),
    ("a coordinate with a space", jwk_of(x=f"{X} "), "key_malformed"),
    ("small order", jwk_of(ED, x=base64url.encode(bytes(32))), "key_weak"),
    ("e = 1", jwk_of(RSA, e="AQ"), "key_weak"),
    ("an even modulus", jwk_of(RSA, n=number(1 << 2047)), "key_weak"),
    ("RSA of 16384 bits", jwk_of(RSA, n=number((1 << 8200) - 1)), "key_weak"),
    ("for encryption", jwk_of(use="enc"), "key_use"),
    ("operations without verify", jwk_of(key_ops=["sign"]), "key_use"),
    ("operations that are no list", jwk_of(key_ops="verify"), "key_use"),
    ("alg of another key", jwk_of(alg="RS256"), "key_algorithm"),
    ("alg in lower case", jwk_of(alg="es256"), "key_algorithm"),
    ("kid is a list", jwk_of(kid=["x"]), "kid_malformed"),
    ("x5c", jwk_of(x5c=["AA=="]), "key_certificate"),
    ("x5u", jwk_of(x5u="https://evil.example/"), "key_certificate"),
    ("x5t", jwk_of(x5t="AA"), "key_certificate"),
    ("x5t#S256", jwk_of() | {"x5t#S256": "AA"}, "key_certificate"),
]


@pytest.mark.parametrize(
    ("jwk", "problem"), [pytest.param(jwk, problem, id=why) for why, jwk, problem in WRONG_KEYS]
)
def test_a_key_that_is_private_weak_or_for_something_else_is_refused(
    jwk: dict[str, Any], problem: str
) -> None:
    """DPOP-02, attack cases 107, 121, 128, 129; certificates are nobody's business here."""
    alg = {"RSA": "RS256", "OKP": "Ed25519"}.get(str(jwk.get("kty")), "ES256")
    assert refused_for(proof(alg=alg, jwk=jwk)) == {"problem": problem}


def test_a_weak_rsa_key_is_refused_whatever_it_signs() -> None:
    """Attack case 128: the signature is right."""
    public = RSA_1024.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": number(public.n), "e": number(public.e)}
    text = proof(alg="RS256", jwk=jwk)
    signing_input = text.rpartition(".")[0]
    signature = RSA_1024.sign(signing_input.encode(), padding.PKCS1v15(), SHA256())
    assert refused_for(f"{signing_input}.{base64url.encode(signature)}") == {"problem": "key_weak"}


@pytest.mark.parametrize(
    "more",
    [{"alg": "ES256"}, {"use": "sig"}, {"key_ops": ["verify"], "ext": True}, {"kid": "x"}, {"note": [1]}],
    ids=repr,
)
def test_public_members_that_change_nothing_change_nothing(more: dict[str, Any]) -> None:
    """The thumbprint is of the required members alone (RFC 7638 section 3.2)."""
    assert accepted(proof(jwk=jwk_of(**more))).jkt == thumbprint(KEY.public)


def test_a_kid_is_of_no_use_but_must_not_name_another_key() -> None:
    """Attack case 117: nothing is looked up by it; some clients send one in the header alone."""
    for header, member in (
        ("x", OUT),
        ("x", "x"),
        (OUT, "x"),
        ("../../etc/passwd", OUT),
        ("' OR 1=1--", OUT),
    ):
        assert accepted(proof(kid=header, jwk=jwk_of(kid=member))).jkt == thumbprint(KEY.public)
    assert refused_for(proof(kid="x", jwk=jwk_of(kid="y"))) == {"problem": "key_unknown"}


@pytest.mark.parametrize("kid", ["", ["x"], None, 1, "x" * 257, "x\x00"], ids=repr)
def test_a_kid_that_is_none_is_refused(kid: Any) -> None:
    """Attack case 117."""
    assert refused_for(proof(kid=kid)) == {"problem": "kid_malformed"}


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["AA=="]},
        {"crit": []},
        {"crit": ["exp"]},
        {"crit": "exp"},
        {"crit": ["b64"], "b64": False},
        {"b64": True},
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"enc": "A256GCM"},
        {"nonce": "n"},
        {"unknown": 1},
    ],
    ids=repr,
)
def test_a_header_that_is_not_for_proofs_is_refused(header: dict[str, Any]) -> None:
    """DPOP-02, attack cases 122, 123: nothing is fetched, since nothing here can."""
    assert refused_for(proof(**header)) == {"problem": "header_name"}


@given(st.sampled_from(["alg", "typ", "jwk", "kid"]), JSON)
def test_no_header_makes_anything_but_a_proof_or_a_refusal(name: str, value: Any) -> None:
    read = outcome(lambda: accepted(proof(**{name: value})))
    if isinstance(read, Refused):
        assert read.reason is Reason.DPOP_PROOF_INVALID
    else:
        assert read.jkt == thumbprint(KEY.public)


@given(st.sampled_from([*jwk_of(), "d", "k", "use", "key_ops", "alg", "kid", "x5c"]), JSON)
def test_no_member_of_a_key_makes_anything_but_a_proof_or_a_refusal(name: str, value: Any) -> None:
    read = outcome(lambda: accepted(proof(jwk=jwk_of(**{name: value}))))
    if isinstance(read, Refused):
        assert read.reason is Reason.DPOP_PROOF_INVALID
    else:
        assert read.jkt == thumbprint(KEY.public)
