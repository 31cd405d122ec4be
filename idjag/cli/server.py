"""The admin API as commands use it: with ``--server`` they need no database, and have a token's role."""

from __future__ import annotations

import argparse
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from idjag.cli import Failed
from idjag.protocol.addresses import is_loopback

__all__ = ["Server", "of"]

_PATIENCE: Final = 130  # seconds: an apply of thousands of rows takes its time
_LONGEST_TOKEN: Final = 4096
# What the answer is about: wrong use, or a failure of the environment; everything else is the answer "no"
_WRONG_USE: Final = frozenset({400, 404, 405, 412, 413, 422, 428})


@dataclass(frozen=True, slots=True)
class Server:
    """One admin API and the token for it."""

    url: str
    token: str = field(repr=False)
    ca_file: str | None = None

    def call(
        self, method: str, path: str, body: Any = None, *, query: Mapping[str, str] | None = None
    ) -> Any:
        """The JSON answer, or the text of one that is none; raises Failed."""
        status, kind, octets = self._send(method, path + (f"?{urlencode(query)}" if query else ""), body)
        if status < 300:
            return json.loads(octets) if kind == "application/json" else octets.decode("utf-8")
        raise Failed(_said(octets) or f"{self.url}: answered {status}", code=_code(status))

    def _send(self, method: str, path: str, body: Any) -> tuple[int, str, bytes]:
        parts = urlsplit(self.url)
        connection = self._connection(parts.hostname or "", parts.port, secure=parts.scheme == "https")
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        octets = None
        if body is not None:
            octets = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, f"{parts.path.rstrip('/')}/admin/api/v1{path}", octets, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get_content_type(), answer.read()
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "strerror", None) or type(error).__name__).lower()
            raise Failed(f"{self.url}: {reason}", code=3) from None
        finally:
            connection.close()

    def _connection(self, host: str, port: int | None, *, secure: bool) -> http.client.HTTPConnection:
        if not secure:
            return http.client.HTTPConnection(host, port, timeout=_PATIENCE)
        trust = ssl.create_default_context(cafile=self.ca_file)
        return http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=trust)


def of(args: argparse.Namespace, environ: Mapping[str, str]) -> Server | None:
    """The server that ``--server`` or IDJAG_SERVER names; None for a command on the host.  Raises Failed."""
    url = args.server or environ.get("IDJAG_SERVER")
    if not url:
        return None
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
