"""The envelope of a token: each way to write it wrongly, beside a control that passes."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.protocol.jose import JoseError, KeySet, base64url, import_public, jws
from tests.protocol.jose.forge import (
    CLAIMS,
    EC,
    MAX,
    RSA,
    TYP,
    accepted,
    code_of,
    header,
    refused,
    token,
)

GOOD = token()
HEAD, BODY, SIGNATURE = GOOD.split(".")


def test_a_token_of_ours_is_read_and_verified() -> None:
    jwt = jws.parse(GOOD, max_bytes=MAX)
    assert (jwt.alg, jwt.kid, jwt.typ) == ("ES256", EC.kid, TYP)
    assert (jwt.header, jwt.claims) == (header(), CLAIMS)
    assert accepted(GOOD) == CLAIMS
    assert jws.verify(GOOD, keys=KeySet([EC.public]), algorithms=["ES256"]) == CLAIMS


def test_the_repr_of_a_token_shows_neither_claims_nor_signature() -> None:
    shown = repr(jws.parse(GOOD, max_bytes=MAX))
    assert shown == f"UnverifiedJwt(alg='ES256', kid={EC.kid!r}, typ={TYP!r})"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("", "segments", id="nothing"),
        pytest.param(HEAD, "segments", id="one segment"),
        pytest.param(f"{HEAD}.{BODY}", "segments", id="two segments"),
        pytest.param(f"{HEAD}.{BODY}.", "segments", id="signature stripped"),
        pytest.param(f"{HEAD}..{SIGNATURE}", "segments", id="detached payload"),
        pytest.param(f".{BODY}.{SIGNATURE}", "segments", id="no header"),
        pytest.param(f"{GOOD}.{SIGNATURE}", "segments", id="four segments"),
        pytest.param(f"{HEAD}.a.b.c.d", "segments", id="five segments"),
        pytest.param("." * MAX, "segments", id="dots alone"),
        pytest.param(f"{GOOD}=", "base64url", id="padding at the end"),
        pytest.param(f"{HEAD}=.{BODY}.{SIGNATURE}", "base64url", id="padding of the header"),
        pytest.param(f"{HEAD}.{BODY}==.{SIGNATURE}", "base64url", id="padding of the payload"),
        pytest.param(f" {GOOD}", "base64url", id="space before"),
        pytest.param(f"{GOOD}\n", "base64url", id="line feed after"),
        pytest.param(f"{HEAD}\r\n.{BODY}.{SIGNATURE}", "base64url", id="line break within"),
        pytest.param(f"{HEAD}.{BODY}\t.{SIGNATURE}", "base64url", id="tab within"),
        pytest.param(f"{HEAD}.{BODY}\x00.{SIGNATURE}", "base64url", id="NUL within"),
        pytest.param(f"{HEAD}.+/{BODY[2:]}.{SIGNATURE}", "base64url", id="the other base64 alphabet"),
        pytest.param(GOOD.replace(".", "%2E"), "segments", id="percent-encoded dots"),
        pytest.param(GOOD.replace(".", "\u3002"), "segments", id="ideographic full stops"),
        pytest.param(f"{HEAD}.{BODY}.\uff21{SIGNATURE[1:]}", "base64url", id="full-width letter"),
        pytest.param(f"{HEAD}.\u0130{BODY[1:]}.{SIGNATURE}", "base64url", id="letter beyond ASCII"),
        pytest.param(f"{HEAD}.{BODY}.\ud800{SIGNATURE[1:]}", "base64url", id="surrogate"),
        pytest.param(f"Bearer {GOOD}", "base64url", id="scheme in front"),
        pytest.param(f'"{GOOD}"', "base64url", id="quoted"),
        pytest.param(None, "not_text", id="null"),
        pytest.param(1, "not_text", id="number"),
        pytest.param([GOOD], "not_text", id="list"),
        pytest.param(GOOD.encode(), "not_text", id="octets"),
    ],
)
def test_another_spelling_of_a_token_is_refused(text: Any, code: str) -> None:
    """Attack cases 115, 130; stack facts, both joserfc tables."""
    assert accepted(GOOD) == CLAIMS
    assert refused(text) == code


def test_a_json_serialization_is_refused() -> None:
    """Attack case 130; RAS-43."""
    flattened = {"protected": HEAD, "payload": BODY, "signature": SIGNATURE}
    general = {"payload": BODY, "signatures": [{"protected": HEAD, "signature": SIGNATURE}]}
    assert refused(json.dumps(flattened)) == "segments"
    assert refused(json.dumps(general)) == "segments"
    # Dots hidden in a member make three segments of it: then the alphabet says no.
    assert refused(json.dumps(flattened | {"x": "a.b.c"})) == "base64url"


@pytest.mark.parametrize("length_beyond_group", [2, 3])
def test_unused_bits_of_the_last_character_must_be_zero(length_beyond_group: int) -> None:
    """Otherwise one signature has 4 or 16 spellings; stack facts: non-canonical base64url."""
    octets = b"\xff" * (length_beyond_group - 1)
    right = base64url.encode(octets)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    wrong = [right[:-1] + last for last in alphabet if last != right[-1]]
    spellings = [text for text in wrong if _decodes_to(text, octets)]
    assert base64url.decode(right) == octets
    assert spellings == []
    assert code_of(lambda: base64url.decode(right[:1])) == "base64url"


def _decodes_to(text: str, octets: bytes) -> bool:
    try:
        return base64url.decode(text) == octets
    except JoseError:
        return False


@given(st.binary(max_size=64))
def test_base64url_is_read_as_it_was_written_and_no_other_way(octets: bytes) -> None:
    text = base64url.encode(octets)
    assert base64url.decode(text) == octets
    assert "=" not in text


@pytest.mark.parametrize(
    ("head", "code"),
    [
        pytest.param('"alg"', "not_an_object", id="the string alg"),
        pytest.param("[]", "not_an_object", id="a list"),
        pytest.param("null", "not_an_object", id="null"),
        pytest.param("", "segments", id="empty"),
        pytest.param("{}", "algorithm", id="an empty object"),
        pytest.param("{", "syntax", id="half an object"),
        pytest.param(json.dumps(header()) + "x", "syntax", id="trailing octet"),
        pytest.param(json.dumps(header())[:-1] + ',"alg":"none"}', "duplicate_member", id="alg twice"),
        pytest.param(json.dumps(header())[:-1] + ',"k\\u0069d":"x"}', "duplicate_member", id="kid twice"),
        pytest.param(json.dumps(header()).encode("utf-16"), "not_utf8", id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps(header()).encode(), "bom", id="byte order mark"),
        pytest.param(header(kid="\ud800"), "lone_surrogate", id="lone surrogate"),
        pytest.param('{"alg":' + "[" * 20 + "]" * 20 + "}", "too_deep", id="too deep"),
    ],
)
def test_a_header_that_is_no_strict_object_is_refused(head: Any, code: str) -> None:
    """Stack facts: joserfc raises a bare TypeError for the first of these."""
    assert accepted(token(json.dumps(header()))) == CLAIMS
    assert refused(token(head)) == code


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        pytest.param("[]", "not_an_object", id="a list"),
        pytest.param(b"\x00", "syntax", id="no JSON"),
        pytest.param(json.dumps(CLAIMS)[:-1] + ',"sub":"admin"}', "duplicate_member", id="sub twice"),
        pytest.param(json.dumps(CLAIMS).encode("utf-16-be"), "syntax", id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps(CLAIMS).encode(), "bom", id="byte order mark"),
        pytest.param(CLAIMS | {"sub": "\ud800"}, "lone_surrogate", id="lone surrogate"),
        pytest.param('{"exp":NaN}', "not_finite", id="exp is NaN"),
        pytest.param('{"exp":Infinity}', "not_finite", id="exp is Infinity"),
        pytest.param('{"exp":1e400}', "not_finite", id="exp overflows"),
        pytest.param('{"unchecked":NaN}', "not_finite", id="NaN where nobody looks"),
        pytest.param('{"exp":' + "9" * 10_000 + "}", "number_too_long", id="10000 digits"),
        pytest.param('{"a":' + "[" * 990 + "]" * 990 + "}", "too_deep", id="990 levels"),
        pytest.param(GOOD, "syntax", id="a nested token"),
    ],
)
def test_a_payload_that_is_no_strict_object_is_refused(claims: Any, code: str) -> None:
    """Stack facts: joserfc takes the last of two members, UTF-16, NaN and 990 levels."""
    assert accepted(token(claims=json.dumps(CLAIMS))) == CLAIMS
    assert refused(token(claims=claims)) == code


@pytest.mark.parametrize(
    "alg",
    [
        "none", "None", "nOnE", "NONE", "", " ES256", "es256", "ES256K", "ES512", "PS256", "RS512", "RS1",
        "HS256", "hs256", "dir", "RSA-OAEP", "Ed448", None, True, 0, ["ES256"], {"ES256": 1},
    ],
)  # fmt: skip
def test_an_algorithm_that_is_not_ours_is_refused(alg: Any) -> None:
    """XCH-40, RAS-09; attack case 114: before any key is looked at."""
    assert code_of(lambda: jws.parse(token(header(alg=alg)), max_bytes=MAX)) == "algorithm"


def test_a_header_without_algorithm_is_refused() -> None:
    """Attack case 114."""
    assert refused(token({"kid": EC.kid, "typ": TYP})) == "algorithm"


HEADER_KEY = EC.public.to_dict()
DANGEROUS = [
    pytest.param({"crit": ["x"], "x": 1}, id="crit, unknown"),
    pytest.param({"crit": []}, id="crit, empty"),
    pytest.param({"crit": "exp"}, id="crit, a string"),
    pytest.param({"crit": ["exp"], "exp": 1}, id="crit, exp"),
    pytest.param({"crit": ["b64"], "b64": False}, id="b64 false"),
    pytest.param({"b64": True}, id="b64 true"),
    pytest.param({"jku": "https://evil.example/jwks"}, id="jku"),
    pytest.param({"x5u": "https://evil.example/cert"}, id="x5u"),
    pytest.param({"x5c": ["AAAA"]}, id="x5c"),
    pytest.param({"zip": "DEF"}, id="zip"),
    pytest.param({"enc": "A256GCM"}, id="enc"),
    pytest.param({"cty": "JWT"}, id="cty of a nested token"),
]


@pytest.mark.parametrize("extra", DANGEROUS)
def test_a_dangerous_header_is_refused_whatever_the_caller_allows(extra: dict[str, Any]) -> None:
    """XCH-40, RAS-43; attack cases 122, 123; stack facts: crit empty, b64, jku, x5u, x5c."""
    text = token(header(**extra))
    assert refused(text) == "header_name"
    assert refused(text, allowed_headers=frozenset({"alg", "kid", "typ", *extra})) == "header_name"


@pytest.mark.parametrize("extra", [{"jwk": HEADER_KEY}, {"epk": {}}, {"p2c": 2**31}, {"nonce": "a"}, {"": 1}])
def test_a_header_that_nobody_allowed_is_refused(extra: dict[str, Any]) -> None:
    """RAS-43; attack cases 122, 133."""
    assert refused(token(header(**extra))) == "header_name"


@pytest.mark.parametrize("extra", [{"x5t": "AAAA"}, {"x5t#S256": "AAAA"}, {"x5t": "A", "x5t#S256": "A"}])
def test_a_certificate_thumbprint_of_a_foreign_issuer_has_no_effect(extra: dict[str, Any]) -> None:
    assert accepted(token(header(**extra))) == CLAIMS


def test_a_key_in_the_header_is_read_where_it_is_allowed_and_selects_nothing() -> None:
    """RFC 9449: the proof's own key; XCH-40: any other token is judged by the keys of its issuer."""
    proof = token({"alg": "ES256", "typ": "dpop+jwt", "jwk": HEADER_KEY}, {"htm": "POST"})
    jwt = jws.parse(proof, max_bytes=MAX, allowed_headers=frozenset({"alg", "typ", "jwk"}))
    assert isinstance(jwt.header["jwk"], dict)
    key = import_public(jwt.header["jwk"], algorithm=jwt.alg)
    assert jws.verify(jwt, keys=KeySet([key]), algorithms=["ES256"]) == {"htm": "POST"}
    assert code_of(lambda: jws.verify(jwt, keys=KeySet([RSA.public]), algorithms=["ES256"])) == "key_unknown"


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
def test_no_header_makes_us_open_a_connection(name: str) -> None:
    """XCH-40; attack case 122, with a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert refused(token(header() | {name: address})) == "header_name"
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    ("typ", "read"),
    [
        ("oauth-id-jag+jwt", "oauth-id-jag+jwt"),
        ("application/oauth-id-jag+jwt", "oauth-id-jag+jwt"),
        ("Application/OAuth-ID-JAG+JWT", "oauth-id-jag+jwt"),
        ("JWT", "jwt"),
        ("text/jwt", "text/jwt"),
    ],
)
def test_the_type_is_compared_as_a_media_type(typ: str, read: str) -> None:
    """JAG-01; attack case 80: RFC 7515 section 4.1.9 makes these equal."""
    assert jws.parse(token(header(typ=typ)), max_bytes=MAX).typ == read


def test_a_type_may_be_absent() -> None:
    assert jws.parse(token({"alg": "ES256", "kid": EC.kid}), max_bytes=MAX).typ is None


@pytest.mark.parametrize(
    "typ",
    [
        "", " ", "oauth-id-jag+jwt ", " oauth-id-jag+jwt", "oauth-id-jag+jwt\n", "a/b/c", "/jwt", "jwt/",
        "application/", "application/application/jwt", "jwt;x=1", "oauth\u2011id-jag+jwt", "\u212aey",
        "a" * 65, None, 1, ["JWT"],
    ],
)  # fmt: skip
def test_a_type_that_is_no_media_type_is_refused(typ: Any) -> None:
    """Attack case 79."""
    assert refused(token(header(typ=typ))) == "typ_malformed"


@pytest.mark.parametrize("kid", ["", "a" * 257, "a\x00", "a\nb", "\x85", None, 1, True, ["ec-1"], {"a": 1}])
def test_a_kid_that_is_no_identifier_is_refused(kid: Any) -> None:
    """Attack case 117."""
    assert refused(token(header(kid=kid))) == "kid_malformed"


def test_a_kid_of_256_characters_is_read() -> None:
    assert jws.parse(token(header(kid="a" * 256)), max_bytes=MAX).kid == "a" * 256
