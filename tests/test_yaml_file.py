"""Strict reading of YAML files: what is a value, what is refused, and where everything stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from idjag.yaml_file import MAX_BYTES, FileError, _read, load, read

STATE = """\
version: 1
users:
  - username: alice
    groups: [engineering, "on call"]
    status: active
  - username: bob
    attributes:
      chat_id: U0194
connections:
- id: wiki-chat
  rules:
  -
    scopes: [chat.read]
"""


def value(text: str | bytes) -> Any:
    return read(text, source="f").value


def problem(text: str | bytes) -> tuple[int, int, str]:
    with pytest.raises(FileError) as caught:
        read(text, source="f")
    error = caught.value
    assert str(error) == f"f:{error.line}:{error.column}: {error.message}"
    assert str(error).isprintable()
    return error.line, error.column, error.message


def test_a_file_becomes_plain_values() -> None:
    """The positive control of this file."""
    assert value(STATE) == {
        "version": 1,
        "users": [
            {"username": "alice", "groups": ["engineering", "on call"], "status": "active"},
            {"username": "bob", "attributes": {"chat_id": "U0194"}},
        ],
        "connections": [{"id": "wiki-chat", "rules": [{"scopes": ["chat.read"]}]}],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("0", 0),
        ("-12", -12),
        ("123456789012345678", 123456789012345678),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("NO", "NO"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("+4912345", "+4912345"),
        ("1.2.3", "1.2.3"),
        ("5m", "5m"),
        ("2027-06-30", "2027-06-30"),
        ("2027-06-30T00:00:00Z", "2027-06-30T00:00:00Z"),
        ("f53f191f9311af35", "f53f191f9311af35"),
        ("Infinite", "Infinite"),
        ("<<", "<<"),
        ("=", "="),
        ('"true"', "true"),
        ("'5'", "5"),
        ('"1.5"', "1.5"),
        ('".nan"', ".nan"),
        ('"\\u00e9\\n\\t"', "é\n\t"),
        ("|\n    two\n    lines\n", "two\nlines\n"),
    ],
)
def test_a_scalar_has_one_reading(text: str, expected: Any) -> None:
    """Of plain scalars only JSON's integers, true, false and null are not text; times stay text."""
    for loader in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        found = _read(f"key: {text}", source="f", loader=loader).value
        assert found == {"key": expected}
        assert type(found["key"]) is type(expected)


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        pytest.param(
            "a: 1\nb:\n  c: 1\n  c: 2\n", 4, 3, "repeated key 'c', first on line 3", id="repeated key"
        ),
        pytest.param('{"a": 1, "a": 1}', 1, 10, "repeated key 'a', first on line 1", id="repeated in JSON"),
        pytest.param('a: 1\n"a": 2\n', 2, 1, "repeated key", id="repeated in another spelling"),
        pytest.param("a: &x 1\nb: 2\n", 1, 4, "anchors", id="anchor"),
        pytest.param("a: &x [1]\nb: *x\n", 1, 4, "anchors", id="anchor of a list"),
        pytest.param("a: 1\nb: *x\n", 2, 4, "anchors", id="alias"),
        pytest.param("a: !!python/object:os.system x\n", 1, 4, "tags", id="custom tag"),
        pytest.param("a: !!str 5\n", 1, 4, "tags", id="standard tag"),
        pytest.param("a: ! 5\n", 1, 4, "tags", id="empty tag"),
        pytest.param("a: !!map {}\n", 1, 4, "tags", id="tag of a mapping"),
        pytest.param("!!set {a}\n", 1, 1, "tags", id="tag of the root"),
        pytest.param("a: 1\n---\nb: 2\n", 2, 1, "second document", id="two documents"),
        pytest.param("1: a\n", 1, 1, "key must be text", id="integer key"),
        pytest.param("a:\n  true: b\n", 2, 3, "key must be text", id="boolean key"),
        pytest.param("~: b\n", 1, 1, "key must be text", id="null key"),
        pytest.param("? [a]\n: b\n", 1, 3, "key must be text", id="list as key"),
        pytest.param("? {a: b}\n: c\n", 1, 3, "key must be text", id="mapping as key"),
        pytest.param("a: .nan\n", 1, 4, "whole", id="nan"),
        pytest.param('{"a": NaN}', 1, 7, "whole", id="NaN in JSON"),
        pytest.param("a: -.inf\n", 1, 4, "whole", id="infinity"),
        pytest.param('{"a": -Infinity}', 1, 7, "whole", id="infinity in JSON"),
        pytest.param("a: 1.5\n", 1, 4, "whole", id="fraction"),
        pytest.param("a: 1e5\n", 1, 4, "whole", id="exponent"),
        pytest.param("a: 1234567890123456789\n", 1, 4, "18 digits", id="long number"),
        pytest.param("a: " + "9" * 100_000, 1, 4, "18 digits", id="very long number"),
        pytest.param("a: b\nc: \x07\n", 2, 4, "control character U+0007", id="control character"),
        pytest.param("a: b\r\nc: \x00\n", 2, 4, "control character U+0000", id="NUL"),
        pytest.param("a: b\u2028", 1, 5, "control character U+2028", id="line separator"),
        pytest.param("a: b\x85", 1, 5, "control character U+0085", id="next line"),
        pytest.param('a: "b\\0"\n', 1, 4, "control character U+0000", id="escaped NUL"),
        pytest.param('{"a": "\\u001b[31m"}', 1, 7, "control character U+001B", id="escaped ESC"),
        pytest.param('{"\\u0000": 1}', 1, 2, "control character U+0000", id="escaped NUL in a key"),
        pytest.param("a: \ufeffb\n", 1, 4, "control character U+FEFF", id="byte order mark inside"),
        pytest.param("a: b\n\tc: d\n", 2, 1, "use spaces, not tabs", id="tab"),
        pytest.param("a: b: c\n", 1, 5, "put text that holds ': ' in quotes", id="colon in text"),
        pytest.param("a: @b\n", 1, 4, "put it in quotes", id="reserved character"),
        pytest.param("a: [1, 2\nb: 3\n", 2, 2, "not well-formed YAML", id="bracket not closed"),
        pytest.param("a:\n  b: 1\n c: 2\n", 3, 2, "not well-formed YAML", id="indentation"),
        pytest.param('a: "b\n', 2, 1, "not well-formed YAML", id="quote not closed"),
        pytest.param('a: "\\ud800"\n', 1, 7, "not well-formed YAML", id="half a surrogate pair"),
        pytest.param("%YAML 1.1\n---\na: 1\n", 1, 1, "directives", id="directive"),
        pytest.param("", 1, 1, "empty", id="empty"),
        pytest.param("# nothing\n\n", 1, 1, "empty", id="only a comment"),
        pytest.param("a: \ud800", 1, 4, "not UTF-8", id="lone surrogate"),
    ],
)
def test_what_is_not_acceptable_is_refused_with_its_place(
    text: str, line: int, column: int, said: str
) -> None:
    """Contract section 4: strict, with line and column."""
    found = problem(text)
    assert found[:2] == (line, column)
    assert said in found[2]


@pytest.mark.parametrize(
    ("octets", "line", "column"),
    [
        pytest.param(b"\xff\xfea\x00", 1, 1, id="UTF-16"),
        pytest.param(b"a: 1\nb: \xe9\n", 2, 4, id="Latin-1"),
        pytest.param(b"a: \xc0\x80\n", 1, 4, id="overlong"),
        pytest.param("é: ü".encode() + b"\xff", 1, 5, id="columns count characters"),
    ],
)
def test_bytes_that_are_not_utf_8_are_refused(octets: bytes, line: int, column: int) -> None:
    """Never a traceback, whatever the bytes."""
    assert problem(octets)[:2] == (line, column)


def test_a_byte_order_mark_in_front_is_forgiven() -> None:
    """Some editors write one whether asked or not."""
    assert value(b"\xef\xbb\xbfa: 1") == value("\ufeffa: 1") == {"a": 1}


def test_files_nest_32_levels_and_no_more() -> None:
    """Nobody needs more, and recursion elsewhere must end."""
    assert value("[" * 32 + "]" * 32) is not None
    assert problem("[" * 33 + "]" * 33)[:2] == (1, 33)
    assert "32 levels" in problem("[" * 1_000_000)[2]


def test_a_file_of_the_limit_is_read_and_one_byte_more_is_not() -> None:
    """10 MB, counted in bytes."""
    fits = "a: " + "b" * (MAX_BYTES - 3)
    assert len(value(fits)["a"]) == MAX_BYTES - 3
    assert "longer than 10 MB" in problem(fits + "b")[2]
    assert "longer than 10 MB" in problem(fits[:-1] + "é")[2]


def test_every_part_has_its_line_and_column() -> None:
    """Counted from 1; the value's place, or the key's."""
    document = read(STATE, source="f")
    expected = {
        (): (1, 1),
        ("version",): (1, 10),
        ("users",): (3, 3),
        ("users", 0): (3, 5),
        ("users", 0, "username"): (3, 15),
        ("users", 0, "groups"): (4, 13),
        ("users", 0, "groups", 1): (4, 27),
        ("users", 0, "status"): (5, 13),
        ("users", 1): (6, 5),
        ("users", 1, "attributes", "chat_id"): (8, 16),
        ("connections",): (10, 1),
        ("connections", 0, "rules", 0, "scopes", 0): (13, 14),
    }
    assert {path: document.position(path) for path in expected} == expected
    assert document.position(("users", 1, "attributes"), key=True) == (7, 5)
    assert document.position(("connections",), key=True) == (9, 1)
    assert document.position(("users", 1), key=True) == (6, 5)


@pytest.mark.parametrize(
    ("path", "ancestor"),
    [
        (("users", 0, "email"), ("users", 0)),
        (("users", 0, "email", "x", 3), ("users", 0)),
        (("users", 2), ("users",)),
        (("users", -1), ("users",)),
        (("users", "0"), ("users",)),
        (("absent",), ()),
        ((0,), ()),
        (("version", "x"), ("version",)),
    ],
)
def test_what_is_missing_is_where_its_nearest_ancestor_is(path: Any, ancestor: Any) -> None:
    """For errors about what is not there."""
    document = read(STATE, source="f")
    for key in (False, True):
        assert document.position(path, key=key) == document.position(ancestor)


def test_columns_count_characters_and_windows_lines_count_once() -> None:
    """As editors do."""
    document = read("é😀: 1\r\nb: {é😀: x, c: 2}\r\n", source="f")
    assert document.position(("é😀",)) == (1, 5)
    assert document.position(("b", "c")) == (2, 15)


def test_an_error_at_a_path_reads_like_a_compiler_message() -> None:
    """FILE:LINE:COLUMN: message."""
    document = read(STATE, source="state.yaml")
    error = document.error(("users", 1, "attributes"), "unknown field", key=True)
    assert str(error) == "state.yaml:7:5: unknown field"


def test_a_file_on_disk_is_read(tmp_path: Path) -> None:
    """The path is the name in messages."""
    path = tmp_path / "state.yaml"
    path.write_bytes(STATE.encode())
    assert load(path).value == value(STATE)
    path.write_bytes(b"a: 1\na: 2\n")
    with pytest.raises(FileError, match=r"state\.yaml:2:1: repeated key"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent.yaml")
