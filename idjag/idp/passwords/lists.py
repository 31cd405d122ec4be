"""Passwords that are guessed first: the list that comes with zxcvbn, and a file of the operator's own.

Local, and frugal: neither is ever held as a set.  Thirty thousand words are one text of 250 KB, read when the
first new password comes; the operator's file is searched where it lies.
"""

from __future__ import annotations

import hashlib
import importlib.util
import mmap
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Final, cast

__all__ = ["ListRefused", "PasswordList", "is_common"]

_HASH: Final = re.compile(rb"[0-9A-Fa-f]{40}(:[0-9]+)?\r?\n?")
_MOST_PLAIN: Final = 64 * 1024 * 1024
_LONGEST_LINE: Final = 256
_SAMPLES: Final = 256


class ListRefused(ValueError):
    """The operator's list cannot be searched; the message says why."""


def is_common(password: str) -> bool:
    """Whether the text, in lower case, is among the most used passwords."""
    return f",{password}," in _most_used() if "," not in password else False


@cache
def _most_used() -> str:
    # The package itself would build dictionaries of a hundred thousand words: only its list is loaded.
    package = importlib.util.find_spec("zxcvbn")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("No module named 'zxcvbn'", name="zxcvbn")
    path = Path(package.origin).parent / "frequency_lists.py"
    source = SourceFileLoader("idjag_zxcvbn_frequency_lists", str(path))
    lists: dict[str, object] = {}
    code = source.get_code("idjag_zxcvbn_frequency_lists")
    if code is None:
        raise ModuleNotFoundError("zxcvbn has no list of passwords", name="zxcvbn")
    exec(code, lists)  # noqa: S102  # an installed package's module, as importing it would do
    found = cast("Mapping[str, Sequence[str]]", lists["FREQUENCY_LISTS"])
    return f",{','.join(found['passwords'])},"


@dataclass(frozen=True, slots=True)
class PasswordList:
    """The operator's own list: plain lines, or SHA-1 hashes in order, as breach collections are published.

    A hash is 40 hex digits, with ``:count`` behind it or without.
    """

    path: Path
    hashed: bool

    @classmethod
    def open(cls, path: Path) -> PasswordList:
        """The list in a file; raises ListRefused when it could not be searched."""
        try:
            with path.open("rb") as file:
                first = file.readline(_LONGEST_LINE + 1)
                size = path.stat().st_size
        except OSError as error:
            raise ListRefused(f"{path} cannot be read: {error.strerror}") from None
        if not first.strip():
            raise ListRefused(f"{path} is empty or begins with an empty line")
        found = cls(path, _HASH.fullmatch(first) is not None)
        found._check(size)
        return found

    def has(self, password: str) -> bool:
        """Whether the password stands in it, as typed or in lower case; raises OSError."""
        spellings = dict.fromkeys((password, password.lower()))
        texts = [text.encode("utf-8", "surrogatepass") for text in spellings]
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines:
            if self.hashed:
                return any(_has_hash(lines, text) for text in texts)
            return any(_has_line(lines, text) for text in texts)

    def _check(self, size: int) -> None:
        if not self.hashed:
            if size > _MOST_PLAIN:
                raise ListRefused(f"{self.path} is too large to be plain lines: use SHA-1 hashes, in order")
            return
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines:
            starts = sorted({_line_start(lines, size * n // _SAMPLES) for n in range(_SAMPLES)})
            sampled = [_line_at(lines, start) for start in starts if start < len(lines)]
        if not all(_HASH.fullmatch(line) for line in sampled):
            raise ListRefused(f"{self.path} has lines that are no SHA-1 hashes, and begins with one")
        hashes = [line[:40].upper() for line in sampled]
        if hashes != sorted(hashes):
            raise ListRefused(f"{self.path} is not in the order of its hashes: sort it")


def _has_line(lines: mmap.mmap, text: bytes) -> bool:
    at = lines.find(text)
    while at >= 0:
        before = lines[at - 1 : at] if at else b"\n"
        after = lines[at + len(text) : at + len(text) + 1]
        if before == b"\n" and after in (b"", b"\n", b"\r"):
            return True
        at = lines.find(text, at + 1)
    return False


def _has_hash(lines: mmap.mmap, text: bytes) -> bool:
    """Bisection by octets: of the lines that begin in [low, high), none outside can be it."""
    wanted = hashlib.sha1(text, usedforsecurity=False).hexdigest().upper().encode()
    low, high = 0, len(lines)
    while low < high:
        start = _line_start(lines, (low + high) // 2)
        if start >= high:  # no line begins in the upper half: what is left begins at low
            start = low
        line = _line_at(lines, start)
        here = line[:40].upper()
        if here == wanted:
            return True
        low, high = (start + len(line), high) if here < wanted else (low, start)
    return False


def _line_start(lines: mmap.mmap, at: int) -> int:
    """Where the first line begins that begins at this octet or later."""
    if at == 0:
        return 0
    end = lines.find(b"\n", at - 1)
    return len(lines) if end < 0 else end + 1


def _line_at(lines: mmap.mmap, start: int) -> bytes:
    end = lines.find(b"\n", start, start + _LONGEST_LINE)
    return lines[start : end + 1] if end >= 0 else lines[start : start + _LONGEST_LINE]
