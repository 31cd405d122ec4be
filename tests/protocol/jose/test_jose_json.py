"""Strict JSON: what is refused, what is not, and the canonical form."""

from __future__ import annotations

import contextlib
import enum
import json
import time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from idjag.protocol.jose import JsonError
from idjag.protocol.jose.json import canonical, canonical_part, parse, parse_object
from tests.protocol.jose.forge import code_of

FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | FINITE | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("text", [b'{"exp": 1}', '{"exp": 1}', b' \t\r\n{"exp" : 1 }\n'])
def test_an_object_is_read_from_octets_and_from_text(text: bytes | str) -> None:
    assert parse(text) == {"exp": 1}


def test_every_kind_of_value_is_read() -> None:
    assert parse('[null, true, false, 1, -0, 1.5, 1e3, "\\ud83d\\ude00 \\u0000"]') == [
        None,
        True,
        False,
        1,
        0,
        1.5,
        1000.0,
        "\U0001f600 \x00",
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(b'{"a":1,"a":1}', "duplicate_member", id="the same member twice"),
        pytest.param(b'{"a":1,"\\u0061":2}', "duplicate_member", id="twice, once escaped"),
        pytest.param(b'{"b":[{"a":1,"a":2}]}', "duplicate_member", id="twice, below"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', "bom", id="byte order mark"),
        pytest.param('\ufeff{"a":1}', "bom", id="byte order mark in text"),
        pytest.param('{"a":1}'.encode("utf-16"), "not_utf8", id="UTF-16 with mark"),
        pytest.param('{"a":1}'.encode("utf-16-le"), "syntax", id="UTF-16 without mark"),
        pytest.param('{"a":1}'.encode("utf-32-be"), "syntax", id="UTF-32"),
        pytest.param(b'{"a":"\xff"}', "not_utf8", id="not UTF-8"),
        pytest.param(b'{"a":"\xc0\x80"}', "not_utf8", id="overlong NUL"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', "not_utf8", id="surrogate as octets"),
        pytest.param('{"a":"\ud800"}', "not_utf8", id="surrogate in text"),
        pytest.param(b'{"a":"\\ud800"}', "lone_surrogate", id="lone high surrogate"),
        pytest.param(b'{"a":["\\uDC00\\uD800"]}', "lone_surrogate", id="surrogates in wrong order"),
        pytest.param(b'{"\\ud800":1}', "lone_surrogate", id="lone surrogate in a name"),
        pytest.param(b'{"a":NaN}', "not_finite", id="NaN"),
        pytest.param(b'{"a":Infinity}', "not_finite", id="Infinity"),
        pytest.param(b'{"a":-Infinity}', "not_finite", id="minus Infinity"),
        pytest.param(b'{"a":1e400}', "not_finite", id="float that overflows"),
        pytest.param(b'{"a":-1.0e400}', "not_finite", id="negative float that overflows"),
        pytest.param(b'{"a":' + b"1" * 33 + b"}", "number_too_long", id="33 digits"),
        pytest.param(b'{"a":' + b"1" * 100_000 + b"}", "number_too_long", id="100000 digits"),
        pytest.param(b'{"a":0.' + b"1" * 32 + b"}", "number_too_long", id="33 digits of a float"),
        pytest.param(b'{"a":1e' + b"0" * 31 + b"1}", "number_too_long", id="33 digits with exponent"),
        pytest.param(b'{"a":1}x', "syntax", id="trailing text"),
        pytest.param(b'{"a":1}{"a":1}', "syntax", id="second value"),
        pytest.param(b'{"a":1}\x00', "syntax", id="trailing NUL"),
        pytest.param(b'{"a":1}\x0c', "syntax", id="form feed is no JSON space"),
        pytest.param(b'{"a":1,}', "syntax", id="trailing comma"),
        pytest.param(b"{'a':1}", "syntax", id="single quotes"),
        pytest.param(b'{"a":01}', "syntax", id="leading zero"),
        pytest.param(b'{"a":+1}', "syntax", id="plus sign"),
        pytest.param(b'{"a":"\n"}', "syntax", id="raw control character"),
        pytest.param(b'{"a":"\\x41"}', "syntax", id="unknown escape"),
        pytest.param(b'{"a":1 /* */}', "syntax", id="comment"),
        pytest.param(b'{"a":"', "syntax", id="unterminated string"),
        pytest.param(b"", "syntax", id="nothing"),
        pytest.param('{"a":\u0661}', "syntax", id="digit that is not ASCII"),
    ],
)
def test_text_that_parsers_disagree_about_is_refused(text: bytes | str, code: str) -> None:
    """Stack facts, both joserfc tables; attack case 126; JAG-29."""
    assert code_of(lambda: parse(text)) == code


def test_32_digits_are_read() -> None:
    assert parse("1" * 32) == int("1" * 32)
    assert parse("-0." + "1" * 31) == float("-0." + "1" * 31)


@pytest.mark.parametrize("text", ["[]", '{"a":1}', '"a"', "1", "null"])
def test_an_object_is_required_where_one_is_asked_for(text: str) -> None:
    if text.startswith("{"):
        assert parse_object(text) == {"a": 1}
    else:
        assert code_of(lambda: parse_object(text)) == "not_an_object"


@pytest.mark.parametrize("levels", [17, 990, 1_000, 100_000])
@pytest.mark.parametrize("shape", ["array", "object", "unclosed"])
def test_a_value_deeper_than_16_is_refused_before_it_is_parsed(levels: int, shape: str) -> None:
    """Attack case 126: never a RecursionError."""
    text = {
        "array": "[" * levels + "]" * levels,
        "object": '{"a":' * levels + "1" + "}" * levels,
        "unclosed": "[" * levels,
    }[shape]
    assert code_of(lambda: parse(text)) == "too_deep"


def test_a_value_of_depth_16_is_read() -> None:
    assert canonical(parse("[" * 16 + "]" * 16)) == b"[" * 16 + b"]" * 16
    assert code_of(lambda: parse("[[]]", max_depth=1)) == "too_deep"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('["' + "[" * 40 + '"]', id="brackets in a string"),
        pytest.param('["\\"' + "[" * 40 + '\\\\"]', id="brackets after an escaped quote"),
        pytest.param("[" + ",".join(["[]"] * 40) + "]", id="many, side by side"),
    ],
)
def test_brackets_that_do_not_nest_are_not_counted(text: str) -> None:
    assert parse(text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 17 + '"' + '\\"' * 300_000, id="unterminated, all escapes"),
        pytest.param('"' + '\\"' * 300_000 + "[" * 17, id="brackets inside an unterminated one"),
        pytest.param("[]" * 300_000, id="brackets alone"),
        pytest.param('"' + '\\"' * 300_000 + "[" * 17 + "\\", id="ends in a backslash"),
    ],
)
def test_the_depth_is_counted_in_linear_time(text: str) -> None:
    started = time.process_time()
    assert code_of(lambda: parse(text)) in {"too_deep", "syntax"}
    assert time.process_time() - started < 2


@pytest.mark.parametrize("text", ['"éé"', '"éé"'.encode()])
def test_octets_are_limited_not_characters(text: str | bytes) -> None:
    assert parse(text, max_bytes=6) == "éé"
    assert code_of(lambda: parse(text, max_bytes=5)) == "too_long"


def test_too_much_text_is_refused_before_it_is_looked_at() -> None:
    assert code_of(lambda: parse("x" * 11, max_bytes=10)) == "too_long"
    assert code_of(lambda: parse("x" * 10, max_bytes=10)) == "syntax"


@given(st.binary() | st.text(alphabet='{}[]":,\\u0123456789eE+-.dDtrfalsn ', max_size=40))
def test_nothing_but_a_json_error_ever_comes_out(text: bytes | str) -> None:
    with contextlib.suppress(JsonError):
        parse(text)


@given(VALUES)
def test_what_the_standard_library_writes_is_read_the_same(value: Any) -> None:
    try:
        read = parse(json.dumps(value))
    except JsonError as error:
        assert error.code == "too_deep"  # noqa: PT017 - the one limit that these values can reach
    else:
        assert read == value


@given(VALUES)
def test_the_canonical_form_is_a_fixed_point(value: Any) -> None:
    try:
        text = canonical(value)
    except JsonError as error:
        assert error.code in {"not_canonical", "too_deep"}  # noqa: PT017 - a fraction among the floats
    else:
        assert canonical(json.loads(text)) == text
        assert json.loads(text) == value


@given(VALUES)
def test_a_part_is_written_as_the_whole_would_write_it(value: Any) -> None:
    try:
        text = canonical([value])
    except JsonError:
        assume(False)
    assert f"[{canonical_part(value)}]".encode() == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "é"]}, '{"a":[true,null,"é"],"b":1}'),
        ({"z": {"y": 1, "x": 2}}, '{"z":{"x":2,"y":1}}'),
        ([1.0, -0.0, 2, {"a": 3.0}], '[1,0,2,{"a":3}]'),
        ('\x00\n"', '"\\u0000\\n\\""'),
        ({}, "{}"),
    ],
)
def test_the_canonical_form_is_sorted_and_without_spaces(value: Any, text: str) -> None:
    assert canonical(value) == text.encode()


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(1.5, "not_canonical", id="fraction"),
        pytest.param(float("nan"), "not_canonical", id="NaN"),
        pytest.param([float("inf")], "not_canonical", id="Infinity"),
        pytest.param((1, 2), "not_canonical", id="tuple"),
        pytest.param({"a": {1}}, "not_canonical", id="set"),
        pytest.param({1: 2}, "not_canonical", id="number as a name"),
        pytest.param({None: 2}, "not_canonical", id="null as a name"),
        pytest.param(b"a", "not_canonical", id="octets"),
        pytest.param(Colour.RED, "not_canonical", id="enumeration"),
        pytest.param("\ud800", "lone_surrogate", id="lone surrogate"),
    ],
)
def test_a_value_without_one_spelling_has_no_canonical_form(value: Any, code: str) -> None:
    assert code_of(lambda: canonical(value)) == code


def test_a_value_that_contains_itself_has_no_canonical_form() -> None:
    ring: list[Any] = []
    ring.append(ring)
    assert code_of(lambda: canonical(ring)) == "too_deep"
