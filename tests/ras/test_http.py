"""The whole program over real sockets: `idjag ras serve`, fetched keys, real clients, SIGTERM."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.shared.auth import OAuthToken

from idjag.protocol import names
from idjag.protocol.jose import KeySet, jws
from idjag.ras import Guard
from tests import plain_http
from tests.processes.program import free_port
from tests.processes.test_workers import eventually
from tests.ras.world import CLIENT, SECRET, ids, key

_JTI = ids("http")
_FORM = {"content-type": "application/x-www-form-urlencoded"}


class _Documents(BaseHTTPRequestHandler):
    """The identity provider, as far as a RAS sees it."""

    def do_GET(self) -> None:
        issuer = f"http://{self.headers['host']}"
        documents: dict[str, Any] = {
            "/.well-known/oauth-authorization-server": {"issuer": issuer, "jwks_uri": f"{issuer}/jwks"},
            "/jwks": KeySet([key("idp").public]).to_dict(),
        }
        found = documents.get(self.path)
        self.send_response(404 if found is None else 200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@dataclass
class Served:
    """A running program."""

    idp: str
    issuer: str
    process: subprocess.Popen[str]
    folder: Path

    @property
    def api(self) -> str:
        return f"{self.issuer}/api"

    def grant(self, **changes: Any) -> str:
        now = int(time.time())
        good: dict[str, Any] = {
            "iss": self.idp,
            "sub": "alice",
            "aud": self.issuer,
            "client_id": CLIENT,
            "jti": _JTI(),
            "iat": now,
            "exp": now + 300,
            "scope": "chat.read",
            "resource": self.api,
        }
        return jws.sign(good | changes, key=key("idp"), typ=names.ID_JAG_TYP)

    def redeem(self, assertion: str, http: httpx.Client | None = None) -> httpx.Response:
        form = {"grant_type": names.JWT_BEARER, "assertion": assertion}
        post = plain_http.post if http is None else http.post
        return post(f"{self.issuer}/token", data=form, auth=(CLIENT, SECRET))


def _ready(issuer: str, process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None
    try:
        return plain_http.get(f"{issuer}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The program in a process of its own, with an identity provider beside it."""
    folder = tmp_path_factory.mktemp("ras")
    documents = ThreadingHTTPServer(("127.0.0.1", 0), _Documents)
    threading.Thread(target=documents.serve_forever, kwargs={"poll_interval": 0.01}).start()
    idp = f"http://127.0.0.1:{documents.server_port}"
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    (folder / "ras.yaml").write_text(
        f"""\
issuer: {issuer}
trusted_issuers:
  - issuer: {idp}
    subject: {{by: [iss_sub, email], email_domains: [acme.example]}}
clients:
  - {{client_id: {CLIENT}, auth: {{secret: "env:WIKI"}}, scopes: [chat.read], issuers: ["{idp}"]}}
resources:
  - {{uri: "{issuer}/api", scopes: [chat.read]}}
accounts:
  - {{id: u-1, links: [{{issuer: "{idp}", sub: alice}}]}}
""",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "idjag.cli", "ras", "serve", "-f", "ras.yaml", "--port", str(port)]
    environ = {**os.environ, "WIKI": SECRET}
    process = subprocess.Popen(command, cwd=folder, env=environ, text=True, stderr=subprocess.PIPE)
    try:
        eventually(lambda: _ready(issuer, process))
        yield Served(idp, issuer, process, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        documents.shutdown()
        documents.server_close()
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert SECRET not in said


def test_a_grant_is_redeemed_over_the_wire(served: Served) -> None:
    """RAS-01, RAS-09: keys found through the issuer's metadata; the token verifies with our JWKS."""
    answer = served.redeem(served.grant())
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    keys, _ = KeySet.parse(plain_http.get(f"{served.issuer}/jwks").content)
    guard = Guard(issuer=served.issuer, resource=served.api, keys=keys, scopes=("chat.read",))
    headers = [(b"authorization", f"Bearer {answer.json()['access_token']}".encode())]
    token = guard.check(headers, method="GET", path="/")
    assert (token.sub, token.client_id) == ("u-1", CLIENT)


def test_fifty_at_once_have_one_winner(served: Served) -> None:
    """RAS-20, P4: over HTTP and SQLite."""
    assertion = served.grant()
    with ThreadPoolExecutor(50) as pool, plain_http.Client(limits=httpx.Limits(max_connections=50)) as http:
        answers = list(pool.map(lambda _: served.redeem(assertion, http), range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 49}
    assert {answer.json()["error"] for answer in answers if answer.status_code == 400} == {"invalid_grant"}


def test_refusals_over_the_wire_are_json_and_cached_by_nobody(served: Served) -> None:
    """Contract section 7; the server serves a legitimate request directly afterwards."""
    url = f"{served.issuer}/token"
    refused = [
        plain_http.get(url),
        plain_http.post(url, json={}),
        plain_http.post(url, data={"grant_type": "x"}),
        plain_http.post(url, content=b"x" * 100_000, headers=_FORM),
        served.redeem("nonsense"),
        served.redeem(served.grant(aud=served.idp)),
        plain_http.get(f"{served.issuer}/authorize"),
    ]
    assert [answer.status_code for answer in refused] == [405, 415, 401, 413, 400, 400, 400]
    for answer in refused:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["decision_id"] in answer.json()["error_description"]
    assert served.redeem(served.grant()).status_code == 200


class _Storage:
    """Where the MCP client keeps its token."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> None:
        return None

    async def set_client_info(self, client_info: Any) -> None:
        raise AssertionError(f"no registration here: {client_info}")


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_the_mcp_client_gets_its_token(served: Served, method: Any) -> None:
    """Interop: MCP Python SDK 2.3, client side: metadata, then the jwt-bearer grant, then the API."""
    storage = _Storage()
    asked: list[tuple[str, str]] = []

    async def assertion(audience: str, resource: str) -> str:
        asked.append((audience, resource))
        return served.grant(aud=audience, resource=resource)

    provider = IdentityAssertionOAuthProvider(
        server_url=served.api,
        storage=storage,
        client_id=CLIENT,
        client_secret=SECRET,
        issuer=served.issuer,
        assertion_provider=assertion,
        scope="chat.read",
        token_endpoint_auth_method=method,
    )

    def api(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200 if "authorization" in request.headers else 401, request=request)

    async def call() -> int:
        transport = _Split(api, served.api)
        async with httpx2.AsyncClient(transport=transport, auth=provider) as http:
            return (await http.get(served.api)).status_code

    assert asyncio.run(call()) == 200
    assert asked == [(served.issuer, served.api)]
    assert storage.tokens is not None
    assert storage.tokens.scope == "chat.read"


class _Split(httpx2.AsyncBaseTransport):
    """The API answers here, everything else over the network."""

    def __init__(self, api: Any, url: str) -> None:
        self._api = api
        self._url = url
        self._network = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if str(request.url) == self._url:
            answer: httpx2.Response = self._api(request)
            return answer
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        await self._network.aclose()


def test_a_wrong_file_ends_with_its_place_and_exit_code_2(tmp_path: Path) -> None:
    """Contract section 2."""
    (tmp_path / "ras.yaml").write_text("issuer: https://a.example\ncolour: red\n", encoding="utf-8")
    command = [sys.executable, "-m", "idjag.cli", "ras", "serve", "-f"]
    for name, words in (("ras.yaml", "ras.yaml:2:1: colour: unknown field"), ("no.yaml", "no such file")):
        result = subprocess.run([*command, name], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 2
        assert words in result.stderr
        assert "Traceback" not in result.stderr
