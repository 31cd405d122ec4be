"""The form of a token request: one reading for every body, or a refusal."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form, parse
from idjag.protocol.names import MAX_BODY, MAX_PARAMETERS
from tests.protocol.parts import outcome, reason_of, refusal


def test_a_form_is_read_by_name() -> None:
    """XCH-01: names and values are percent-decoded, and a plus is a space."""
    form = parse(b"grant_type=urn%3aietf%3Aparams&scope=chat.read+chat.history%20x&%61%2Bb=c")
    assert form.one("grant_type") == "urn:ietf:params"
    assert form.one("scope") == "chat.read chat.history x"
    assert form.one("a+b") == "c"
    assert form.one("nonce") is None


def test_a_value_is_all_that_follows_the_first_equals_sign() -> None:
    assert parse(b"assertion=a=b==").one("assertion") == "a=b=="


def test_a_value_may_be_any_text() -> None:
    assert parse(b"name=Zo%C3%AB+%F0%9F%98%80;x").one("name") == "Zoë \U0001f600;x"


@pytest.mark.parametrize("body", [b"", b"&", b"&&", b"scope=", b"scope", b"scope=&resource=&audience="])
def test_an_empty_value_counts_as_absent(body: bytes) -> None:
    """XCH-03, attack case 11: ``scope=`` is not "all", and ``resource=`` is no resource."""
    form = parse(body)
    assert form.one("scope") is None
    assert form.every("resource") == form.every("audience") == ()


def test_empty_pieces_between_parameters_are_nothing() -> None:
    assert parse(b"&a=1&&b=2&") == Form({"a": ("1",), "b": ("2",)})


def test_unknown_parameters_are_ignored() -> None:
    """XCH-03, attack case 12, interop fact 12."""
    form = parse(b"state=x&scope=chat.read&prompt=consent")
    assert form.required("scope") == "chat.read"


def test_a_missing_parameter_that_is_required_is_refused() -> None:
    """XCH-06, XCH-13: what is missing is in the record, and an empty value is missing."""
    refused = refusal(lambda: parse(b"subject_token=").required("subject_token"))
    assert (refused.reason, refused.fact) == (Reason.PARAMETER_MISSING, {"parameter": "subject_token"})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"grant_type=a&grant_type=b", id="two values"),
        pytest.param(b"grant_type=a&grant_type=a", id="the same value twice"),
        pytest.param(b"grant_type=a&grant_type=", id="then empty"),
        pytest.param(b"grant_type=&grant_type=a", id="empty at first"),
        pytest.param(b"grant_type&grant_type", id="both empty"),
        pytest.param(b"grant_type=a&gr%61nt_type=b", id="spelled in another way"),
        pytest.param(b"grant_type=a&scope=x&grant_type=b", id="apart"),
    ],
)
def test_a_parameter_that_comes_twice_is_refused(body: bytes) -> None:
    """XCH-02, attack case 1."""
    refused = refusal(lambda: parse(body))
    assert (refused.reason, refused.fact) == (Reason.DUPLICATE_PARAMETER, {"parameter": "grant_type"})


@pytest.mark.parametrize(
    "name", ["scope", "client_id", "client_secret", "assertion", "subject_token", "requested_token_type"]
)
def test_no_parameter_hides_behind_an_empty_one(name: str) -> None:
    """XCH-02: an empty value is absent, and still a second one beside it is a repeat."""
    assert parse(f"{name}=&{name}x=".encode()).one(name) is None
    for body in (f"{name}=&{name}=x", f"{name}=x&{name}="):
        assert reason_of(lambda body=body: parse(body.encode())) is Reason.DUPLICATE_PARAMETER  # type: ignore[misc]


def test_an_unknown_parameter_that_comes_twice_is_refused() -> None:
    """XCH-02 speaks of every parameter."""
    assert reason_of(lambda: parse(b"x=1&x=2")) is Reason.DUPLICATE_PARAMETER


@pytest.mark.parametrize("name", ["tGzv3JOkF0XG5Qx2TlKWIA", "a b", "x" * 41, "é"])
def test_a_repeated_name_that_looks_like_no_name_is_not_recorded(name: str) -> None:
    """Attack case 199: people paste secrets where a name belongs."""
    refused = refusal(lambda: parse(urlencode([(name, "1"), (name, "2")]).encode()))
    assert (refused.reason, refused.fact) == (Reason.DUPLICATE_PARAMETER, {})


@pytest.mark.parametrize("name", ["audience", "resource"])
def test_audience_and_resource_may_repeat(name: str) -> None:
    """XCH-02, XCH-23: all of them, in wire order, repeats and all."""
    form = parse(f"{name}=b&{name}=a&{name}=&{name}=b".encode())
    assert form.every(name) == ("b", "a", "b")


@pytest.mark.parametrize("name", ["audience", "resource"])
def test_a_parameter_that_repeats_is_not_one(name: str) -> None:
    """XCH-14: nobody picks one of several."""
    assert parse(f"{name}=a".encode()).one(name) == "a"
    refused = refusal(lambda: parse(f"{name}=a&{name}=b".encode()).one(name))
    assert (refused.reason, refused.fact) == (Reason.DUPLICATE_PARAMETER, {"parameter": name})


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        (b"%zz", "encoding"),
        (b"%4", "encoding"),
        (b"a%", "encoding"),
        (b"%u0041", "encoding"),
        (b"a b", "encoding"),
        (b"a\tb", "encoding"),
        (b"a\r\nb", "encoding"),
        (b"\x00", "encoding"),
        (b"\x7f", "encoding"),
        (b"\xc3\xa9", "encoding"),
        (b"%C3", "not UTF-8"),
        (b"%FF%FE", "not UTF-8"),
        (b"%C0%AF", "not UTF-8"),
        (b"%ED%A0%80", "not UTF-8"),
        (b"a%00b", "control character"),
        (b"%09", "control character"),
        (b"%0A", "control character"),
        (b"%0d%0a", "control character"),
        (b"%1f", "control character"),
        (b"%7F", "control character"),
    ],
)
def test_what_two_parsers_would_read_differently_is_refused(part: bytes, problem: str) -> None:
    """Attack case 13, stack facts: frameworks keep %zz, repair UTF-8 and let NUL through."""
    for body in (b"scope=" + part, part + b"=x", b"a=1&b=" + part):
        refused = refusal(lambda body=body: parse(body))  # type: ignore[misc]
        assert (refused.reason, refused.fact) == (Reason.MALFORMED_FORM, {"problem": problem})


def test_the_first_characters_that_are_no_controls_pass() -> None:
    assert parse(b"a=%20&b=%7e&c=%C2%A0").values == {"a": (" ",), "b": ("~",), "c": ("\xa0",)}


def test_a_body_is_limited_before_it_is_read() -> None:
    """Attack cases 9 and 19: 413."""
    largest = b"a=" + b"x" * (MAX_BODY - 2)
    assert parse(largest).one("a") == "x" * (MAX_BODY - 2)
    assert reason_of(lambda: parse(largest + b"x")) is Reason.TOO_LARGE


def test_parameters_are_counted_before_they_are_read() -> None:
    """Attack case 9: the one beyond is refused although it is malformed too."""
    most = "&".join(f"p{number}=x" for number in range(MAX_PARAMETERS)).encode()
    assert len(parse(most).values) == MAX_PARAMETERS
    refused = refusal(lambda: parse(most + b"&%zz"))
    assert (refused.reason, refused.fact["problem"]) == (Reason.MALFORMED_FORM, "too many parameters")


@given(
    st.dictionaries(
        st.text(st.characters(blacklist_categories=("Cc", "Cs"))),
        st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1),
        max_size=20,
    )
)
def test_what_urlencode_writes_is_read_back(values: dict[str, str]) -> None:
    assert parse(urlencode(values).encode()).values == {name: (value,) for name, value in values.items()}


@given(st.binary(max_size=200))
def test_no_body_makes_anything_but_a_form_or_a_refusal(body: bytes) -> None:
    read = outcome(lambda: parse(body))
    if isinstance(read, Refused):
        assert read.reason in (Reason.MALFORMED_FORM, Reason.DUPLICATE_PARAMETER)
    else:
        assert all(values and all(values) for values in read.values.values())
