"""Documents over real HTTP, by their path; and a fetcher for which every name leads to them."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Any

from idjag.trust.fetch import PinnedFetcher
from idjag.trust.outbound import OutboundAllow
from tests.trust.servers import Authority, Server, Speak, response


class Pages(Server):
    """What is not among ``documents`` is 404; bytes are the whole answer, a function speaks for itself."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(self._page, tls=tls)
        self.documents: dict[str, bytes | Speak | Mapping[str, Any]] = {}
        self._asked = threading.local()
        self.scheme = "https" if tls else "http"

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of a document here."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [head.split(b" ", 2)[1].decode() for head in self.requests]

    def _read_head(self, wire: socket.socket) -> None:
        before = len(self.requests)
        super()._read_head(wire)
        self._asked.head = self.requests[-1] if len(self.requests) > before else b" / "

    def _page(self, wire: socket.socket) -> None:
        found = self.documents.get(self._asked.head.split(b" ", 2)[1].decode())
        match found:
            case None:
                wire.sendall(response(b"", status="404 Not Found"))
            case bytes():
                wire.sendall(found)
            case Mapping():
                wire.sendall(response(json.dumps(found).encode()))
            case _:
                found(wire)


def fetcher_to(authority: Authority, **settings: Any) -> PinnedFetcher:
    """The real fetcher; every name has the address of this machine, which may be fetched."""

    def here(_host: str, port: int, _family: int, _kind: int) -> list[tuple[Any, Any, int, str, Any]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    allow = settings.pop("allow", OutboundAllow(loopback=True))
    return PinnedFetcher(allow, authority.ca_file, resolver=here, **settings)
