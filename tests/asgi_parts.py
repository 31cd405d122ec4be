"""Drives an ASGI application as a server would, one request at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from idjag.asgi import Door
from idjag.protocol.http import Reply, TokenRequest, json_reply

Answer = Callable[[TokenRequest], Awaitable[Reply]]


@dataclass
class Exchange:
    """One request as a server gives it, and what came back."""

    method: str = "POST"
    path: str = "/token"
    query: bytes = b""
    headers: Iterable[tuple[bytes, bytes]] = ((b"host", b"idp.example"),)
    client: tuple[str, int] | None = ("192.0.2.7", 5000)
    messages: list[dict[str, Any]] = field(default_factory=lambda: [chunk(b"a=1")])
    sent: list[dict[str, Any]] = field(default_factory=list)
    received: int = 0
    received_at_answer: int = 0

    @property
    def scope(self) -> dict[str, Any]:
        return {
            "type": "http",
            "method": self.method,
            "path": self.path,
            "query_string": self.query,
            "headers": list(self.headers),
            "client": self.client,
        }

    async def receive(self) -> dict[str, Any]:
        if self.received == len(self.messages):
            await asyncio.Event().wait()  # a body that does not come
        self.received += 1
        return self.messages[self.received - 1]

    async def send(self, message: dict[str, Any]) -> None:
        if not self.sent:
            self.received_at_answer = self.received
        self.sent.append(message)

    def through(self, app: Any) -> Exchange:
        asyncio.run(app(self.scope, self.receive, self.send))
        return self

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def header(self, name: bytes) -> bytes | None:
        values = [value for key, value in self.sent[0]["headers"] if key == name]
        assert len(values) < 2
        return values[0] if values else None


def chunk(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def noting(seen: list[TokenRequest]) -> Answer:
    async def answer(request: TokenRequest) -> Reply:
        seen.append(request)
        return json_reply({"ok": True})

    return answer


def seen_through(exchange: Exchange, **options: Any) -> TokenRequest:
    """The request that the answering function was given."""
    seen: list[TokenRequest] = []
    exchange.through(Door(noting(seen), **options))
    assert exchange.status == 200
    return seen[0]
