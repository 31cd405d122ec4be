"""Turns the events of a YAML parser into one plain value, and refuses what has more than one reading."""

from __future__ import annotations

import re
from array import array
from typing import Any, Final, NoReturn, TypeAlias

import yaml

__all__ = ["Builder", "Places", "Unacceptable", "Value", "unprintable"]

Value: TypeAlias = "bool | int | str | list[Value] | dict[str, Value] | None"

MAX_DEPTH: Final = 32
_MAX_DIGITS = 18
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?(?:\.(?:inf|Inf|INF)|Infinity)|\.(?:nan|NaN|NAN)|NaN")
_LIKE_A_NUMBER = frozenset("+-.0123456789IN")
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}


class Unacceptable(Exception):
    """Well-formed, but not for us; lines and columns counted from 1."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message


class Places:
    """Line, column and size of every scalar, mapping and list, in the order of the text."""

    __slots__ = ("columns", "lines", "sizes")

    def __init__(self) -> None:
        self.lines = array("L")
        self.columns = array("L")
        self.sizes = array("L")


class _Open:
    """A mapping or list that has begun; ``keys`` has the line of each key so far."""

    __slots__ = ("at", "key", "keys", "value")

    def __init__(self, value: dict[str, Value] | list[Value], at: int) -> None:
        self.value = value
        self.at = at
        self.key: str | None = None
        self.keys: dict[str, int] = {}


class Builder:
    """Turns YAML events into a value, refusing what has more than one reading."""

    __slots__ = ("_open", "places", "value")

    def __init__(self) -> None:
        self.value: Value = None
        self.places = Places()
        self._open: list[_Open] = []

    def build(self, loader: Any) -> None:
        """Take all events; raises Unacceptable and yaml.YAMLError."""
        takes = {
            yaml.StreamStartEvent: self._pass,
            yaml.DocumentStartEvent: self._document,
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._list,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentEndEvent: self._pass,
        }
        event = loader.get_event()
        while type(event) is not yaml.StreamEndEvent:
            takes[type(event)](event)
            event = loader.get_event()
        if not self.places.sizes:
            raise Unacceptable(1, 1, "the file is empty")

    def _pass(self, _event: Any) -> None:
        """Nothing to take."""

    def _document(self, event: Any) -> None:
        if self.places.sizes:
            self._refuse(event, "a second document: remove everything from this '---' on")

    def _alias(self, event: Any) -> NoReturn:
        self._refuse(event, "anchors and aliases are not accepted: write it out")

    def _mapping(self, event: Any) -> None:
        self._begin(event, {})

    def _list(self, event: Any) -> None:
        self._begin(event, [])

    def _end(self, _event: Any) -> None:
        opened = self._open.pop()
        self.places.sizes[opened.at] = len(self.places.sizes) - opened.at

    def _begin(self, event: Any, value: dict[str, Value] | list[Value]) -> None:
        at = self._note(event)
        if len(self._open) >= MAX_DEPTH:
            self._refuse(event, f"nested deeper than {MAX_DEPTH} levels")
        if self._wants_key():
            self._refuse(event, "a key must be text")
        self._place(value)
        self._open.append(_Open(value, at))

    def _scalar(self, event: Any) -> None:
        self._note(event)
        text: str = event.value
        if not text.isprintable() and (found := _CONTROL.search(text)):
            self._refuse(event, unprintable(found.group()))
        value = self._plain(event, text) if event.implicit[0] else text
        if self._wants_key():
            self._key(event, value)
        else:
            self._place(value)

    def _wants_key(self) -> bool:
        if not self._open:
            return False
        top = self._open[-1]
        return top.key is None and type(top.value) is dict

    def _key(self, event: Any, value: Value) -> None:
        if not isinstance(value, str):
            self._refuse(event, "a key must be text: put it in quotes")
        top = self._open[-1]
        line = top.keys.setdefault(value, event.start_mark.line)
        if value in top.value:
            self._refuse(event, f"repeated key {value[:60]!r}, first on line {line + 1}: keep one of them")
        top.key = value

    def _place(self, value: Value) -> None:
        if not self._open:
            self.value = value
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is not None:
            top.value[top.key] = value
            top.key = None

    def _plain(self, event: Any, text: str) -> Value:
        """What a scalar without quotes is."""
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in _LIKE_A_NUMBER:
            return text
        if _INTEGER.fullmatch(text):
            if len(text.lstrip("-")) > _MAX_DIGITS:
                self._refuse(
                    event, f"a number of more than {_MAX_DIGITS} digits: put it in quotes if it is text"
                )
            return int(text)
        if _FRACTION.fullmatch(text) or _NOT_FINITE.fullmatch(text):
            self._refuse(event, "numbers are whole here: put it in quotes if it is text")
        return text

    def _note(self, event: Any) -> int:
        """Remember where a part begins and refuse what names or types it; its index."""
        mark = event.start_mark
        places = self.places
        places.lines.append(mark.line + 1)
        places.columns.append(mark.column + 1)
        places.sizes.append(1)
        if event.anchor is not None:
            self._alias(event)
        if event.tag is not None:
            self._refuse(event, "tags are not accepted: remove it, and put text in quotes")
        return len(places.sizes) - 1

    def _refuse(self, event: Any, message: str) -> NoReturn:
        mark = event.start_mark
        raise Unacceptable(mark.line + 1, mark.column + 1, message)


def unprintable(character: str) -> str:
    """What to say of a character that has no place in a file."""
    return f"control character U+{ord(character):04X}: remove it"
