"""The ``cnf`` claim: which bindings are read, and that no other is read as none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.protocol import confirmation
from idjag.protocol.claims import ClaimError
from idjag.protocol.jose import JsonValue, thumbprint
from tests.protocol.parts import ED, KEY, RSA
from tests.protocol.possession import jwk_of
from tests.protocol.test_id_jag_accept import JSON

# RFC 9449 sections 4.1 and 6.1
JWK: dict[str, JsonValue] = {
    "kty": "EC",
    "crv": "P-256",
    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
}
JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_a_binding_is_read_as_it_was_written() -> None:
    """DPOP-04, JAG-24: RFC 9449 section 6.1."""
    assert confirmation.claim_of(JKT) == {"jkt": JKT}
    assert confirmation.jkt_of({"cnf": confirmation.claim_of(JKT)}) == JKT


def test_no_claim_is_no_binding() -> None:
    """DPOP-05."""
    assert confirmation.jkt_of({"sub": "x"}) is None


def test_the_example_of_the_rfc() -> None:
    """RFC 9449 section 6.1, and the key of its section 4.1."""
    assert confirmation.jkt_of({"cnf": {"jkt": JKT}}) == confirmation.jkt_of({"cnf": {"jwk": JWK}}) == JKT


@pytest.mark.parametrize("key", [KEY, RSA, ED], ids=lambda key: key.alg)
def test_a_key_stands_for_its_thumbprint(key: Any) -> None:
    """A-21: the older drafts of the jwt-dpop grant."""
    assert confirmation.jkt_of({"cnf": {"jwk": jwk_of(key, kid="x", use="sig")}}) == thumbprint(key.public)


@pytest.mark.parametrize(
    "cnf",
    [
        {},
        None,
        "x",
        JKT,
        [],
        [JKT],
        [{"jkt": JKT}],
        0,
        False,
        {"jkt": ""},
        {"jkt": None},
        {"jkt": [JKT]},
        {"jkt": "x"},
        {"jkt": JKT[:-1]},
        {"jkt": JKT + "A"},
        {"jkt": JKT + "="},
        {"jkt": f"{JKT}\n"},
        {"jkt": JKT[:-1] + "B"},
        {"JKT": JKT},
        {"x5t#S256": JKT},
        {"jkt": JKT, "x5t#S256": JKT},
        {"jkt": JKT, "jwk": JWK},
        {"jkt": JKT, "unknown": 1},
        {"kid": "x"},
        {"jku": "https://evil.example/jwks", "kid": "x"},
        {"jwe": "x"},
        {"jwk": {}},
        {"jwk": None},
        {"jwk": "x"},
        {"jwk": JWK | {"d": "AA"}},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jwk": JWK | {"use": "enc"}},
    ],
    ids=repr,
)
def test_a_binding_that_cannot_be_checked_is_refused(cnf: Any) -> None:
    """DPOP-14: RFC 7800 section 3.1; certificates (mTLS) are not among ours."""
    with pytest.raises(ClaimError, match="cnf: unsupported") as wrong:
        confirmation.jkt_of({"cnf": cnf})
    assert wrong.value.__cause__ is None


@given(JSON | st.dictionaries(st.sampled_from(["jkt", "jwk", "x"]), JSON, max_size=2))
def test_no_value_is_read_as_no_binding(cnf: Any) -> None:
    with pytest.raises(ClaimError, match="cnf: unsupported"):  # none of these happens to be a thumbprint
        confirmation.jkt_of({"cnf": cnf})
