"""How requirements are read from docstrings: all spellings, and nothing that merely looks alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.docstrings import Claim, claims, identifiers, mentioned


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("XCH-19.", ["XCH-19"]),
        ("DPOP-09, AT-03: both.", ["DPOP-09", "AT-03"]),
        ("XCH-02 to XCH-04", ["XCH-02", "XCH-03", "XCH-04"]),
        ("XCH-02 to 04, and more", ["XCH-02", "XCH-03", "XCH-04"]),
        ("XCH-17, 18, 22; attack case 71.", ["XCH-17", "XCH-18", "XCH-22"]),
        (
            "JAG-01 to JAG-02, JAG-11, 12, 14 to 16, 18.",
            [f"JAG-{n:02}" for n in (1, 2, 11, 12, 14, 15, 16, 18)],
        ),
        ("XCH-10, 20, RAS-02, A-03, A-23.", ["XCH-10", "XCH-20", "RAS-02"]),
        ("XCH-17,\n    18, then\n    XCH-20 to\n    XCH-21.", ["XCH-17", "XCH-18", "XCH-20", "XCH-21"]),
        ("XCH-19, XCH-19", ["XCH-19"]),
        ("in (RAS-21, 22)", ["RAS-21", "RAS-22"]),
    ],
)
def test_every_spelling_is_read(text: str, expected: list[str]) -> None:
    assert list(identifiers(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RAS-16, 60 s", ["RAS-16"]),
        ("RAS-12, attack cases 84 to 87.", ["RAS-12"]),
        ("RAS-12 to attack case 87", ["RAS-12"]),
        ("XCH-27, RFC 3986 section 5.2.4.", ["XCH-27"]),
        ("UTF-16, SHA-256, ISO-88, A-07, P4, rfc-12", []),
        ("XCH-19 and 20 more", ["XCH-19"]),
        ("XCH-19, 2027.", ["XCH-19"]),
        ("XCH-17, RAS-18, 19", ["XCH-17", "RAS-18", "RAS-19"]),
    ],
)
def test_a_number_is_a_requirement_only_where_one_can_stand(text: str, expected: list[str]) -> None:
    assert list(identifiers(text)) == expected


@pytest.mark.parametrize("text", ["XHC-19", "XCH-199", "XCH-7"])
def test_a_typing_error_is_kept_so_that_it_can_be_found(text: str) -> None:
    assert identifiers(text) == (text,)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with one file of tests, which nobody runs."""
    tests = tmp_path / "tests" / "a"
    tests.mkdir(parents=True)
    (tests / "test_one.py").write_text(
        '"""RAS-01 in the module."""\n'
        "raise SystemExit('this is never run')\n"
        'async def test_b():\n    """XCH-02, and\n    RAS-03."""\n'
        'class TestIt:\n    """RAS-02 in a class."""\n'
        '    def test_a(self):\n        """XCH-01 is not\n        built."""\n'
        'def test_silent():\n    "no requirement"\n'
        'def helper():\n    """RAS-04 in a helper."""\n'
        'def test_c():\n    # RAS-05 in a comment\n    "XCH-03"\n    x = "RAS-06 in a text"\n',
        encoding="utf-8",
    )
    (tests / "parts.py").write_text('def test_x():\n    """XCH-09"""\n', encoding="utf-8")
    return tmp_path


def test_only_the_docstring_of_a_test_claims(tree: Path) -> None:
    assert claims(tree) == [
        Claim("a/test_one.py", "test_a", ("XCH-01",), refusal=True),
        Claim("a/test_one.py", "test_b", ("XCH-02", "RAS-03"), refusal=False),
        Claim("a/test_one.py", "test_c", ("XCH-03",), refusal=False),
    ]


def test_every_docstring_is_searched_for_typing_errors(tree: Path) -> None:
    found = mentioned(tree)
    assert sorted(found) == [
        "RAS-01", "RAS-02", "RAS-03", "RAS-04", "XCH-01", "XCH-02", "XCH-03", "XCH-09",
    ]  # fmt: skip
    assert found["XCH-09"] == ["tests/a/parts.py"]
