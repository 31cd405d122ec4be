"""Key sets: which keys are kept, and which one a header means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idjag.protocol.jose import JwkError, KeySet, KeyUnknown, PrivateKey
from tests.protocol.jose.forge import EC, ED, RSA, code_of, jwk_of, number


def test_a_set_keeps_what_is_usable_and_says_why_not_the_rest() -> None:
    """Attack case 120: an oct or weak key is left out, the others still work."""
    jwks = {
        "keys": [
            {"kty": "oct", "k": "AAAA", "kid": "hmac"},
            jwk_of(RSA, e=number(3), kid="old"),
            jwk_of(RSA, use="enc", kid=EC.kid),
            jwk_of(kid="two\nlines"),
            {"kty": "AKP"},
            "no object",
            jwk_of(),
            jwk_of(RSA),
        ]
    }
    keys, skipped = KeySet.parse(json.dumps(jwks).encode())
    assert keys.keys == (EC.public, RSA.public)
    assert len(keys) == 2
    assert skipped == (
        "key 0 (hmac): key_private",
        "key 1 (old): key_weak",
        f"key 2 ({EC.kid}): key_use",
        "key 3: kid_malformed",
        "key 4: key_type",
        "key 5: key_type",
    )


def test_a_set_is_parsed_from_an_object_too() -> None:
    keys, skipped = KeySet.parse({"keys": [jwk_of()]})
    assert (keys.keys, skipped) == ((EC.public,), ())


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param(b"", "syntax", id="nothing"),
        pytest.param(b"[]", "not_an_object", id="a list"),
        pytest.param(b"{}", "set_malformed", id="no keys"),
        pytest.param(b'{"keys":{}}', "set_malformed", id="keys is an object"),
        pytest.param(b'{"keys":[],"keys":[]}', "duplicate_member", id="keys twice"),
        pytest.param(b'{"keys":[' + b"0," * 128 + b"0]}", "set_too_large", id="129 keys"),
        pytest.param(b" " * 262_145, "too_long", id="too many octets"),
    ],
)
def test_what_is_no_key_set_is_refused(document: bytes, code: str) -> None:
    assert code_of(lambda: KeySet.parse(document)) == code
    assert len(KeySet.parse(b'{"keys":[]}')[0]) == 0


def test_two_usable_keys_of_one_kid_are_refused() -> None:
    """MET-09: a kid is unique in a set."""
    twice: list[Any] = [jwk_of(kid="same"), jwk_of(RSA, kid="same")]
    assert code_of(lambda: KeySet.parse({"keys": twice})) == "kid_duplicate"
    assert code_of(lambda: KeySet([EC.public, EC.public])) == "kid_duplicate"
    twice[1]["kid"] = "Same"
    assert len(KeySet.parse({"keys": twice})[0]) == 2


def test_several_keys_may_be_without_kid() -> None:
    keys, _ = KeySet.parse({"keys": [jwk_of(kid=...), jwk_of(RSA, kid=...)]})
    assert keys.select(None, "ES256").alg == "ES256"
    assert keys.select(None, "RS256").alg == "RS256"


def test_the_kid_selects_and_the_algorithm_must_be_its_own() -> None:
    """Attack case 116: RS256 to PS256, ES256 to ES384, with the same key."""
    keys = KeySet([EC.public, RSA.public, ED.public])
    assert keys.select(EC.kid, "ES256") is EC.public
    assert keys.select(ED.kid, "EdDSA") is ED.public
    for kid, alg in [(EC.kid, "RS256"), (EC.kid, "ES384"), (RSA.kid, "PS256"), (RSA.kid, "HS256")]:
        with pytest.raises(JwkError, match=r"^key_algorithm$"):
            keys.select(kid, alg)


@pytest.mark.parametrize("kid", ["EC-1", "ec-1 ", "\u0435c-1", "../../etc/passwd", "' OR 1=1--", "|id", ""])
def test_an_unknown_kid_is_told_apart_so_that_the_set_can_be_fetched_again(kid: str) -> None:
    """RAS-10; attack case 117, with look-alikes of a kid that exists."""
    keys = KeySet([EC.public])
    assert keys.select("ec-1", "ES256") is EC.public
    with pytest.raises(KeyUnknown, match=r"^key_unknown$"):
        keys.select(kid, "ES256")


def test_without_kid_only_one_key_may_fit() -> None:
    """Stack facts: joserfc serves any single key."""
    other = PrivateKey.generate("ES256", kid="ec-2").public
    keys = KeySet([EC.public, RSA.public])
    assert keys.select(None, "ES256") is EC.public
    assert code_of(lambda: KeySet([EC.public, other]).select(None, "ES256")) == "kid_required"
    with pytest.raises(KeyUnknown):
        keys.select(None, "Ed25519")
    with pytest.raises(KeyUnknown):
        KeySet([]).select(None, "ES256")
