"""Reads an application/x-www-form-urlencoded body strictly: one pass, no guessing (RFC 6749 section 3.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.names import MAX_BODY, MAX_PARAMETERS

__all__ = ["Form", "parse"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Runs of plain octets in one step each: tokens are long.
_PLAIN = re.compile(rb"[^%+\x00-\x20\x7f-\xff]*+")
_ENCODED = re.compile(rb"[^%\x00-\x20\x7f-\xff]*+(?:%[0-9A-Fa-f]{2}[^%\x00-\x20\x7f-\xff]*+)*+")
_REPEATABLE = frozenset({"audience", "resource"})  # RFC 8693 section 2.1
_NAME = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Form:
    """Parameters by name; empty values count as absent (RFC 6749 section 3.1)."""

    values: dict[str, tuple[str, ...]]

    def one(self, name: str) -> str | None:
        """The value; None when absent.  Repeats were refused by ``parse``."""
        values = self.values.get(name, ())
        if len(values) > 1:
            raise Refused(Reason.DUPLICATE_PARAMETER, parameter=name)
        return values[0] if values else None

    def required(self, name: str) -> str:
        """The value; raises Refused PARAMETER_MISSING."""
        value = self.one(name)
        if value is None:
            raise Refused(Reason.PARAMETER_MISSING, parameter=name)
        return value

    def every(self, name: str) -> tuple[str, ...]:
        """All values of a parameter that may repeat, in wire order."""
        return self.values.get(name, ())


def parse(body: bytes) -> Form:
    """Decode the form; raises Refused: TOO_LARGE, MALFORMED_FORM, DUPLICATE_PARAMETER.

    Refuses bad percent-encoding, bytes that are not UTF-8, and control characters anywhere.
    """
    if len(body) > MAX_BODY:
        raise Refused(Reason.TOO_LARGE, limit=MAX_BODY)
    # counted before splitting, so that 10,001 parameters cost nothing
    if body.count(b"&") >= MAX_PARAMETERS:
        raise Refused(Reason.MALFORMED_FORM, problem="too many parameters")
    values: dict[str, tuple[str, ...]] = {}
    seen: set[str] = set()
    for part in body.split(b"&"):
        if not part:
            continue
        raw_name, _, raw_value = part.partition(b"=")
        name, value = _decode(raw_name), _decode(raw_value)
        # an empty repeat is a repeat: which of the two was meant is not ours to guess
        if name in seen and name not in _REPEATABLE:
            # people paste secrets where a name belongs: only what looks like one is recorded
            raise Refused(Reason.DUPLICATE_PARAMETER, parameter=name if _NAME.fullmatch(name) else None)
        seen.add(name)
        if value:
            values[name] = (*values.get(name, ()), value)
    return Form(values)


def _decode(part: bytes) -> str:
    if _PLAIN.fullmatch(part):
        return part.decode("ascii")  # most are tokens and names
    if not _ENCODED.fullmatch(part):
        raise Refused(Reason.MALFORMED_FORM, problem="encoding")
    try:
        text = unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(Reason.MALFORMED_FORM, problem="not UTF-8") from None
    # TAB, CR and LF included: no parameter we know may hold one, and NUL breaks databases.
    if _CONTROL.search(text):
        raise Refused(Reason.MALFORMED_FORM, problem="control character")
    return text
