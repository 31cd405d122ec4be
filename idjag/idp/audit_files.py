"""The audit log as a file that leaves while it is read: the same for the console and the admin API.

Nothing of it is kept: a page is read when the one before has left.  What fails on the way ends the connection
without the end of the file, so that nobody takes a part for the whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import chain
from typing import Any, Final, Literal, TypeAlias

from litestar.concurrency import sync_to_thread
from litestar.response import Stream
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from idjag.ledger import trail
from idjag.ledger.copies import as_csv_lines, as_ndjson_lines
from idjag.ledger.entry import Row
from idjag.protocol.http import NO_STORE

__all__ = ["Exported", "Kind", "Leaving", "lines"]

Kind: TypeAlias = Literal["csv", "ndjson"]

_CHUNK: Final = 64 * 1024
_TYPES: Final = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson; charset=utf-8"}

_TOO_OLD: Final = (
    b"A file that breaks off would look whole by HTTP/1.0. Let the proxy in front ask by HTTP/1.1 "
    b"(nginx: proxy_http_version 1.1).\n"
)

log = logging.getLogger("idjag.idp.audit")


def lines(rows: Iterable[Row], kind: Kind) -> Iterator[str]:
    """The lines of a file; the first row is read at once, so that a wrong question is refused beforehand."""
    found = iter(rows)
    first = next(found, None)
    events = (trail.event_of(row) for row in chain(() if first is None else (first,), found))
    return as_csv_lines(events) if kind == "csv" else as_ndjson_lines(events)


class Leaving(ASGIResponse):
    """The answer that sends them, so many at once; ``ref`` finds the export in the log."""

    __slots__ = ("_ref", "_texts")
    _should_set_content_length = False

    def __init__(self, texts: Iterator[str], kind: Kind, *, ref: str) -> None:
        headers = {
            "content-disposition": f'attachment; filename="audit.{kind}"',
            "x-content-type-options": "nosniff",
            **{name.decode(): value.decode() for name, value in NO_STORE},
        }
        super().__init__(headers=headers, media_type=_TYPES[kind], status_code=200)
        self._texts = texts
        self._ref = ref

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, unless nobody could tell a part from the whole."""
        if scope.get("http_version") == "1.0":  # what ends there has no end but that of the connection
            log.warning("an export was refused: asked for by HTTP/1.0 ref=%s", self._ref)
            await ASGIResponse(body=_TOO_OLD, media_type="text/plain", status_code=505)(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Until the end, or until nobody is there any more."""
        gone = asyncio.ensure_future(_gone(receive))
        try:
            async for chunk in self._chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                if gone.done():
                    return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except _BrokenOff:
            return  # whoever serves us closes the connection
        finally:
            gone.cancel()

    async def _chunks(self) -> AsyncIterator[bytes]:
        try:
            # by the threads of pages: those of token requests wait for no file
            while chunk := await sync_to_thread(_next, self._texts):
                yield chunk
        except Exception as error:  # noqa: BLE001  # whatever it is, what follows is missing
            log.error("an export broke off kind=%s ref=%s", type(error).__name__, self._ref)  # noqa: TRY400
            raise _BrokenOff from None


class Exported(Stream):
    """The same for routes that are described."""

    def __init__(self, texts: Iterator[str], kind: Kind, *, ref: str) -> None:
        super().__init__((), media_type=_TYPES[kind])
        self._leaving = Leaving(texts, kind, ref=ref)

    def to_asgi_response(self, *_: Any, **_named: Any) -> Leaving:
        """The answer itself."""
        return self._leaving


class _BrokenOff(Exception):
    """The rest cannot be read; the log says why."""


async def _gone(receive: Receive) -> None:
    """Until whoever asked has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _next(texts: Iterator[str]) -> bytes:
    """Lines of about a chunk, none at the end."""
    taken: list[bytes] = []
    size = 0
    for text in texts:
        taken.append(text.encode())
        size += len(taken[-1])
        if size >= _CHUNK:
            break
    return b"".join(taken)
