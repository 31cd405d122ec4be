"""What may become a password: long enough, not one that is guessed first, not made of the person's own names.

NIST SP 800-63B-4 section 3.1.1.2: 15 characters where a password is all that is asked for, 8 beside a second
factor; no rules about kinds of characters, no expiry.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from idjag.idp.passwords.lists import PasswordList, is_common
from idjag.idp.signin.passwords import LONGEST, SHORTEST

__all__ = ["ALONE", "Policy", "Weakness", "words_about"]

ALONE: Final = 15

_SHORTEST_WORD: Final = 3
_FEW: Final = 4  # characters around a word that make no password of it
_WORDS: Final = re.compile(r"[^\W\d_]+|\d+")
_NOT_LETTERS: Final = re.compile(r"[\W\d_]+")
_ROWS: Final = (
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "1qaz2wsx3edc4rfv",
)


class Weakness(StrEnum):
    """Why a text may not become a password."""

    UNUSABLE = "unusable"  # empty, too long, or not text
    SHORT = "short"
    COMMON = "common"
    LISTED = "listed"
    PATTERN = "pattern"
    ABOUT_YOU = "about_you"


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for new passwords; ``shortest`` in characters, ``listed`` the operator's own list."""

    shortest: int = ALONE
    listed: PasswordList | None = None

    def weakness(self, password: str, *, about: Iterable[str] = ()) -> Weakness | None:
        """What is wrong with it, if anything; ``about``: names of the person and of where this is."""
        text = unicodedata.normalize("NFKC", password)
        if not _is_text(text):
            return Weakness.UNUSABLE
        if len(text) < max(self.shortest, SHORTEST):
            return Weakness.SHORT
        plain = text.casefold()
        if _is_common(plain):
            return Weakness.COMMON
        if _is_pattern(plain):
            return Weakness.PATTERN
        if _is_about(plain, words_about(*about)):
            return Weakness.ABOUT_YOU
        return Weakness.LISTED if self.listed is not None and self.listed.has(text) else None

    def sentence(self, weakness: Weakness) -> str:
        """What an operator reads; pages have their own words."""
        shortest = max(self.shortest, SHORTEST)
        return {
            Weakness.UNUSABLE: f"a password is text of at most {LONGEST} bytes",
            Weakness.SHORT: f"a password has {shortest} characters or more",
            Weakness.COMMON: "the password is one of those that are guessed first",
            Weakness.LISTED: "the password stands in the list of known passwords",
            Weakness.PATTERN: "the password is a simple repetition or sequence",
            Weakness.ABOUT_YOU: "the password is made of names that everybody knows",
        }[weakness]


def words_about(*names: str | None) -> frozenset[str]:
    """The words that a guesser tries first: user name, address, name, organisation, in parts and whole."""
    return frozenset(word for name in names if name for word in _parts(name) if len(word) >= _SHORTEST_WORD)


def _parts(name: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKC", name).casefold()
    yield plain
    yield from _WORDS.findall(plain)


def _is_text(text: str) -> bool:
    try:
        octets = text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return 0 < len(octets) <= LONGEST


def _is_common(plain: str) -> bool:
    """As it stands, as one word again and again, and as a word with hardly anything around it."""
    if is_common(plain) or is_common(_unit(plain)):
        return True
    word = _NOT_LETTERS.sub("", plain)
    rest = "".join(_NOT_LETTERS.findall(plain))
    return (
        len(word) >= _FEW and is_common(word) and (len(rest) <= _FEW or _is_pattern(rest) or is_common(rest))
    )


def _is_pattern(plain: str) -> bool:
    """One short piece repeated, or neighbours in the alphabet, the digits or a row of keys."""
    if len(set(plain)) <= 2 or len(_unit(plain)) <= _FEW:
        return True
    doubled = [row * 4 for row in (*_ROWS, "abcdefghijklmnopqrstuvwxyz", "0123456789", "1234567890")]
    return any(plain in row or plain in row[::-1] for row in doubled)


def _unit(plain: str) -> str:
    """The shortest piece that, repeated, makes the text; its last repetition may be cut off."""
    for length in range(1, len(plain) // 2 + 1):
        if all(plain[n] == plain[n - length] for n in range(length, len(plain))):
            return plain[:length]
    return plain


def _is_about(plain: str, words: frozenset[str]) -> bool:
    """Whether nothing of its own is left once the names are taken out."""
    left = plain
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word, " ")
    if left == plain:
        return False
    letters = _NOT_LETTERS.sub("", left)
    rest = "".join(re.findall(r"\d", left))
    return (len(letters) < _FEW or is_common(letters)) and (len(rest) <= 2 * _FEW or _is_pattern(rest))
