"""The scan of logs and errors that every process here goes through would notice."""

from __future__ import annotations

import pytest

from tests.processes.program import Secrets

LEAKS = [
    pytest.param("password=correct-horse wrong", id="a secret"),
    pytest.param('{"message": "refused eyJhbGciOiJFUzI1NiJ9.e30.c2ln"}', id="a token"),
    pytest.param("began eyJhbGciOiJFUzI1NiIsInR5cCI6Im9h", id="the beginning of a token"),
    pytest.param("Traceback (most recent call last):\n  File ...", id="a traceback"),
]


@pytest.mark.parametrize("text", LEAKS)
def test_what_must_not_be_said_is_found(text: str) -> None:
    assert len(Secrets("correct-horse").found_in(text)) == 1


@pytest.mark.parametrize(
    "text",
    ["INFO:     Started server process [4711]", "ref=eyJSU_-Akfcl5f8Qz0xYwA", "ref=Q7eyJSU_-Akfcl5f8Qz0xY."],
)
def test_an_ordinary_line_is_nothing(text: str) -> None:
    """Ids are random: now and then one looks like the first characters of a token."""
    assert Secrets("correct-horse").found_in(text) == []


def test_what_is_found_is_not_repeated_in_full() -> None:
    [found] = Secrets("correct-horse").found_in("correct-horse")
    assert "correct-horse" not in found
