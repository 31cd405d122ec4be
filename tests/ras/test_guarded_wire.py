"""A guarded API behind a real server: the path that a proof must name is the one on the wire."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from idjag.demo.servers import listen, running
from idjag.ras.guard import Guarded
from tests import plain_http
from tests.proofs import jkt
from tests.ras.api import access_token, bearer, bound_token, guard, proven

TOKEN = bound_token()


async def _api(scope: Any, _receive: Any, send: Any) -> None:
    said = {"path": scope["path"], "jkt": scope["access_token"].jkt}
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    listener, url = listen(0)
    with running(Guarded(_api, guard(base=url)), listener):
        yield url


def get(base: str, path: str, *, proof_for: str | None = None) -> httpx.Response:
    """A GET of exactly this path."""
    headers = proven(TOKEN, proof_for or f"{base}{path.partition('?')[0]}")
    url = httpx.URL(base).copy_with(raw_path=path.encode())
    return plain_http.get(url, headers=[(name.decode(), value.decode()) for name, value in headers])


@pytest.mark.parametrize(
    "path", ["/", "/threads", "/threads?page=2", "/a%2Fb", "/a%20b", "/%C3%A9", "/a|b", "/a//b", "/a/../b"]
)
def test_a_proof_for_the_path_on_the_wire_opens_it(base: str, path: str) -> None:
    """DPOP-17: RFC 9449 section 4.3, check 9."""
    answer = get(base, path)
    assert (answer.status_code, answer.json()["jkt"]) == (200, jkt())


@pytest.mark.parametrize(
    ("path", "other"), [("/a%2Fb", "/a/b"), ("/threads", "/threads/"), ("/b", "/a/../c")]
)
def test_a_proof_for_another_path_does_not(base: str, path: str, other: str) -> None:
    """DPOP-17, attack case 107: what the server decodes to the same path is not the same resource."""
    refused = get(base, path, proof_for=f"{base}{other}")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_dpop_proof")
    assert get(base, other).status_code == 200


def test_both_challenges_arrive(base: str) -> None:
    """MET-12, RFC 9449 section 7.1: two headers, Bearer first."""
    answer = plain_http.get(f"{base}/threads")
    first, second = answer.headers.get_list("www-authenticate")
    assert (answer.status_code, first.split()[0], second.split()[0]) == (401, "Bearer", "DPoP")
    token = {name.decode(): value.decode() for name, value in bearer(access_token())}
    assert plain_http.get(f"{base}/threads", headers=token).json()["jkt"] is None


def test_an_absolute_request_target_is_no_path_below_our_base(base: str) -> None:
    """RFC 9112 section 3.2.2: servers hand it on as it is."""
    address = urlsplit(base)
    lines = [b"GET https://evil.example/threads HTTP/1.1", b"host: x", b"connection: close"]
    lines += [name + b": " + value for name, value in proven(TOKEN, "https://evil.example/threads")]
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=10) as connection:
        connection.sendall(b"\r\n".join([*lines, b"", b""]))
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 401 ")
