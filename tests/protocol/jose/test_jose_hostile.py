"""Tokens that want our time, our memory or an exception that nobody catches."""

from __future__ import annotations

import contextlib
import json
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey

from idjag.protocol.jose import JoseError, KeySet, jws
from tests.protocol.jose.forge import (
    ALGORITHMS,
    CLAIMS,
    EC,
    MAX,
    RSA,
    accepted,
    code_of,
    header,
    refused,
    segment,
    token,
)

GOOD = token()
HEAD, BODY, SIGNATURE = GOOD.split(".")


def test_a_header_is_limited_to_512_characters_unless_the_caller_knows_better() -> None:
    """Stack facts: a DPoP proof with an RSA key needs 550."""
    proof = token({"alg": "RS256", "typ": "dpop+jwt", "jwk": RSA.public.to_dict()}, {"htm": "POST"}, key=RSA)
    allowed = frozenset({"alg", "typ", "jwk"})
    assert len(proof.partition(".")[0]) > 512
    assert refused(proof, allowed_headers=allowed) == "header_too_long"
    assert jws.parse(proof, max_bytes=MAX, max_header=1024, allowed_headers=allowed).typ == "dpop+jwt"
    assert refused(token(header(kid="a" * 5_000))) == "header_too_long"


def test_a_token_is_limited_to_what_the_caller_says() -> None:
    """RAS-43, JAG-29; attack case 132b."""
    large = token(claims=CLAIMS | {"note": "a" * 127_999})
    assert refused(large) == "too_long"
    assert code_of(lambda: jws.verify(large, keys=KeySet([EC.public]), algorithms=["ES256"])) == "too_long"
    assert accepted(GOOD, max_bytes=len(GOOD)) == CLAIMS
    assert refused(GOOD, max_bytes=len(GOOD) - 1) == "too_long"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_ten_megabytes_are_refused_at_once(place: int) -> None:
    """Attack case 134: within 100 ms and 20 MB."""
    parts = [HEAD, BODY, SIGNATURE]
    parts[place] = "A" * 10_000_000
    text = ".".join(parts)
    took = []
    for _ in range(3):  # a collection of garbage may come in between
        started = time.process_time()
        assert refused(text) == "too_long"
        took.append(time.process_time() - started)
    assert min(took) < 0.1
    tracemalloc.start()
    try:
        assert refused(text) == "too_long"
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_an_encrypted_token_is_refused_unopened() -> None:
    """Attack cases 131, 132, 133: by its segments, so that no bomb and no key derivation starts."""
    to_us = ECKey.import_key(dict(EC.public.members))
    nested = jwe.encrypt_compact({"alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWT"}, GOOD, to_us)
    derived = jwe.encrypt_compact(
        {"alg": "dir", "enc": "A256GCM", "zip": "DEF"}, b"a" * 10_000, OctKey.import_key("a" * 32)
    )
    assert refused(nested) == "segments"
    assert refused(derived) == "segments"
    bomb = token({"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 2**31, "p2s": "AAAA"})
    assert refused(bomb) == "header_name"


@given(st.text(max_size=60) | st.text(alphabet="AQgw.-_=eyJ", max_size=60))
def test_nothing_but_a_jose_error_comes_out_of_any_text(text: str) -> None:
    with contextlib.suppress(JoseError):
        accepted(text)


@given(*[st.binary(max_size=60) | st.sampled_from([b"{}", json.dumps(header()).encode()])] * 3)
def test_nothing_but_a_jose_error_comes_out_of_any_segments(
    head: bytes, claims: bytes, signature: bytes
) -> None:
    with pytest.raises(JoseError):
        accepted(f"{segment(head)}.{segment(claims)}.{segment(signature)}")


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_a_token_with_one_character_changed_never_passes(place: int, character: str) -> None:
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    if changed == GOOD:
        assert accepted(changed) == CLAIMS
    else:
        with pytest.raises(JoseError):
            jws.verify(changed, keys=KeySet([EC.public]), algorithms=ALGORITHMS)
