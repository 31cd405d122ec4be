"""Questions to a PostgreSQL server, many in one message, answered within a time or not at all.

On libpq itself: the driver's own pipelines end with a message that keeps the server from ever ending an
idle transaction, and lose track of what is prepared when a message fails half-way.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result

from idjag.ledger.entry import Row, Value

__all__ = ["PATIENCE", "Query", "ServerRefused", "Wire"]

PATIENCE = 2.0
"""Seconds for a lock, and for a transaction that does nothing; an answer may take twice that."""

Query: TypeAlias = tuple[str, Sequence[Any]]
"""Text with ``%s`` for each value; a value may be a list, of texts or of numbers."""

_MOST_PREPARED = 256
_FAILED: Final = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)
_LIMITS = ("lock_timeout", "idle_in_transaction_session_timeout")
_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")


class ServerRefused(RuntimeError):
    """The server is set up so that an answer could outlive its record; the message says what to change."""


class Wire:
    """One connection, for one thread at a time; raises psycopg.Error, ServerRefused.

    ``patience`` is in seconds, for one message and its answers.
    """

    def __init__(self, url: str) -> None:
        self.patience = 2 * PATIENCE
        self._connection = psycopg.connect(
            url,
            autocommit=True,  # transactions are begun by hand, in the same message as their first questions
            connect_timeout=int(PATIENCE),
            application_name="idjag",
            client_encoding="utf8",
        )
        self._pg = self._connection.pgconn
        self._prepared: dict[str, bytes] = {}
        self._names = 0
        try:
            self._pg.enter_pipeline_mode()
            self._check()
        except BaseException:
            self.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return self._pg.status == pq.ConnStatus.BAD

    def close(self) -> None:
        """Let go of it; what was not committed is undone."""
        self._connection.close()

    def ask(self, *queries: Query) -> list[list[Row]]:
        """The rows that answer each question; the first that fails ends them all, and its error is raised."""
        try:
            preparing = [self._send(text, values) for text, values in queries]
            self._pg.pipeline_sync()
            results = self._results()
        except BaseException:
            # Answers that come later would be taken for those of the next question.
            self.close()
            raise
        return self._answers(queries, preparing, results)

    def _check(self) -> None:
        """What no user of this connection can do without."""
        limits = [(f"SET {name} = '{PATIENCE:.0f}s'", ()) for name in _LIMITS]
        answers = self.ask(*limits, *((f"SHOW {name}", ()) for name in _SETTINGS))
        values = {name: value for rows in answers for row in rows for name, value in row.items()}
        if (values["fsync"], values["full_page_writes"]) != ("on", "on"):
            raise ServerRefused("the PostgreSQL server has fsync or full_page_writes off: turn them on")
        if values["synchronous_commit"] in {"off", "local"}:
            raise ServerRefused(
                f"the PostgreSQL server has synchronous_commit {values['synchronous_commit']}: on"
            )

    def _send(self, text: str, values: Sequence[Any]) -> bool:
        """Put one question into the message; whether one to prepare it comes first."""
        if not values:
            self._pg.send_query_params(text.encode(), None)
            return False
        name = self._prepared.get(text)
        preparing = name is None and len(self._prepared) < _MOST_PREPARED
        if preparing:
            self._names += 1
            name = self._prepared[text] = f"idjag{self._names}".encode()
            self._pg.send_prepare(name, _numbered(text))
        encoded = [_encoded(value) for value in values]
        formats = [pq.Format.BINARY if isinstance(value, bytes) else pq.Format.TEXT for value in values]
        if name is None:
            self._pg.send_query_params(_numbered(text), encoded, param_formats=formats)
        else:
            self._pg.send_query_prepared(name, encoded, param_formats=formats)
        return preparing

    def _results(self) -> list[pq.abc.PGresult]:
        """One result for each command of the message."""
        until = time.monotonic() + self.patience
        while self._pg.flush():
            self._wait(select.POLLIN | select.POLLOUT, until)
        results: list[pq.abc.PGresult] = []
        while True:
            while self._pg.is_busy():
                self._wait(select.POLLIN, until)
            result = self._pg.get_result()
            if result is None:
                if self.closed:
                    raise psycopg.OperationalError("the connection is closed")
            elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                return results
            else:
                results.append(result)

    def _wait(self, events: int, until: float) -> None:
        poll = select.poll()
        poll.register(self._pg.socket, events)
        left = until - time.monotonic()
        ready = poll.poll(left * 1000) if left > 0 else []
        if not ready:
            raise psycopg.OperationalError("the server does not answer")
        if ready[0][1] & ~select.POLLOUT:
            self._pg.consume_input()

    def _answers(
        self, queries: Sequence[Query], preparing: Sequence[bool], results: Sequence[pq.abc.PGresult]
    ) -> list[list[Row]]:
        answers: list[list[Row]] = []
        rest = iter(results)
        failed: pq.abc.PGresult | None = None
        for (text, _), prepares in zip(queries, preparing, strict=True):
            outcomes = [next(rest) for _ in range(1 + prepares)]
            if prepares and outcomes[0].status != pq.ExecStatus.COMMAND_OK:
                del self._prepared[text]
            failed = failed or next((each for each in outcomes if each.status in _FAILED), None)
            answers.append([] if failed else _rows(outcomes[-1]))
        if failed:
            raise error_from_result(failed)
        return answers


@lru_cache(maxsize=1024)
def _numbered(text: str) -> bytes:
    parts = text.split("%s")
    return "".join(f"{part}${n}" for n, part in enumerate(parts[:-1], start=1)).encode() + parts[-1].encode()


def _encoded(value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return (_texts(value) or f"{{{','.join(map(_element, value))}}}").encode()
    return str(int(value) if isinstance(value, bool) else value).encode()


def _texts(values: list[Any]) -> str:
    """A list of texts, escaped together: rows of a batch come to hundreds; "" when it is not that simple."""
    try:
        joined = "\0".join(values)
    except TypeError:
        return ""
    parts = joined.replace("\\", "\\\\").replace('"', '\\"').split("\0")
    return '{"' + '","'.join(parts) + '"}' if len(parts) == len(values) else ""


def _element(value: str | int | None) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return "NULL" if value is None else str(value)


def _rows(result: pq.abc.PGresult) -> list[Row]:
    columns = [
        (n, _name(result.fname(n)), _DECODERS.get(result.ftype(n), _text)) for n in range(result.nfields)
    ]
    get = result.get_value
    return [
        {name: None if (octets := get(row, n)) is None else decoded(octets) for n, name, decoded in columns}
        for row in range(result.ntuples)
    ]


@lru_cache(maxsize=1024)
def _name(octets: bytes | None) -> str:
    return (octets or b"").decode()


def _text(octets: bytes) -> str:
    return octets.decode()


def _octets(text: bytes) -> bytes:
    return bytes.fromhex(text[2:].decode())


_DECODERS: dict[int, Callable[[bytes], Value]] = {17: _octets, 20: int, 21: int, 23: int}
"""By type: bytea, bigint, smallint, integer; everything else is text."""
