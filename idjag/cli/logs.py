"""The log of a server process on standard error: one line an event, in JSON or for people.

Nothing that a request brought can begin a line of its own or move a terminal's cursor.  Nobody waits for
whoever reads the log: lines that it cannot take are lost and counted, and requests go on (attack case 229).
What must never be lost is in the audit log, which is in the database.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
import time
from contextlib import suppress
from typing import Final

__all__ = ["configure"]

_MAX_MESSAGE = 2000
_WAITING: Final = 4096  # lines, of 2,000 characters at most
_LAST_WORDS: Final = 1.0  # seconds for what is still waiting when the process ends


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


class _Unhurried(logging.Handler):
    """Lines go through a bounded queue to a thread that alone waits for the reader."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: queue.Queue[str | None] = queue.Queue(_WAITING)
        self._lost = 0
        self._counting = threading.Lock()  # not the handler's own, which whoever closes it holds meanwhile
        # a daemon: a reader that has stopped reading must not keep the process from ending
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the line over, or count it as lost."""
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self._lose(1)

    def close(self) -> None:
        """Wait a moment for what is still to be written."""
        with suppress(queue.Full):
            self._lines.put(None, timeout=_LAST_WORDS)
            self._thread.join(_LAST_WORDS)
        super().close()

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            self._write(line, *self._losses())
        self._write(*self._losses())

    def _write(self, *lines: str) -> None:
        try:
            for line in lines:
                _write(self._descriptor, f"{line}\n".encode("utf-8", "backslashreplace"))
        except OSError:  # the disk is full, or the reader is gone; another may come
            self._lose(1)

    def _lose(self, lines: int) -> None:
        with self._counting:
            self._lost += lines

    def _losses(self) -> list[str]:
        """A line about those that are lost and not yet spoken of; none if there are none."""
        with self._counting:
            lost, self._lost = self._lost, 0
        return [self.format(_told(lost))] if lost else []


def _told(count: int) -> logging.LogRecord:
    text = "%d lines of this log were lost: nobody took them"
    return logging.LogRecord(__name__, logging.WARNING, "", 0, text, (count,), None)


def _write(descriptor: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(descriptor, octets) :]


def configure(*, log_format: str, level: str) -> None:
    """Send everything to standard error; ``log_format`` is json or console (IDJAG_LOG_FORMAT)."""
    handler = _Unhurried(sys.stderr.fileno())
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
