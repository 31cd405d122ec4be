"""The log of a server process on standard error: one line an event, in JSON or for people.

Nothing that a request brought can begin a line of its own or move a terminal's cursor.
"""

from __future__ import annotations

import json
import logging
import sys
import time

__all__ = ["configure"]

_MAX_MESSAGE = 2000


class _Console(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{_time(record)} {record.levelname.lower():7} {record.name}: {_one_line(_text(record))}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # ASCII only: U+2028 and bidi controls arrive as escapes
        return json.dumps(
            {
                "time": _time(record),
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": _text(record)[:_MAX_MESSAGE],
            }
        )


def configure(*, log_format: str, level: str) -> None:
    """Send everything to standard error; ``log_format`` is json or console (IDJAG_LOG_FORMAT)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if log_format == "json" else _Console())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


def _time(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))


def _text(record: logging.LogRecord) -> str:
    """The message, and of an exception its kind and place; never its text, which may quote a request."""
    message = record.getMessage()
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return message
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return f"{message}: {type(error).__name__}{place}"


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:_MAX_MESSAGE])
