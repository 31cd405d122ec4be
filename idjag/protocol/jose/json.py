"""Strict JSON: one reading for every text, limits before work, and one canonical form for hashing."""

from __future__ import annotations

import json
import math
import re
from json.encoder import encode_basestring
from typing import TypeAlias, cast

from idjag.protocol.jose.errors import JsonError

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None

_MAX_DIGITS = 32
_MAX_CANONICAL_DEPTH = 64
_BOM = "\ufeff"

# A whole string, or one bracket. Strings are matched possessively and an unterminated one runs to the
# end of the text, so that the scan is linear whatever comes in.
_STRUCTURE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)


def parse(text: bytes | str, *, max_depth: int = 16, max_bytes: int | None = None) -> JsonValue:
    """The value of a JSON text that every conforming parser would read the same way.

    ``max_depth`` counts nested arrays and objects, ``max_bytes`` the UTF-8 octets.
    Raises JsonError: too_long, not_utf8, bom, too_deep, syntax, duplicate_member, not_finite,
    number_too_long, lone_surrogate.
    """
    source = _source(text, max_bytes=max_bytes)
    # Fewer brackets than levels cannot nest too deeply: the usual token never pays for the scan.
    if source.count("[") + source.count("{") > max_depth:
        _limit_depth(source, max_depth)
    try:
        value: JsonValue = _DECODER.decode(source)
    except ValueError:
        # Without its cause: a JSONDecodeError carries the whole text.
        raise JsonError("syntax") from None
    if "\\u" in source:
        _refuse_surrogates(value)
    return value


def parse_object(
    text: bytes | str, *, max_depth: int = 16, max_bytes: int | None = None
) -> dict[str, JsonValue]:
    """The members of a JSON text that must be an object; raises JsonError, also ``not_an_object``."""
    value = parse(text, max_depth=max_depth, max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise JsonError("not_an_object")
    return value


def canonical(value: JsonValue) -> bytes:
    """The one UTF-8 text of a value, for hashing: members sorted by code point, no spaces.

    A float is written as the integer that it equals; others have no agreed spelling and are refused.
    Raises JsonError: not_canonical, too_deep, lone_surrogate.
    """
    return canonical_text(canonical_value(value))


def canonical_part(value: JsonValue) -> str:
    """``canonical`` of a member, as text: whoever hashes members by themselves writes each of them once.

    Raises JsonError: not_canonical, too_deep; half a surrogate pair shows when the text is encoded.
    """
    # Most are plain, and the encoder takes longer to begin than to write those.
    if type(value) is str:
        return encode_basestring(value)
    if type(value) is int:
        return str(value)
    if type(value) is list and _TEXT.issuperset(map(type, value)):
        return f"[{','.join(map(encode_basestring, cast('list[str]', value)))}]"
    return _CANONICAL.encode(canonical_value(value))


def canonical_value(value: JsonValue) -> JsonValue:
    """The value as ``canonical`` writes it, checked: its parts need not be checked again.

    Raises JsonError: not_canonical, too_deep.
    """
    return _without_floats(value) if _check_canonical(value) else value


def canonical_text(value: JsonValue) -> bytes:
    """The text of a ``canonical_value``, or of a part of one; raises JsonError lone_surrogate."""
    try:
        return _CANONICAL.encode(value).encode("utf-8")
    except UnicodeEncodeError:
        raise JsonError("lone_surrogate") from None


def _source(text: bytes | str, *, max_bytes: int | None) -> str:
    """The text as str; both ways in are held to well-formed UTF-8 without a byte order mark."""
    if max_bytes is not None and len(text) > max_bytes:
        raise JsonError("too_long")
    try:
        if isinstance(text, str):
            octets = len(text) if text.isascii() else len(text.encode("utf-8"))
            source = text
        else:
            octets = len(text)
            source = text.decode("utf-8")
    except UnicodeError:
        raise JsonError("not_utf8") from None
    if max_bytes is not None and octets > max_bytes:
        raise JsonError("too_long")
    if source.startswith(_BOM):
        raise JsonError("bom")
    return source


def _limit_depth(source: str, max_depth: int) -> None:
    """Count brackets outside strings before the parser recurses into them."""
    depth = 0
    for match in _STRUCTURE.finditer(source):
        match source[match.start()]:
            case "[" | "{":
                depth += 1
                if depth > max_depth:
                    raise JsonError("too_deep")
            case "]" | "}":
                depth -= 1


def _members(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    # First wins here, last wins there: two parsers would believe two different tokens.
    if len(members) != len(pairs):
        raise JsonError("duplicate_member")
    return members


def _limit_digits(number: str) -> None:
    # The digits of the exponent count too: 1e100000 is as long a number as any.
    if len(number) > _MAX_DIGITS and sum(map(str.isdigit, number)) > _MAX_DIGITS:
        raise JsonError("number_too_long")


def _integer(number: str) -> int:
    _limit_digits(number)
    return int(number)


def _float(number: str) -> float:
    _limit_digits(number)
    value = float(number)
    if not math.isfinite(value):
        raise JsonError("not_finite")
    return value


def _constant(_name: str) -> float:
    raise JsonError("not_finite")


def _refuse_surrogates(value: JsonValue) -> None:
    """Half a surrogate pair can only come from an escape; it has no UTF-8 form and breaks databases."""
    try:
        _CANONICAL.encode(value).encode("utf-8")
    except UnicodeEncodeError:
        raise JsonError("lone_surrogate") from None


def _check_canonical(value: JsonValue) -> bool:
    """Refuse what has no canonical form, level by level; True when a float is to be rewritten."""
    rewrite = False
    level: list[JsonValue] = [value]
    for _ in range(_MAX_CANONICAL_DEPTH + 1):
        below: list[JsonValue] = []
        for item in level:
            # Exact types: a tuple or an enumeration would be written like something else.
            if type(item) is dict:
                below += _values(item)
            elif type(item) is list:
                below += item
            elif type(item) is float and item.is_integer():
                rewrite = True
            elif type(item) not in _EXACT:
                raise JsonError("not_canonical")
        if not below:
            return rewrite
        level = below
    raise JsonError("too_deep")


def _values(members: dict[str, JsonValue]) -> list[JsonValue]:
    # json.dumps would turn 1, True and None into names, and two members could become one.
    if not _TEXT.issuperset(map(type, members)):
        raise JsonError("not_canonical")
    return list(members.values())


def _without_floats(value: JsonValue) -> JsonValue:
    match value:
        case float():
            return int(value)
        case list():
            return [_without_floats(item) for item in value]
        case dict():
            return {name: _without_floats(item) for name, item in value.items()}
        case _:
            return value


_TEXT = frozenset({str})
_EXACT = frozenset({str, int, bool, type(None)})
_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
_CANONICAL = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), check_circular=False
)
