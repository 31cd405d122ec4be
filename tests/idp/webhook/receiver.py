"""Somebody who gets notices: a real HTTP server that keeps what came, and nodes that find and send."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from idjag.idp.store.dead import dead
from idjag.idp.store.listing import Listing
from idjag.idp.tenancy import Store
from idjag.idp.webhook.delivery import Delivery
from idjag.idp.webhook.watch import Watch
from idjag.trust.fetch import OutboundAllow, PinnedFetcher

__all__ = ["SECRET", "Node", "Received", "Receiver", "receiving"]

SECRET = "a secret of thirty-two characters"


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What its lines say; every line ends."""
        assert self.body.endswith(b"\n")
        return [json.loads(line) for line in self.body.decode().splitlines()]

    def genuine(self, *, now: int, secret: str = SECRET) -> bool:
        """What docs/operating.md tells receivers to check."""
        said = dict(part.split("=", 1) for part in self.headers["idjag-signature"].split(","))
        proof = hmac.new(secret.encode(), said["t"].encode() + b"." + self.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(proof, said["v1"]) and abs(now - int(said["t"])) <= 300


@dataclass
class Receiver:
    """What came, in order; ``status`` is what is answered."""

    url: str = ""
    status: int = 204
    came: list[Received] = field(default_factory=list)
    arrived: queue.Queue[Received] = field(default_factory=queue.Queue)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [line for each in self.came for line in each.lines]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on loopback, at an address whose path is a secret."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.came.append(Received(self.path, headers, body))
            receiver.arrived.put(receiver.came[-1])
            self.send_response(receiver.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hooks/T0PSECRET?key=H1DDEN"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


class Node:
    """One process that watches and sends."""

    def __init__(
        self, store: Store, database: str, receiver: Receiver, allow: OutboundAllow | None = None
    ) -> None:
        fetcher = PinnedFetcher(allow or OutboundAllow(loopback=True))
        self.listing = Listing(database, store.tenant)
        self.watch = Watch(store, self.listing)
        self.delivery = Delivery(store, fetcher, receiver.url, SECRET.encode(), partial(dead, database))

    def send(self) -> None:
        self.delivery.run(lambda _seconds: False)

    def run(self) -> None:
        """Look, and send what is due."""
        self.watch.run()
        self.send()

    def close(self) -> None:
        self.listing.close()
