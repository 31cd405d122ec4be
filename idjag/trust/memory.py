"""A fetcher that answers from memory: for tests, the demo and embedders that bring documents themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from idjag.trust.fetch import Fetched
from idjag.trust.outbound import FetchFailed

__all__ = ["MemoryFetcher"]


class MemoryFetcher:
    """Documents by their exact URL; ``asked`` lists every URL that was wanted, in order.

    ``sent`` lists what was posted, by URL and form; who is posted to answers with its document.

    A document is bytes, a JSON object, a whole Fetched, or a FetchFailed to be raised.
    """

    def __init__(self, documents: Mapping[str, bytes | dict[str, Any] | Fetched | FetchFailed]) -> None:
        self.documents = dict(documents)
        self.asked: list[str] = []
        self.sent: list[tuple[str, bytes]] = []

    def post(self, url: str, form: bytes, *, max_bytes: int, good: tuple[int, ...] = (200, 204)) -> Fetched:
        """What is there for this URL; raises FetchFailed, for a status that is not good too."""
        self.sent.append((url, form))
        fetched = self.get(url, max_bytes=max_bytes)
        if fetched.status not in good:
            raise FetchFailed(f"{url}: {fetched.status}")
        return fetched

    def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
        """The document, of the type that was asked for unless it says otherwise; raises FetchFailed."""
        self.asked.append(url)
        match self.documents.get(url):
            case None:
                raise FetchFailed(f"{url}: 404", outcome="answered 404")
            case FetchFailed() as failed:
                raise failed
            case Fetched() as fetched:
                pass
            case document:
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                fetched = Fetched(200, body, {"content-type": accept.partition(",")[0]})
        if len(fetched.body) > max_bytes:
            raise FetchFailed(f"{url}: the answer is longer than {max_bytes} bytes", outcome="is too large")
        return fetched
