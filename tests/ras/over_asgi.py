"""One request to the standalone program or an endpoint of it, and what came back, over ASGI."""

from __future__ import annotations

import asyncio
import json
from typing import Any


class Answer:
    """What came back over ASGI."""

    def __init__(self, messages: list[Any]) -> None:
        start, *rest = messages
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body = b"".join(message["body"] for message in rest)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def send(
    app: Any, path: str, *headers: tuple[bytes, bytes], method: str = "POST", body: bytes = b""
) -> Answer:
    """One request over ASGI."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def sending(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"acme.chat.example"), *headers],
        "client": ("192.0.2.1", 5000),
    }
    asyncio.run(app(scope, receive, sending))
    return Answer(sent)
