"""DPoP proofs: whether one is for this request and from now (RFC 9449 section 4.3)."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.protocol import dpop, names
from idjag.protocol.dpop import Proof
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.jose import base64url, thumbprint
from tests.protocol.parts import KEY, NOW, OUT, STRANGER, outcome, refusal
from tests.protocol.possession import CLAIMS, URI, accepted, proof, refused_for, with_claims
from tests.protocol.test_id_jag_accept import JSON

TOKEN = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"
ATH = base64url.encode(hashlib.sha256(TOKEN.encode()).digest())


def test_a_right_proof_says_which_key_was_proven() -> None:
    """DPOP-02, DPOP-04: RFC 9449 section 4.3."""
    assert accepted(proof()) == Proof(jkt=thumbprint(KEY.public), jti="proof-1", iat=NOW, htu=URI)
    assert accepted(with_claims(nonce="n-1")).nonce == "n-1"
    assert accepted(with_claims(more={"x": [1]})).jti == "proof-1"


def test_an_endpoint_may_have_two_places() -> None:
    """DPOP-02, RFC 8705 section 5: a proof says which, and is good once whichever it says."""
    alias = "https://mtls.chat.example/token"
    there = accepted(with_claims(htu=alias), alias=alias)
    assert (there.htu, accepted(proof(), alias=alias).htu) == (alias, URI)
    assert there.scope == accepted(with_claims(htu=alias), uri=alias, alias=URI).scope
    assert refused_for(with_claims(htu=alias)) == {"claim": "htu", "expected": URI, "got": alias}
    elsewhere = with_claims(htu="https://evil.example/token")
    assert refusal(lambda: accepted(elsewhere, alias=alias)).reason is Reason.DPOP_PROOF_INVALID


@pytest.mark.parametrize("typ", ["dpop+jwt", "DPoP+JWT", "application/dpop+jwt"])
def test_the_type_may_be_spelled_as_any_media_type(typ: str) -> None:
    """RFC 7515 section 4.1.9."""
    assert accepted(proof(typ=typ)).iat == NOW


@pytest.mark.parametrize(
    "typ", [OUT, "JWT", "dpop", "at+jwt", "oauth-id-jag+jwt", "client-authentication+jwt", "jwt+dpop"]
)
def test_another_type_is_no_proof(typ: Any) -> None:
    """DPOP-02, attack case 107: RFC 8725 section 3.11."""
    assert refused_for(proof(typ=typ)) == {"typ": "absent" if typ is OUT else typ.lower()}


@pytest.mark.parametrize("method", ["GET", "post", "PUT"])
def test_a_proof_is_for_one_method(method: str) -> None:
    """DPOP-02, attack case 107; methods have a case (RFC 9110 section 9.1)."""
    assert refused_for(with_claims(htm=method)) == {"claim": "htm", "problem": "mismatch"}
    assert accepted(with_claims(htm=method), method=method).htu == URI


@pytest.mark.parametrize(
    "htu",
    [
        f"{URI}?a=b",
        f"{URI}#part",
        f"{URI}?a=b#part?x",
        f"{URI}#part?x",
        f"{URI}?",
        "HTTPS://acme.chat.example/token",
        "https://ACME.chat.example/token",
        "https://acme.chat.example:443/token",
        "https://acme.chat.example:/token",
        "https://acme.chat.example/%74oken",
        "https://acme.chat.example/x/../token",
        "https://acme.chat.example/./token",
    ],
)
def test_the_uri_is_compared_without_query_and_fragment_in_its_normal_form(htu: str) -> None:
    """DPOP-02, attack case 107: RFC 9449 section 4.3, RFC 3986 section 6.2."""
    assert accepted(with_claims(htu=htu)).htu == URI
    assert accepted(proof(), uri=htu).htu == URI


@pytest.mark.parametrize(
    "htu",
    [
        "https://other.chat.example/token",
        "https://acme.chat.example.evil.example/token",
        "https://acme.chat.example@evil.example/token",
        "https://evil.example/https://acme.chat.example/token",
        "https://x@acme.chat.example/token",
        "https://acme.chat.example./token",
        "https://acme.chat.example:8443/token",
        "https://acme.chat.example:80/token",
        "http://acme.chat.example/token",
        "wss://acme.chat.example/token",
        "//acme.chat.example/token",
        "/token",
        "token",
        "https://acme.chat.example",
        "https://acme.chat.example/",
        "https://acme.chat.example/token/",
        "https://acme.chat.example//token",
        "https://acme.chat.example/Token",
        "https://acme.chat.example/token/more",
        "https://acme.chat.example/to%2Fken",
        "https://acme.chat.example/token%20",
        "https://acme.chat.example/token%3Fa=b",
        "https:\\\\acme.chat.example\\token",
        "https://acme.chat.example\\@evil.example/token",
        " https://acme.chat.example/token",
        "urn:acme:token",
        "?",
        "#",
    ],
)
def test_a_proof_for_another_uri_is_refused(htu: str) -> None:
    """DPOP-02, attack case 107: another host, path, port or scheme."""
    fact = refused_for(with_claims(htu=htu))
    assert (fact["claim"], fact["expected"]) == ("htu", URI)


@pytest.mark.parametrize("path", ["", "/"])
def test_an_empty_path_and_a_slash_are_one(path: str) -> None:
    """RFC 3986 section 6.2.3; no other slash may come or go."""
    made = accepted(with_claims(htu="https://acme.chat.example"), uri=f"https://acme.chat.example{path}")
    assert made.htu == "https://acme.chat.example/"


@pytest.mark.parametrize("path", ["/files/a|b", "/x^y", "/%zz", "/" + "x" * 3000])
def test_a_path_is_compared_even_where_it_is_no_strict_uri(path: str) -> None:
    """Browsers put such characters on the wire and into htu alike: the API decides what it serves."""
    uri = f"https://acme.chat.example{path}"
    assert accepted(with_claims(htu=uri), uri=uri).htu == uri


@pytest.mark.parametrize(
    ("iat", "good"),
    [
        (0, True),
        (-10, True),
        (10, True),
        (-119, True),
        (-120, False),
        (-3600, False),
        (60, True),
        (61, False),
        (3600, False),
    ],
)
def test_a_proof_is_from_now(iat: int, *, good: bool) -> None:
    """DPOP-02, attack case 107: two minutes old at most, one minute ahead at most."""
    if good:
        assert accepted(with_claims(iat=NOW + iat)).iat == NOW + iat
    else:
        assert refused_for(with_claims(iat=NOW + iat)) == {
            "claim": "iat",
            "iat": str(NOW + iat),
            "now": str(NOW),
        }


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"exp": NOW - 59}, None),
        ({"exp": NOW - 60}, ("exp", "past")),
        ({"exp": NOW - 3600}, ("exp", "past")),
        ({"nbf": NOW + 60}, None),
        ({"nbf": NOW + 61}, ("nbf", "ahead")),
        ({"exp": NOW + 10**6, "nbf": NOW - 10**6}, None),
        ({"exp": str(NOW + 60)}, ("exp", "not_a_number")),
        ({"nbf": None}, ("nbf", "not_a_number")),
    ],
)
def test_exp_and_nbf_narrow_what_a_proof_is_good_for(
    changes: dict[str, Any], problem: tuple[str, str] | None
) -> None:
    """Attack case 107: honoured, whoever writes them, and by the skew of everything else."""
    if problem is None:
        assert accepted(with_claims(**changes)).iat == NOW
    else:
        assert refused_for(with_claims(**changes)) == {"claim": problem[0], "problem": problem[1]}


def test_exp_never_makes_a_proof_live_longer() -> None:
    """The window of iat is ours: what lives longer must be remembered longer."""
    assert accepted(with_claims(iat=NOW - 119, exp=NOW + 3600)).iat == NOW - 119
    assert refused_for(with_claims(iat=NOW - 120, exp=NOW + 3600))["claim"] == "iat"


@pytest.mark.parametrize("name", ["htm", "htu", "jti", "nonce"])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (OUT, "missing"),
        ("", "empty"),
        (1, "not_a_string"),
        (None, "not_a_string"),
        (["x"], "not_a_string"),
        ("x" * 10_240, "too_long"),
        ("x\x00", "control_character"),
        ("x\n", "control_character"),
        ("\x85", "control_character"),
    ],
)
def test_a_claim_that_is_no_text_is_refused(name: str, value: Any, problem: str) -> None:
    """DPOP-02, attack case 107: jti missing, 10 KB, with NUL; and the other texts alike."""
    text = with_claims(**{name: value})
    if (name, value) == ("nonce", OUT):
        assert accepted(text).nonce is None
    elif problem == "too_long":  # 10 KB is more than a whole proof may be; 5 KB is not
        assert refused_for(text) == {"problem": "too_long"}
        assert refused_for(with_claims(**{name: "x" * 5000})) == {"claim": name, "problem": problem}
    else:
        assert refused_for(text) == {"claim": name, "problem": problem}


@pytest.mark.parametrize(("name", "longest"), [("jti", 255), ("nonce", 255)])
def test_a_text_has_a_length(name: str, longest: int) -> None:
    assert getattr(accepted(with_claims(**{name: "x" * longest})), name) == "x" * longest
    fact = {"claim": name, "problem": "too_long"}
    assert refused_for(with_claims(**{name: "x" * (longest + 1)})) == fact


@pytest.mark.parametrize(
    ("iat", "problem"),
    [
        (OUT, "missing"),
        (None, "not_a_number"),
        (True, "not_a_number"),
        (str(NOW), "not_a_number"),
        (NOW + 0.5, "not_whole"),
        (float(NOW), "not_whole"),
        (10**30, "out_of_range"),
        (-1, "out_of_range"),
    ],
)
def test_a_time_that_is_no_whole_number_is_refused(iat: Any, problem: str) -> None:
    """Attack cases 107 and 126."""
    assert refused_for(with_claims(iat=iat)) == {"claim": "iat", "problem": problem}


def test_a_proof_for_an_api_is_made_for_one_access_token() -> None:
    """DPOP-17, attack case 112: RFC 9449 section 4.3, check 12."""
    assert accepted(with_claims(ath=ATH), access_token=TOKEN).iat == NOW
    for ath in (OUT, None, "", ATH.lower(), ATH + "=", ATH[:-1], TOKEN, [ATH], "\u00e9"):
        refused = refusal(lambda ath=ath: accepted(with_claims(ath=ath), access_token=TOKEN))  # type: ignore[misc]
        assert (refused.reason, refused.fact) == (Reason.TOKEN_INVALID, {"claim": "ath"})
    refused = refusal(lambda: accepted(with_claims(ath=ATH), access_token=TOKEN + "x"))
    assert (ANSWERS[refused.reason].error, ANSWERS[refused.reason].status) == ("invalid_token", 401)


def test_a_token_endpoint_asks_for_no_hash() -> None:
    assert accepted(with_claims(ath="whatever")).iat == NOW


def test_the_one_time_id_of_a_proof_is_its_own() -> None:
    """DPOP-16, RFC 9449 section 11.1: per URI and key, so that nobody uses up the jti of another."""
    one = accepted(proof())
    assert dpop.ONCE_KIND == "dpop"
    assert accepted(with_claims(iat=NOW - 1, htu=f"{URI}?x")).scope == one.scope
    assert accepted(proof(key=STRANGER)).scope != one.scope
    assert accepted(with_claims(htu=f"{URI}s"), uri=f"{URI}s").scope != one.scope
    long = "https://acme.chat.example/" + "x" * 3000
    assert len(accepted(with_claims(htu=long), uri=long).scope) == len(one.scope) == 43


@pytest.mark.parametrize("iat", [NOW - 119, NOW, NOW + 60])
def test_a_proof_is_remembered_longer_than_any_server_of_ours_would_take_it(iat: int) -> None:
    """DPOP-16: one node forgets by a clock that is ahead by the skew, another takes it to the last second."""
    until = accepted(with_claims(iat=iat)).until
    last = max(now for now in range(iat, iat + 400) if not _refused(iat, now))
    assert until > last + names.SKEW


def _refused(iat: int, now: int) -> bool:
    return isinstance(outcome(lambda: accepted(with_claims(iat=iat), now=now)), Refused)


def test_a_proof_shows_no_one_time_value() -> None:
    """Contract section 9: never a proof."""
    shown = repr(accepted(with_claims(jti="a-jti-to-hide", nonce="a-nonce-to-hide")))
    assert "to-hide" not in shown
    assert thumbprint(KEY.public) in shown


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        ([(b"authorization", b"DPoP x")], None),
        ([(b"dpop", b"a.b.c")], "a.b.c"),
        ([(b"dpop", b" \ta.b.c ")], "a.b.c"),
        ([(b"dpop", b"")], ""),
    ],
)
def test_a_proof_is_read_from_its_header(headers: list[tuple[bytes, bytes]], expected: str | None) -> None:
    """DPOP-05: none is none; an empty one is one, and wrong."""
    assert dpop.proof_of(headers) == expected
    assert refused_for("") == {"problem": "segments"}


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ([(b"dpop", b"a.b.c"), (b"dpop", b"a.b.c")], "several"),
        ([(b"dpop", b"a.b.c"), (b"x", b"y"), (b"dpop", b"")], "several"),
        ([(b"dpop", b"a.b.c, d.e.f")], "several"),
        ([(b"dpop", b"a.b.c,")], "several"),
        ([(b"dpop", b"a.b.\xff")], "encoding"),
    ],
)
def test_one_request_brings_one_proof(headers: list[tuple[bytes, bytes]], problem: str) -> None:
    """DPOP-02, attack case 108: RFC 9449 section 4.3, check 1."""
    refused = refusal(lambda: dpop.proof_of(headers))
    assert (refused.reason, refused.fact) == (Reason.DPOP_PROOF_INVALID, {"problem": problem})


@given(st.sampled_from([*CLAIMS, "nonce", "exp", "nbf", "ath"]), JSON)
def test_no_value_of_any_claim_makes_anything_but_a_proof_or_a_refusal(name: str, value: Any) -> None:
    read = outcome(lambda: accepted(with_claims(**{name: value}), access_token=TOKEN))
    assert isinstance(read, Refused)
    read = outcome(lambda: accepted(with_claims(**{name: value})))
    if isinstance(read, Refused):
        assert read.reason is Reason.DPOP_PROOF_INVALID
    else:
        assert read.htu == URI


@given(st.text(max_size=40) | st.text(alphabet="AQgw.-_=eyJ,", max_size=60))
def test_no_text_makes_anything_but_a_refusal(text: str) -> None:
    read = outcome(lambda: accepted(text))
    assert isinstance(read, Refused)
    assert read.reason is Reason.DPOP_PROOF_INVALID
