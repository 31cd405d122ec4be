"""The floor of contract section 8: a bare ASGI application with the cryptography of one request, no more.

Run as a program: ``python -m benchmarks.floor PORT WORKERS VERIFIED ANSWER_OCTETS TOKEN_OCTETS``.  It reads
the body, verifies a signature for each algorithm of VERIFIED (``RS256,ES256``), compares a hash of the
client's secret, signs half an answer with ES256, and answers as many octets as the product does.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

_SECRET = hashlib.sha256(b"a secret of the client").digest()
_ES256 = ec.ECDSA(SHA256())


class Floor:
    """The application."""

    def __init__(self, *, verified: list[str], answer: int, token: int) -> None:
        message = os.urandom(token)
        self._verifications = [_verification(algorithm, message) for algorithm in verified]
        self._ours = ec.generate_private_key(ec.SECP256R1())
        self._claims = os.urandom(answer // 2)
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
        for verify in self._verifications:
            verify()
        assert hmac.compare_digest(hashlib.sha256(b"a secret of the client").digest(), _SECRET)
        self._ours.sign(self._claims, _ES256)
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._answer})


def _verification(algorithm: str, message: bytes) -> Callable[[], None]:
    """A signature of somebody else's key, to be checked."""
    if algorithm == "RS256":
        rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        scheme = padding.PKCS1v15()
        signature = rsa_key.sign(message, scheme, SHA256())
        return partial(rsa_key.public_key().verify, signature, message, scheme, SHA256())
    ec_key = ec.generate_private_key(ec.SECP256R1())
    return partial(ec_key.public_key().verify, ec_key.sign(message, _ES256), message, _ES256)


def main(port: str, workers: str, verified: str, answer: str, token: str) -> None:
    """Serve until SIGTERM, in as many processes as asked for."""
    app = Floor(verified=verified.split(","), answer=int(answer), token=int(token))
    listening = socket.create_server(("127.0.0.1", int(port)), backlog=2048)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(int(workers) - 1):
        if os.fork() == 0:
            break
    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
