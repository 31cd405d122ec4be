"""The floor of contract section 8: a bare ASGI application with the cryptography of one exchange, no more.

Run as a program: ``python -m benchmarks.floor PORT WORKERS ANSWER_OCTETS SIGNED_OCTETS TOKEN_OCTETS``.  It
reads the body, verifies an RS256 signature, compares a hash of the client's secret, signs with ES256, and
answers as many octets as the product does.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import sys
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

_SECRET = hashlib.sha256(b"a secret of the client").digest()


class Floor:
    """The application."""

    def __init__(self, *, answer: int, signed: int, token: int) -> None:
        theirs = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._token = os.urandom(token)
        self._signature = theirs.sign(self._token, padding.PKCS1v15(), SHA256())
        self._theirs = theirs.public_key()
        self._ours = ec.generate_private_key(ec.SECP256R1())
        self._claims = os.urandom(signed)
        self._answer = b"x" * answer
        self._headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
            (b"content-length", str(answer).encode()),
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer any request."""
        assert scope["type"] == "http"
        while (await receive()).get("more_body"):
            pass
        self._theirs.verify(self._signature, self._token, padding.PKCS1v15(), SHA256())
        assert hmac.compare_digest(hashlib.sha256(b"a secret of the client").digest(), _SECRET)
        self._ours.sign(self._claims, ec.ECDSA(SHA256()))
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._answer})


def main(port: int, workers: int, *sizes: int) -> None:
    """Serve until SIGTERM, in as many processes as asked for."""
    answer, signed, token = sizes
    app = Floor(answer=answer, signed=signed, token=token)
    listening = socket.create_server(("127.0.0.1", port), backlog=2048)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(workers - 1):
        if os.fork() == 0:
            break
    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
