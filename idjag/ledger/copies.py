"""Events as the lines of a file that leaves: NDJSON, or CSV for a spreadsheet, which carries nothing out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from idjag.ledger.chain import FIELDS
from idjag.protocol.jose.json import JsonValue

__all__ = ["as_csv_lines", "as_ndjson_lines"]

# What a spreadsheet would carry out instead of showing it.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def as_ndjson_lines(events: Iterable[Mapping[str, JsonValue]]) -> Iterator[str]:
    """One event a line."""
    return (f"{json.dumps(event, ensure_ascii=False)}\n" for event in events)


def as_csv_lines(events: Iterable[Mapping[str, JsonValue]]) -> Iterator[str]:
    """The names of the fields, then one event a line (RFC 4180)."""
    yield _line(FIELDS)
    for event in events:
        yield _line([_cell(event[name]) for name in FIELDS])


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _cell(value: JsonValue) -> str:
    """Text as it is, everything else as JSON; nothing that a spreadsheet takes for a formula."""
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) and not isinstance(value, int) else text
