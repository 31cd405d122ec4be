"""What the hash of a stored row covers, cut out of the row's own text.

The body is canonical, so that the text of a field is what was hashed: nothing needs to be written again, and
any other spelling of the body gives another hash.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

__all__ = ["ERASED", "covered", "members", "same", "written"]

ERASED: Final = "erased:"
"""What the salt of an erased field begins with; its digest follows."""

# Nearly all values are plain texts, numbers or lists of plain texts; of all others the decoder finds the end.
_MEMBER = re.compile(r'"([a-z_]+)":("[^"\\]*"|-?[0-9]+(?![0-9.eE])|\[(?:"[^"\\]*"(?:,"[^"\\]*")*)?\])?')
_DECODER = json.JSONDecoder()

# The bodies that we write match this from end to end, objects of one level included: one call for all fields.
_PLAIN = r'"[^"\\]*"|-?[0-9]+(?![0-9.eE])|true|false|null'
_LIST = rf"\[(?:(?:{_PLAIN})(?:,(?:{_PLAIN}))*)?\]"
_OBJECT = rf'\{{(?:"[^"\\]*":(?:{_PLAIN}|{_LIST})(?:,"[^"\\]*":(?:{_PLAIN}|{_LIST}))*)?\}}'
_MEMBERS = re.compile(rf'"([a-z_]+)":({_PLAIN}|{_LIST}|{_OBJECT})')


def members(body: str) -> dict[str, str]:
    """The fields of a body, each as its text; raises ValueError for one that is not canonical."""
    pairs = _MEMBERS.findall(body)
    names = [name for name, _ in pairs]
    found = dict(pairs)
    if len(found) != len(names) or written(found) != body:
        return _members(body)
    return found


def written(texts: Mapping[str, str]) -> str:
    """The canonical text of an object whose members are names of ours with these canonical texts."""
    return "".join(("{", ",".join([f'"{name}":{texts[name]}' for name in sorted(texts)]), "}"))


def _members(body: str) -> dict[str, str]:
    """The same for any body, a field at a time."""
    if not body.startswith("{") or not body.endswith("}"):
        raise ValueError("a body is an object")
    found: dict[str, str] = {}
    at, last = 1, ""
    while found == {} or body[at - 1] == ",":
        match = _MEMBER.match(body, at)
        if match is None or match[1] <= last:
            raise ValueError("a body has its fields in their order, each once")
        last, at = match[1], match.end()
        text = match[2]
        if text is None:
            start = at
            _, at = _DECODER.raw_decode(body, start)
            text = body[start:at]
        found[last] = text
        at += 1
    if at != len(body):
        raise ValueError("a body ends with its last field")
    return found


def covered(texts: Mapping[str, str], salts: Mapping[str, str], *, personal: AbstractSet[str]) -> bytes:
    """What is hashed: the fields, where a personal value is its digest.

    Raises LookupError for a salt that is lost, ValueError or AttributeError for one that is none.
    """
    parts = dict(texts)
    for name in personal:
        if name in texts:
            salt = bytes.fromhex(salts[name])
            parts[name] = f'"{hashlib.sha256(salt + texts[name].encode()).hexdigest()}"'
        elif salts.get(name, "").startswith(ERASED):
            parts[name] = json.dumps(salts[name].removeprefix(ERASED), ensure_ascii=False)
    return written(parts).encode()


def same(value: object, text: str | None) -> bool:
    """Whether a column holds what the body says; a null stands nowhere in a body."""
    if text is None or value is None:
        return text is None and value is None
    if isinstance(value, str) and "\\" not in text:
        return text == f'"{value}"'
    return bool(json.loads(text) == value)
