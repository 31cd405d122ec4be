"""Reading single claims of a claims set that has been parsed; what they mean is not known here."""

from __future__ import annotations

import re
from collections.abc import Mapping

# C0, DEL, C1 and surrogates: none belongs in an identifier, and NUL makes PostgreSQL fail.
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# Year 36812: beyond any date that we mean, within every integer column that stores one.
_LAST_DATE = 2**40


class ClaimError(Exception):
    """The claim named ``claim`` is not as required; ``problem`` is stable, never a value."""

    def __init__(self, claim: str, problem: str) -> None:
        super().__init__(f"{claim}: {problem}")
        self.claim = claim
        self.problem = problem


def text(claims: Mapping[str, object], name: str, *, max_length: int) -> str:
    """The required string, not empty, of at most ``max_length`` characters, none of them a control.

    Raises ClaimError: missing, not_a_string, empty, too_long, control_character.
    """
    return _text(_required(claims, name), name, max_length=max_length)


def optional_text(claims: Mapping[str, object], name: str, *, max_length: int) -> str | None:
    """Like ``text``, or None when the claim is absent; null is not absence and is refused."""
    return text(claims, name, max_length=max_length) if name in claims else None


def numeric_date(claims: Mapping[str, object], name: str) -> int:
    """The required NumericDate (RFC 7519 section 2) in whole seconds, written as an integer.

    Raises ClaimError: missing, not_a_number, not_whole, out_of_range.
    """
    value = _required(claims, name)
    # True == 1 in Python, so that a boolean would pass for a date in 1970.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ClaimError(name, "not_a_number")
    if not 0 < value < _LAST_DATE:
        raise ClaimError(name, "out_of_range")
    # 1.9e9 too: no two parsers need agree on what a float is (attack cases 99, 126)
    if isinstance(value, float):
        raise ClaimError(name, "not_whole")
    return value


def optional_numeric_date(claims: Mapping[str, object], name: str) -> int | None:
    """Like ``numeric_date``, or None when the claim is absent; null is refused."""
    return numeric_date(claims, name) if name in claims else None


def string_list(
    claims: Mapping[str, object], name: str, *, max_items: int = 64, max_length: int = 255
) -> tuple[str, ...]:
    """The required array of strings, in its order, repeats kept; each held to the rules of ``text``.

    Raises ClaimError: missing, not_a_list, too_many, and those of ``text`` for an item.
    """
    value = _required(claims, name)
    if not isinstance(value, list):
        raise ClaimError(name, "not_a_list")
    if len(value) > max_items:
        raise ClaimError(name, "too_many")
    return tuple(_text(item, name, max_length=max_length) for item in value)


def _required(claims: Mapping[str, object], name: str) -> object:
    if name not in claims:
        raise ClaimError(name, "missing")
    return claims[name]


def _text(value: object, name: str, *, max_length: int) -> str:
    if not isinstance(value, str):
        raise ClaimError(name, "not_a_string")
    if not value:
        raise ClaimError(name, "empty")
    if len(value) > max_length:
        raise ClaimError(name, "too_long")
    if _NOT_TEXT.search(value):
        raise ClaimError(name, "control_character")
    return value
