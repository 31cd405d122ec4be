"""Reading single claims: text, dates and lists, each with one thing wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.protocol.claims import (
    ClaimError,
    numeric_date,
    optional_numeric_date,
    optional_text,
    string_list,
    text,
)
from idjag.protocol.jose.json import parse_object

EXP = 1_900_000_300


def problem_of(call: Callable[[], object], *, claim: str) -> str:
    with pytest.raises(ClaimError) as caught:
        call()
    assert caught.value.claim == claim
    assert str(caught.value) == f"{claim}: {caught.value.problem}"
    return caught.value.problem


BAD_TEXT = [
    pytest.param(None, "not_a_string", id="null"),
    pytest.param(1, "not_a_string", id="number"),
    pytest.param(True, "not_a_string", id="boolean"),
    pytest.param(["a"], "not_a_string", id="list"),
    pytest.param("", "empty", id="empty"),
    pytest.param("a" * 11, "too_long", id="one too long"),
    pytest.param("a\x00b", "control_character", id="NUL"),
    pytest.param("a\n", "control_character", id="line feed at the end"),
    pytest.param("\x7f", "control_character", id="DEL"),
    pytest.param("a\x85", "control_character", id="C1"),
    pytest.param("a\ud800", "control_character", id="lone surrogate"),
]


@pytest.mark.parametrize(("value", "problem"), BAD_TEXT)
def test_text_that_is_no_identifier_is_refused(value: Any, problem: str) -> None:
    """Stack facts: NUL makes PostgreSQL fail. Attack cases 55, 98."""
    claims = {"sub": value}
    assert problem_of(lambda: text(claims, "sub", max_length=10), claim="sub") == problem
    assert problem_of(lambda: optional_text(claims, "sub", max_length=10), claim="sub") == problem


@pytest.mark.parametrize("value", ["a", "a" * 10, "Zoë \U0001f600", " "])
def test_text_is_given_as_it_came(value: str) -> None:
    assert text({"sub": value}, "sub", max_length=10) == value
    assert optional_text({"sub": value}, "sub", max_length=10) == value


def test_text_that_is_absent_is_missing_or_none() -> None:
    """Stack facts: jti missing is accepted by joserfc unless marked essential."""
    assert problem_of(lambda: text({}, "jti", max_length=10), claim="jti") == "missing"
    assert optional_text({}, "jti", max_length=10) is None


@pytest.mark.parametrize("value", [EXP, 1, 2**40 - 1])
def test_a_numeric_date_is_whole_seconds(value: int) -> None:
    read = numeric_date({"exp": value}, "exp")
    assert (read, type(read)) == (value, int)
    assert optional_numeric_date({"exp": value}, "exp") == value


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("true", "not_a_number"),
        ("null", "not_a_number"),
        (f'"{EXP}"', "not_a_number"),
        (f"[{EXP}]", "not_a_number"),
        ("0", "out_of_range"),
        ("-0", "out_of_range"),
        ("-0.0", "out_of_range"),
        ("-1", "out_of_range"),
        (str(10**30), "out_of_range"),
        ("1e30", "out_of_range"),
        ("1e-400", "out_of_range"),
        (str(2**40), "out_of_range"),
        (f"{EXP}.5", "not_whole"),
        (f"{EXP}.0", "not_whole"),
        ("1.9e9", "not_whole"),
    ],
)
def test_what_is_no_date_is_refused(written: str, problem: str) -> None:
    """Stack facts: exp of 10^30 or as boolean. Attack cases 99, 126; JAG-29."""
    claims = parse_object(f'{{"exp":{written}}}')
    assert problem_of(lambda: numeric_date(claims, "exp"), claim="exp") == problem
    assert problem_of(lambda: optional_numeric_date(claims, "exp"), claim="exp") == problem


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_date_that_json_does_not_know_is_refused(value: float) -> None:
    assert problem_of(lambda: numeric_date({"exp": value}, "exp"), claim="exp") == "out_of_range"


def test_a_date_that_is_absent_is_missing_or_none() -> None:
    assert problem_of(lambda: numeric_date({}, "exp"), claim="exp") == "missing"
    assert optional_numeric_date({}, "exp") is None


def test_a_list_keeps_its_order_and_its_repeats() -> None:
    """Attack case 86: whether [ours, ours] is acceptable is for the reader of ``aud`` to see."""
    assert string_list({"amr": ["pwd", "mfa", "pwd"]}, "amr") == ("pwd", "mfa", "pwd")
    assert string_list({"amr": []}, "amr") == ()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        pytest.param("mfa", "not_a_list", id="string"),
        pytest.param(None, "not_a_list", id="null"),
        pytest.param({"mfa": 1}, "not_a_list", id="object"),
        pytest.param(["a"] * 65, "too_many", id="65 items"),
        pytest.param(["a", 1], "not_a_string", id="number in it"),
        pytest.param(["a", ""], "empty", id="empty string in it"),
        pytest.param(["a" * 256], "too_long", id="long string in it"),
        pytest.param(["a\x00"], "control_character", id="NUL in it"),
    ],
)
def test_what_is_no_list_of_strings_is_refused(value: Any, problem: str) -> None:
    assert problem_of(lambda: string_list({"amr": value}, "amr"), claim="amr") == problem


def test_a_list_that_is_absent_is_missing() -> None:
    assert problem_of(lambda: string_list({}, "amr"), claim="amr") == "missing"


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()))
def test_nothing_but_a_claim_error_ever_comes_out(value: Any) -> None:
    for read in (numeric_date, string_list, lambda c, n: text(c, n, max_length=8)):
        with contextlib.suppress(ClaimError):
            read({"claim": value}, "claim")
