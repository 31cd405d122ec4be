"""The admin API as commands use it: with ``--server`` they need no database, and have a token's role."""

from __future__ import annotations

import argparse
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TextIO
from urllib.parse import quote, urlencode, urlsplit

from idjag.cli import Failed
from idjag.protocol.addresses import is_loopback

__all__ = ["Answered", "Around", "BrokeOff", "Server", "of", "segment"]

_PATIENCE: Final = 130  # seconds: an apply of thousands of rows takes its time
_LONGEST_TOKEN: Final = 4096
_LONGEST: Final = 256 * 1024 * 1024
"""Bytes of an answer: a state with some hundred thousand people."""

_PIECE: Final = 64 * 1024
_LONGEST_SAID: Final = 300
_JSON: Final = frozenset({"application/json", "application/problem+json"})
_TEXT: Final = "application/yaml"
# What the answer is about: wrong use, or a failure of the environment; everything else is the answer "no"
_WRONG_USE: Final = frozenset({400, 404, 405, 412, 413, 422, 428})


@dataclass(frozen=True, slots=True)
class Around:
    """What a command is surrounded by."""

    environ: Mapping[str, str] = field(repr=False)
    out: TextIO
    err: TextIO


class Answered(Failed):
    """The server said no; ``status`` is that of its answer."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message, code=_code(status))
        self.status = status


class BrokeOff(Exception):
    """What was coming has not come to its end; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """One admin API and the token for it."""

    url: str
    token: str = field(repr=False)
    ca_file: str | None = None
    longest: int = _LONGEST

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON answer, or the text of one that is YAML; None without one.  Raises Failed, Answered."""
        with self._asked(method, _with(path, query), body, headers or {}) as answer:
            octets = self._whole(answer)
        kind = answer.headers.get_content_type()
        if answer.status == HTTPStatus.NO_CONTENT:
            return None
        try:
            return octets.decode("utf-8") if kind == _TEXT else self._json(octets, kind)
        except ValueError:
            raise Failed(f"{self.url}: this is not idjag's admin API", code=3) from None

    @contextmanager
    def file(self, path: str, *, query: Mapping[str, str | int]) -> Iterator[Iterator[bytes]]:
        """A file as it comes, piece by piece: BrokeOff when its end does not.  Raises Failed, Answered."""
        with self._asked("GET", _with(path, query), None, {}) as answer:
            if answer.headers.get_content_type() in _JSON:
                raise Failed(f"{self.url}: this is not idjag's admin API", code=3)
            yield _pieces(answer)

    @contextmanager
    def _asked(
        self, method: str, path: str, body: Any, more: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer, if it is one and no refusal; its body is still to be read."""
        parts = urlsplit(self.url)
        connection = self._connection(parts.hostname or "", parts.port, secure=parts.scheme == "https")
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json", **more}
        octets = None
        if body is not None:
            octets = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, f"{parts.path.rstrip('/')}/admin/api/v1{path}", octets, headers)
            answer = connection.getresponse()
            self._check(answer)
            yield answer
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"{self.url}: {_reason(error)}", code=3) from None
        finally:
            connection.close()

    def _check(self, answer: http.client.HTTPResponse) -> None:
        status = answer.status
        if 300 <= status < 400:  # the token is for the address that was given, and for no other
            raise Failed(
                f"{self.url}: answered {status}: redirects are not followed, give the final address", code=3
            )
        if status >= 300:
            octets = self._whole(answer)
            said = _said(octets) or f"{self.url}: answered {status}{_plain(answer, octets)}"
            raise Answered(said, status=status)

    def _whole(self, answer: http.client.HTTPResponse) -> bytes:
        if answer.length is None and not answer.chunked:
            raise Failed(f"{self.url}: nothing says where its answer ends, so it may be a part", code=3)
        octets = answer.read(self.longest + 1)
        if len(octets) > self.longest:
            raise Failed(f"{self.url}: its answer is longer than {self.longest >> 20} MiB", code=3)
        if answer.length:
            raise http.client.IncompleteRead(octets, answer.length)
        return octets

    def _json(self, octets: bytes, kind: str) -> Any:
        if kind not in _JSON:
            raise ValueError(kind)
        return json.loads(octets)

    def _connection(self, host: str, port: int | None, *, secure: bool) -> http.client.HTTPConnection:
        if not secure:
            return http.client.HTTPConnection(host, port, timeout=_PATIENCE)
        trust = ssl.create_default_context(cafile=self.ca_file)
        return http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=trust)


def segment(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def _with(path: str, query: Mapping[str, str | int] | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _pieces(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := answer.read1(_PIECE):
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise BrokeOff(_reason(error)) from None


def _reason(error: Exception) -> str:
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was closed in the middle"
    return str(getattr(error, "strerror", None) or type(error).__name__).lower()


def of(args: argparse.Namespace, environ: Mapping[str, str]) -> Server:
    """The server that ``--server`` or IDJAG_SERVER names; raises Failed."""
    url = args.server or environ.get("IDJAG_SERVER", "")
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment or parts.username is not None:
        raise Failed("--server: the address of the identity provider, such as https://idp.example", code=2)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(url)):
        raise Failed("--server: https, so that nobody reads the token on its way", code=2)
    return Server(url, _token(environ), environ.get("IDJAG_CA_FILE"))


def _token(environ: Mapping[str, str]) -> str:
    name = environ.get("IDJAG_API_TOKEN_FILE")
    if not name:
        raise Failed("IDJAG_API_TOKEN_FILE: say where the API token is", code=2)
    try:
        with Path(name).open(encoding="ascii") as file:
            token = file.read(_LONGEST_TOKEN).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = (getattr(error, "strerror", None) or "is not text").lower()
        raise Failed(f"{name}: {reason}", code=2) from None
    if not token or not token.isprintable() or " " in token:
        raise Failed(f"{name}: there is no API token in it", code=2)
    return token


def _code(status: int) -> int:
    return 2 if status in _WRONG_USE else 3 if status >= 500 or status == 401 else 1


def _plain(answer: http.client.HTTPResponse, octets: bytes) -> str:
    """What a refusal says that is a line of text, such as one about the proxy in between."""
    text = octets[:_LONGEST_SAID].decode("utf-8", "replace").strip()
    if answer.headers.get_content_type() != "text/plain" or not text.isprintable():
        return ""
    return f": {text}"


def _said(octets: bytes) -> str:
    """What a problem says, line by line; a stranger's words never move a terminal's cursor."""
    try:
        problem = json.loads(octets)
        lines = [str(problem["detail"])]
        lines += [str(error["message"]) for error in problem.get("errors", ())]
        lines.append(f"(ref {problem['decision_id']})")
    except (ValueError, LookupError, TypeError):
        return ""
    return "\n".join(line if line.isprintable() else ascii(line) for line in lines)
