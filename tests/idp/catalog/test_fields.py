"""Ids, names, durations and times: what is taken, and the sentence for what is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from idjag.durations import LONGEST, format_duration, parse_duration
from idjag.idp.catalog import fields
from idjag.idp.catalog.durations import Duration, Lifetime


def takes(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(Annotated[kind, ...]).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("text", ["a", "wiki-chat_2.0", "A" * 64, "0"])
def test_an_id_is_one_to_64_plain_characters(text: str) -> None:
    assert takes(fields.Id, text)


@pytest.mark.parametrize("text", ["", "A" * 65, "a b", "a/b", "ä", "a\n", "a:b", 7, None])
def test_anything_else_is_no_id(text: object) -> None:
    assert not takes(fields.Id, text)


@pytest.mark.parametrize("text", ["Wiki", "Ä 日本 <b>", "x" * 200, "a 🙂 b"])
def test_a_name_is_what_people_read(text: str) -> None:
    assert takes(fields.Name, text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(" a", id="leading space"),
        pytest.param("a ", id="trailing space"),
        pytest.param("x" * 201, id="too long"),
        pytest.param("a\x00b", id="NUL"),
        pytest.param("a\nb", id="line feed"),
        pytest.param("a\x1b[31m", id="escape sequence"),
        pytest.param("a\u2028b", id="line separator"),
        pytest.param("a\u202eb", id="right-to-left override"),
        pytest.param("a\u2066b", id="isolate"),
        pytest.param("a\u200fb", id="right-to-left mark"),
        pytest.param("a\ud800", id="lone surrogate"),
        pytest.param("a\ufeffb", id="byte order mark"),
    ],
)
def test_a_name_has_nothing_that_cannot_be_seen(text: str) -> None:
    """Attack case 189."""
    assert not takes(fields.Name, text)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5m", 300), ("8h", 28800), ("14d", 1209600)])
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert TypeAdapter(Duration).validate_python(text) == seconds


@pytest.mark.parametrize(
    "value", ["0s", "05m", "5", "5 m", "5M", "-5m", "1.5h", "5m\n", "\uff11h", 300, None, True]
)
def test_anything_else_is_no_duration(value: object) -> None:
    assert not takes(Duration, value)


@given(st.integers(1, LONGEST))
def test_a_duration_is_written_as_it_is_read(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


def test_a_word_that_is_no_duration_is_an_error_and_no_guess() -> None:
    with pytest.raises(ValueError, match="such as 5m"):
        parse_duration("soon")


@pytest.mark.parametrize(("text", "taken"), [("1h", True), ("60m", True), ("3601s", False), ("2h", False)])
def test_an_id_jag_never_lives_longer_than_an_hour(text: str, *, taken: bool) -> None:
    """JAG-12."""
    assert takes(Lifetime, text) is taken


@pytest.mark.parametrize(("text", "taken"), [("366d", True), ("367d", False)])
def test_no_duration_is_longer_than_a_leap_year(text: str, *, taken: bool) -> None:
    assert takes(Duration, text) is taken


@pytest.mark.parametrize(
    "value",
    ["2027-06-30T00:00:00Z", "2027-06-30T02:00:00+02:00", datetime(2027, 6, 30, tzinfo=UTC)],
)
def test_a_time_has_its_zone(value: object) -> None:
    seconds = TypeAdapter(fields.Timestamp).validate_python(value)
    assert seconds == 1814313600
    assert fields.format_timestamp(seconds) == "2027-06-30T00:00:00Z"


@pytest.mark.parametrize(
    "value",
    [
        "2027-06-30",
        "2027-06-30T00:00:00",
        "2027-06-31T00:00:00Z",
        "2027-06-30T24:00:00Z",
        "1999-12-31T23:59:59Z",
        "9999-12-31T00:00:00Z",
        "20270630T000000Z",
        1814313600,
        datetime(2027, 6, 30),  # noqa: DTZ001 - without a zone, that is the point
        None,
    ],
)
def test_anything_else_is_no_time(value: object) -> None:
    assert not takes(fields.Timestamp, value)


@pytest.mark.parametrize("text", ["a@b", "alice.b+c@acme.example", "ä@ö.example"])
def test_an_email_address_has_one_at_sign(text: str) -> None:
    assert takes(fields.Email, text)


@pytest.mark.parametrize("text", ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\n", "a@b\u202e", "<a@b>"])
def test_anything_else_is_no_email_address(text: str) -> None:
    assert not takes(fields.Email, text)


@pytest.mark.parametrize("text", ["", "a b", 'a"b', "a\\b", "ä", "a" * 257, "a\tb"])
def test_a_scope_is_a_scope_token(text: str) -> None:
    """Attack case 13."""
    assert takes(fields.Scope, "chat.read:x")
    assert not takes(fields.Scope, text)


def test_a_list_that_may_not_be_empty_says_so() -> None:
    assert takes(fields.Scopes, ["a"])
    with pytest.raises(ValidationError, match="an empty list matches nothing"):
        TypeAdapter(fields.Scopes).validate_python([])


def test_a_list_names_what_is_in_it_twice() -> None:
    with pytest.raises(ValidationError, match="listed twice: b"):
        TypeAdapter(fields.Scopes).validate_python(["a", "b", "b"])


def test_a_list_of_scopes_has_a_limit() -> None:
    scopes = [f"s{number}" for number in range(257)]
    assert takes(fields.Scopes, scopes[:256])
    assert not takes(fields.Scopes, scopes)


def test_a_refusal_never_repeats_a_secret() -> None:
    """No secrets in errors."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(fields.SecretReference).validate_python("hunter2\x00hunter2")
    assert "hunter2" not in caught.value.errors()[0]["msg"]
