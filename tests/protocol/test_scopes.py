"""The scope parameter: tokens and single spaces, nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.protocol.errors import Reason
from idjag.protocol.names import MAX_SCOPES
from idjag.protocol.scopes import is_scope_token, join, parse
from tests.protocol.parts import reason_of

# RFC 6749 section 3.3: every ASCII character but space, controls, the double quote and the backslash
TOKEN_CHARACTERS = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"\\')


def test_an_absent_scope_is_none_and_not_empty() -> None:
    """XCH-31: the rule's default scopes are for those who ask for none."""
    assert parse(None) is None


def test_scopes_keep_the_order_in_which_they_were_asked() -> None:
    """XCH-28, JAG-16."""
    assert parse("chat.write chat.read a") == ("chat.write", "chat.read", "a")
    assert join(("chat.write", "chat.read")) == "chat.write chat.read"
    assert join(()) == ""


def test_a_repeated_scope_counts_once() -> None:
    assert parse("b a b a") == ("b", "a")


def test_scopes_differ_by_case() -> None:
    """Attack case 61."""
    assert parse("chat.read Chat.read") == ("chat.read", "Chat.read")


def test_every_character_of_the_grammar_may_be_in_a_scope() -> None:
    """XCH-28."""
    assert parse(TOKEN_CHARACTERS) == (TOKEN_CHARACTERS,)


@pytest.mark.parametrize(
    "scope",
    [
        "",
        " ",
        " chat.read",
        "chat.read ",
        "chat.read  chat.write",
        "chat.read\tchat.write",
        "chat.read\nchat.write",
        "chat.read\r\n",
        "chat.read\n",
        "chat.read\x00",
        "chat.read\x7f",
        "chat.read\u00a0chat.write",
        "chat.read\u2003chat.write",
        "chat.read\u2028chat.write",
        "chat.read\x85chat.write",
        "chat.read\x1cchat.write",
        'chat."read"',
        "chat\\read",
        "chät.read",
        "chat.read \u0661",
    ],
)
def test_a_scope_outside_the_grammar_is_refused(scope: str) -> None:
    """XCH-28, attack case 13: never split on what Unicode calls white space."""
    assert reason_of(lambda: parse(scope)) is Reason.SCOPE_MALFORMED


def test_one_scope_has_a_length() -> None:
    assert parse("s" * 256) == ("s" * 256,)
    assert reason_of(lambda: parse("s" * 257)) is Reason.SCOPE_MALFORMED
    assert is_scope_token("s" * 256)
    assert not is_scope_token("s" * 257)
    assert not is_scope_token("")


def test_scopes_have_a_number() -> None:
    """Attack case 9: repeats count, since they cost as much."""
    assert parse(join(f"s{number}" for number in range(MAX_SCOPES))) is not None
    assert parse(join(["s"] * MAX_SCOPES)) == ("s",)
    assert reason_of(lambda: parse(join(["s"] * (MAX_SCOPES + 1)))) is Reason.SCOPE_MALFORMED


@given(st.lists(st.text(TOKEN_CHARACTERS, min_size=1, max_size=20), min_size=1, max_size=20, unique=True))
def test_what_is_joined_is_read_back(tokens: list[str]) -> None:
    assert parse(join(tokens)) == tuple(tokens)


@given(st.characters(exclude_characters=TOKEN_CHARACTERS + " "))
def test_no_other_character_is_in_a_scope_anywhere(character: str) -> None:
    """XCH-28."""
    for scope in (character, f"a{character}", f"{character}a", f"a b{character}c"):
        assert reason_of(lambda scope=scope: parse(scope)) is Reason.SCOPE_MALFORMED  # type: ignore[misc]
