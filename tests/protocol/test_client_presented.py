"""What a request presents as client authentication: exactly one way, decoded exactly."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.protocol import form, names
from idjag.protocol.client_auth import Presented, present
from idjag.protocol.errors import ANSWERS, Reason, Refused
from tests.protocol.parts import KEY, outcome, reason_of, refusal, signed

ID, SECRET = "wiki", "s3cret-of-the-wiki"
ASSERTION = signed({"iss": ID, "sub": ID}, key=KEY)
BY_ASSERTION = {"client_assertion": ASSERTION, "client_assertion_type": names.CLIENT_ASSERTION_TYPE}
BY_POST = {"client_id": ID, "client_secret": SECRET}


def basic(pair: str | bytes) -> bytes:
    return b"Basic " + base64.b64encode(pair if isinstance(pair, bytes) else pair.encode())


BY_BASIC = basic(f"{ID}:{SECRET}")


def presented(authorization: bytes | None = None, /, **parameters: str) -> Presented:
    return present(form.parse(urlencode(parameters).encode()), authorization)


def test_basic_is_read() -> None:
    """CAU-01, interop fact 1: alone, or with the same id in the body."""
    expected = Presented(ID, names.CLIENT_SECRET_BASIC, SECRET)
    assert presented(BY_BASIC) == presented(BY_BASIC, client_id=ID) == expected
    assert expected.in_header


def test_post_is_read() -> None:
    """CAU-01, interop fact 1."""
    expected = Presented(ID, names.CLIENT_SECRET_POST, SECRET)
    assert presented(**BY_POST) == expected
    assert not expected.in_header


def test_an_assertion_is_read() -> None:
    """CAU-02, CAU-07, A-19: ``sub`` says which client is claimed, and the body may repeat it."""
    read = presented(**BY_ASSERTION)
    assert (read.claimed_client, read.method, read.secret) == (ID, names.PRIVATE_KEY_JWT, "")
    assert read.assertion is not None
    assert presented(client_id=ID, **BY_ASSERTION) == read
    assert not read.in_header


def test_an_id_alone_is_no_authentication() -> None:
    """Attack case 40: what a public client may do is for others to say."""
    assert presented(client_id=ID) == Presented(ID, names.NO_AUTHENTICATION)


def test_what_is_presented_does_not_show_its_secret() -> None:
    """Attack case 199."""
    assert SECRET not in repr(presented(**BY_POST))
    assert ASSERTION not in repr(presented(**BY_ASSERTION))


@pytest.mark.parametrize("parameters", [{}, {"client_id": ""}, {"client_id": "", "client_secret": ""}])
def test_nothing_presented_is_refused(parameters: dict[str, str]) -> None:
    """XCH-50, CAU-01: an empty parameter is an absent one."""
    assert reason_of(lambda: presented(**parameters)) is Reason.CLIENT_CREDENTIALS_MISSING


def test_a_secret_without_an_id_is_refused() -> None:
    assert reason_of(lambda: presented(client_secret=SECRET)) is Reason.CLIENT_CREDENTIALS_MISSING


@pytest.mark.parametrize(
    ("authorization", "parameters"),
    [
        pytest.param(BY_BASIC, BY_POST, id="Basic and secret"),
        pytest.param(BY_BASIC, {"client_secret": SECRET}, id="Basic and secret without id"),
        pytest.param(BY_BASIC, BY_ASSERTION, id="Basic and assertion"),
        pytest.param(BY_BASIC, {"client_assertion": "x"}, id="Basic and half an assertion"),
        pytest.param(BY_BASIC, {"client_assertion_type": "x"}, id="Basic and the other half"),
        pytest.param(None, BY_POST | BY_ASSERTION, id="secret and assertion"),
        pytest.param(None, BY_POST | {"client_assertion": "junk"}, id="secret and junk"),
        pytest.param(BY_BASIC, BY_POST | BY_ASSERTION, id="all three"),
        pytest.param(b"Bearer x", BY_POST, id="another scheme and secret"),
        pytest.param(b"", BY_POST, id="an empty header and secret"),
    ],
)
def test_two_ways_are_refused_whichever_is_right(
    authorization: bytes | None, parameters: dict[str, str]
) -> None:
    """CAU-01, attack cases 20 and 32."""
    assert reason_of(lambda: presented(authorization, **parameters)) is Reason.CLIENT_METHODS_SEVERAL
    assert ANSWERS[Reason.CLIENT_METHODS_SEVERAL].error == "invalid_request"


def test_an_id_in_the_body_must_be_that_of_the_header() -> None:
    """RAS-06, CAU-07, interop fact 1."""
    assert presented(BY_BASIC, client_id=ID).claimed_client == ID
    for other in ("other", "WIKI", "wiki "):
        refused = refusal(lambda other=other: presented(BY_BASIC, client_id=other))  # type: ignore[misc]
        assert (refused.reason, refused.fact) == (Reason.PARAMETER_WRONG, {"parameter": "client_id"})


def test_an_id_in_the_body_must_be_that_of_the_assertion() -> None:
    """CAU-07, RFC 7521 section 4.2.1, attack case 25: invalid_client."""
    refused = refusal(lambda: presented(client_id="other", **BY_ASSERTION))
    assert (refused.reason, refused.fact) == (Reason.CLIENT_ASSERTION_INVALID, {"parameter": "client_id"})
    assert ANSWERS[refused.reason].error == "invalid_client"


@pytest.mark.parametrize(
    ("pair", "client_id", "secret"),
    [
        pytest.param("wiki:s", "wiki", "s", id="plain"),
        pytest.param("wiki:a:b:c", "wiki", "a:b:c", id="split at the first colon"),
        pytest.param("a%3Ab:c%3Ad", "a:b", "c:d", id="encoded colons"),
        pytest.param("a+b:c+d", "a b", "c d", id="a plus is a space"),
        pytest.param("a%2Bb:c%2bd", "a+b", "c+d", id="an encoded plus is a plus"),
        pytest.param("wiki:100%25", "wiki", "100%", id="an encoded percent"),
        pytest.param("Zo%C3%AB:%F0%9F%98%80", "Zoë", "\U0001f600", id="encoded UTF-8"),
        pytest.param("a b:c d", "a b", "c d", id="raw spaces"),
        pytest.param("wiki:-._~!$&'()*,;=@/?", "wiki", "-._~!$&'()*,;=@/?", id="raw marks"),
        pytest.param("wiki:", "wiki", "", id="an empty secret is read as one"),
        pytest.param("https%3A%2F%2Fapp.example%2Fcimd:s", "https://app.example/cimd", "s", id="a URL"),
    ],
)
def test_id_and_secret_are_decoded_as_oauth_says(pair: str, client_id: str, secret: str) -> None:
    """CAU-01, attack case 33, interop fact 2."""
    read = presented(basic(pair))
    assert (read.claimed_client, read.secret) == (client_id, secret)


@pytest.mark.parametrize("scheme", [b"Basic", b"basic", b"BASIC", b"bAsIc"])
def test_the_scheme_is_of_any_case(scheme: bytes) -> None:
    assert presented(BY_BASIC.replace(b"Basic", scheme)).claimed_client == ID


def test_spaces_around_the_credentials_are_nothing() -> None:
    assert presented(BY_BASIC.replace(b" ", b"   ") + b" ").claimed_client == ID


@pytest.mark.parametrize(
    ("authorization", "problem"),
    [
        (b"", "scheme"),
        (b"Bearer d2lraTpz", "scheme"),
        (b"Digest username=x", "scheme"),
        (b"Basicd2lraTpz", "scheme"),
        (b"Basic\td2lraTpz", "scheme"),
        (b"Basic", "colon"),
        (b"Basic ", "colon"),
        (basic("wiki"), "colon"),
        (basic(":secret"), "colon"),
        (basic(":"), "colon"),
        (b"Basic wiki:secret", "base64"),
        (b"Basic d2lraTpz!", "base64"),
        (b"Basic d2lr aTpz", "base64"),
        (b"Basic d2lraTp", "base64"),
        (b"Basic d2lraTpzZQ==garbage", "base64"),
        (b"Basic d2lraTpzZQ==\n", "base64"),
        (b"Basic d2lra_-z", "base64"),
        (b"Basic \xe9", "base64"),
        (basic("wiki:%zz"), "encoding"),
        (basic("wiki:100%"), "encoding"),
        (basic("w%iki:s"), "encoding"),
        (basic("wiki:s\x00"), "encoding"),
        (basic("wiki:s\n"), "encoding"),
        (basic("wiki:\x7f"), "encoding"),
        (basic("wiki:Zoë"), "encoding"),
        (basic(b"wiki:\xe9"), "encoding"),
        (basic(b"\xff\xfe:s"), "encoding"),
        (basic("wiki:%FF"), "encoding"),
        (basic("%C3:s"), "encoding"),
        (basic("wiki:%ED%A0%80"), "encoding"),
        (basic("wiki:%00"), "control character"),
        (basic("w%0Aiki:s"), "control character"),
        (basic("wiki:%7f"), "control character"),
    ],
)
def test_a_header_that_cannot_be_read_exactly_is_refused(authorization: bytes, problem: str) -> None:
    """CAU-01, attack case 33: never a guess, never a 500; stack facts on b64decode and non-ASCII."""
    refused = refusal(lambda: presented(authorization))
    assert (refused.reason, refused.fact) == (Reason.CLIENT_CREDENTIALS_MALFORMED, {"problem": problem})
    assert ANSWERS[refused.reason].error == "invalid_client"


@pytest.mark.parametrize("way", ["basic", "post", "none"])
def test_a_client_id_has_a_length(way: str) -> None:
    def by(client_id: str) -> Presented:
        if way == "basic":
            return presented(basic(f"{client_id}:s"))
        return presented(client_id=client_id, **({"client_secret": "s"} if way == "post" else {}))

    assert by("c" * 2048).claimed_client == "c" * 2048
    assert reason_of(lambda: by("c" * 2049)) is Reason.CLIENT_CREDENTIALS_MALFORMED


@pytest.mark.parametrize(
    "changes",
    [
        {"client_assertion_type": ""},
        {"client_assertion": ""},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion_type": names.CLIENT_ASSERTION_TYPE.upper()},
        {"client_assertion_type": "jwt-bearer"},
    ],
)
def test_an_assertion_needs_its_type_and_the_type_its_assertion(changes: dict[str, str]) -> None:
    """CAU-07, SAML-18."""
    assert reason_of(lambda: presented(**(BY_ASSERTION | changes))) is Reason.CLIENT_ASSERTION_TYPE
    assert ANSWERS[Reason.CLIENT_ASSERTION_TYPE].error == "invalid_client"


@pytest.mark.parametrize(
    ("assertion", "fact"),
    [
        pytest.param("junk", {"problem": "segments"}, id="junk"),
        pytest.param(signed({"sub": ID}, alg="none"), {"problem": "algorithm"}, id="alg none"),
        pytest.param(signed({"sub": ID}, alg="HS256"), {"problem": "algorithm"}, id="HMAC"),
        pytest.param(signed({"sub": ID}, jku="https://e.example"), {"problem": "header_name"}, id="jku"),
        pytest.param(signed({"sub": ID, "x": "y" * 4096}), {"problem": "too_long"}, id="too long"),
        pytest.param(signed("[]"), {"problem": "not_an_object"}, id="no claims set"),
        pytest.param(signed({"iss": ID}), {"claim": "sub", "problem": "missing"}, id="no sub"),
        pytest.param(signed({"sub": 1}), {"claim": "sub", "problem": "not_a_string"}, id="sub is a number"),
        pytest.param(signed({"sub": ""}), {"claim": "sub", "problem": "empty"}, id="sub is empty"),
        pytest.param(
            signed({"sub": "c" * 2049}), {"claim": "sub", "problem": "too_long"}, id="sub is too long"
        ),
    ],
)
def test_an_assertion_that_cannot_be_read_is_refused(assertion: str, fact: dict[str, str]) -> None:
    """CAU-02, CAU-06, attack cases 25, 31 and 114 to 134."""
    refused = refusal(lambda: presented(**(BY_ASSERTION | {"client_assertion": assertion})))
    assert (refused.reason, refused.fact) == (Reason.CLIENT_ASSERTION_INVALID, fact)


TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=30)


@given(TEXTS.filter(bool), TEXTS, st.sampled_from([quote, quote_plus]))
def test_whatever_a_client_encodes_is_read_back(client_id: str, secret: str, encode: Any) -> None:
    """CAU-01: with %20 or with + for a space."""
    read = presented(basic(f"{encode(client_id, safe='')}:{encode(secret, safe='')}"))
    assert (read.claimed_client, read.secret) == (client_id, secret)


@given(st.binary(max_size=60) | st.binary(max_size=60).map(basic))
def test_no_header_makes_anything_but_a_client_or_a_refusal(authorization: bytes) -> None:
    """Attack case 33: never a 500."""
    read = outcome(lambda: presented(authorization))
    if isinstance(read, Refused):
        assert read.reason is Reason.CLIENT_CREDENTIALS_MALFORMED
    else:
        assert read.claimed_client
