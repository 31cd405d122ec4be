"""Reads YAML files strictly and knows the line and column of everything in them; JSON is YAML.

One reading for every text: no tags, no anchors, no repeated keys; a plain scalar is text unless JSON has
it as an integer, true, false or null (``yes``, ``010``, ``12:30`` and dates stay text).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import yaml

from idjag.yaml_file.events import Builder, Places, Unacceptable, Value, unprintable

if TYPE_CHECKING:
    import pydantic

__all__ = ["Document", "FileError", "FileErrors", "Value", "load", "read", "validate"]

Model = TypeVar("Model", bound="pydantic.BaseModel")

MAX_BYTES: Final = 10 * 1024 * 1024
_TOO_LONG = f"the file is longer than {MAX_BYTES // 1024 // 1024} MB"

# libyaml where it is there: ten times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Also U+2028, U+2029 and U+0085: YAML would count them as line ends, and no editor does.
_UNPRINTABLE = re.compile(
    r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
# libyaml compares every %TAG with all others: a megabyte of them takes minutes. Nothing needs one here.
_DIRECTIVE = re.compile(r"(?:\A|(?<=[\r\n]))%")
_LINE_END = re.compile(r"\r\n|\r|\n")
# JSON writes what is beyond U+FFFF as two escapes, YAML as one. (Columns to the right of one are two less.)
_ESCAPED_PAIR = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
)
_HINTS = {
    "a tab character": "; use spaces, not tabs",
    "\\t": "; use spaces, not tabs",
    "cannot start any token": "; put it in quotes if it is text",
    "mapping values are not allowed": "; put text that holds ': ' in quotes",
}


class FileError(Exception):
    """One problem of a file: ``FILE:LINE:COLUMN: message``, lines and columns counted from 1.

    ``path``: the keys and indexes that lead there; empty for the file as a whole.
    """

    def __init__(
        self, source: str, line: int, column: int, message: str, *, path: tuple[str | int, ...] = ()
    ) -> None:
        super().__init__(f"{source}:{line}:{column}: {message}")
        self.source = source
        self.line = line
        self.column = column
        self.message = message
        self.path = path


class FileErrors(Exception):
    """All problems of a file in its order, one a line; ``omitted`` counts those beyond the first 50."""

    def __init__(self, errors: list[FileError], *, omitted: int = 0) -> None:
        more = [f"and {omitted} more"] if omitted else []
        super().__init__("\n".join([*map(str, errors), *more]))
        self.errors = tuple(errors)
        self.omitted = omitted


class Document:
    """The value of a file, and where each part of it stands.

    Positions are kept in the order of the text, with the number of positions that each part takes, so
    that neighbours are found by hopping.
    """

    __slots__ = ("_columns", "_lines", "_sizes", "source", "value")

    def __init__(self, value: Value, *, source: str, places: Places) -> None:
        self.value = value
        self.source = source
        self._lines = places.lines
        self._columns = places.columns
        self._sizes = places.sizes

    def position(self, path: tuple[str | int, ...], *, key: bool = False) -> tuple[int, int]:
        """Line and column of what the path of keys and indexes leads to; of its key with ``key``.

        What is missing is where its nearest existing ancestor is.
        """
        at = shown = 0
        value = self.value
        for step in path:
            if isinstance(value, dict) and isinstance(step, str) and step in value:
                key_at = at + 1
                for name in value:
                    if name == step:
                        break
                    key_at += 1 + self._sizes[key_at + 1]
                at = key_at + 1
                shown = key_at if key else at
                value = value[step]
            elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
                at += 1
                for _ in range(step):
                    at += self._sizes[at]
                shown = at
                value = value[step]
            else:
                shown = at
                break
        return self._lines[shown], self._columns[shown]

    def error(self, path: tuple[str | int, ...], message: str, *, key: bool = False) -> FileError:
        """A problem at that path."""
        return FileError(self.source, *self.position(path, key=key), message, path=path)


def load(path: Path) -> Document:
    """Read the file; raises FileError, and OSError when there is no such file."""
    with path.open("rb") as file:
        return read(file.read(MAX_BYTES + 1), source=str(path))


def read(text: str | bytes, *, source: str) -> Document:
    """The one document of a text; raises FileError for the first thing that is not acceptable.

    ``source`` is how messages name the file.
    """
    return _read(text, source=source, loader=_LOADER)


def validate(document: Document, model: type[Model]) -> Model:
    """The document as a model; raises FileErrors with every problem.

    Strict, by the rules for JSON: nothing is converted but what JSON has no type for (times, enums).
    """
    from idjag.yaml_file import model as yaml_model  # pydantic: not in every installation that reads files

    return yaml_model.validated(document, model)


def _read(text: str | bytes, *, source: str, loader: Any) -> Document:
    characters = _characters(text, source)
    builder = Builder()
    try:
        builder.build(loader(characters))
    except Unacceptable as error:
        raise FileError(source, error.line, error.column, error.message) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise FileError(source, line, column, _syntax(error)) from None
    except yaml.YAMLError:
        raise FileError(source, 1, 1, "this is not YAML") from None
    return Document(builder.value, source=source, places=builder.places)


def _characters(text: str | bytes, source: str) -> str:
    """The text, which every YAML reader and every editor divides into the same lines."""
    if len(text) > MAX_BYTES:
        raise FileError(source, 1, 1, _TOO_LONG)
    octets = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    if len(octets) > MAX_BYTES:
        raise FileError(source, 1, 1, _TOO_LONG)
    try:
        characters = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = octets[: error.start].decode("utf-8", "replace")
        raise FileError(source, *_end_of(before), "the file is not UTF-8") from None
    found = _UNPRINTABLE.search(characters)
    if found:
        raise FileError(source, *_end_of(characters[: found.start()]), unprintable(found.group()))
    found = _DIRECTIVE.search(characters)
    if found:
        before = characters[: found.start()]
        raise FileError(source, *_end_of(before), "directives are not accepted: remove this line")
    if "\\u" in characters and characters.lstrip()[:1] in ("{", "["):
        characters = _ESCAPED_PAIR.sub(_one_escape, characters)
    return characters


def _end_of(text: str) -> tuple[int, int]:
    """Line and column of what comes after the text."""
    lines = _LINE_END.split(text)
    return len(lines), len(lines[-1]) + 1


def _one_escape(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return f"{match[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


def _syntax(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem or "unreadable")
    hint = next((hint for sign, hint in _HINTS.items() if sign in problem), "")
    return f"not well-formed YAML: {problem}{hint}"
