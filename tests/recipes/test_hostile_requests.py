"""Attack cases 211, 213 and 214 through nginx as docs/recipes/nginx.md says: what comes through."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from idjag.demo.wire import fetch
from tests.cluster import Cluster
from tests.processes.acme import acme_in
from tests.processes.nodes import nodes_of
from tests.recipes import nginx
from tests.recipes.deployment import Deployment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

METADATA = "/.well-known/openid-configuration"
SECONDS = 30
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, postgres: Cluster, root: Path) -> Iterator[Deployment]:
    """One node behind nginx; the other one of the recipe is down."""
    if nginx.binary() is None:
        pytest.skip("nginx is not installed: nothing is known about the recipe")
    folder = tmp_path_factory.mktemp("site")
    folder.chmod(0o700)
    made = Deployment.of(nodes_of(acme_in(folder), postgres), drain="0s", workers=1)
    recipe = (root / "docs" / "recipes" / "nginx.conf").read_text(encoding="utf-8")
    config = nginx.on_loopback(recipe, port=made.port, nodes=made.nodes.ports)
    with made.node(0), nginx.running(config, port=made.port):
        yield made


def answers(site: Deployment, *parts: bytes) -> list[int]:
    """The status of everything that comes back on one connection, until the other side ends it."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=SECONDS) as connection:
        received = b""
        with suppress(ConnectionError):  # it may end before everything is sent
            for part in parts:
                connection.sendall(part)
        with suppress(ConnectionError):
            while octets := connection.recv(65536):
                received += octets
    return [int(status) for status in _STATUS.findall(received)]


def head(site: Deployment, line: str, *lines: str, host: str | None = None) -> bytes:
    """A request's head with our name, or another."""
    name = host or f"127.0.0.1:{site.port}"
    return "\r\n".join((line, f"Host: {name}", *lines, "", "")).encode("latin-1")


def canary(site: Deployment) -> bytes:
    """The honest request after the hostile one: who answers it twice, or not, has lost the frame."""
    return head(site, "GET /jwks HTTP/1.1", "Connection: close")


def form(site: Deployment, *lines: str) -> bytes:
    """The head of a request to the token endpoint."""
    return head(site, "POST /token HTTP/1.1", "Content-Type: application/x-www-form-urlencoded", *lines)


def test_honest_requests_on_one_connection_are_answered_one_by_one(site: Deployment) -> None:
    """Positive control of the tests below; the refusal is the node's: 401, no client."""
    whole = form(site, "Content-Length: 12") + b"grant_type=x"
    chunked = form(site, "Transfer-Encoding: chunked") + b"c\r\ngrant_type=x\r\n0\r\n\r\n"
    first = answers(site, whole, canary(site))
    assert len(first) == 2
    assert first[0] in (400, 401)
    assert first[1] == 200
    assert answers(site, chunked, canary(site)) == first


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(("Content-Length: 4", "Transfer-Encoding: chunked"), id="CL and TE"),
        pytest.param(("Transfer-Encoding: chunked", "Content-Length: 4"), id="TE and CL"),
        pytest.param(("Content-Length: 4", "Content-Length: 60"), id="two CL"),
        pytest.param(("Content-Length: 4, 60",), id="two CL in one line"),
        pytest.param(("Transfer-Encoding: xchunked",), id="unknown TE"),
        pytest.param(("Transfer-Encoding: chunked, identity",), id="TE list"),
        pytest.param(("Content-Length: +4",), id="signed CL"),
    ],
)
def test_a_request_of_two_lengths_ends_its_connection(site: Deployment, lines: tuple[str, ...]) -> None:
    """Attack case 213: refused, and what follows is nobody's second request."""
    smuggled = b"0\r\n\r\n" + head(site, "GET /smuggled HTTP/1.1", "X: y")
    found = answers(site, form(site, *lines), smuggled, canary(site))
    assert len(found) == 1
    assert found[0] in (400, 501)


def test_http_1_0_with_chunks_is_refused(site: Deployment) -> None:
    """Attack case 213."""
    asked = form(site, "Transfer-Encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0")
    found = answers(site, asked, b"0\r\n\r\n", canary(site))
    assert len(found) == 1
    assert found[0] in (400, 501)


def test_chunk_extensions_and_bare_line_feeds_cost_nobody_their_frame(site: Deployment) -> None:
    """Attack case 213: the node gets what nginx has understood, and the next request is the next one."""
    extended = form(site, "Transfer-Encoding: chunked") + b"c;a=b\r\ngrant_type=x\r\n0\r\n\r\n"
    bare = form(site, "Content-Length: 12").replace(b"\r\n", b"\n") + b"grant_type=x"
    for hostile in (extended, bare):
        found = answers(site, hostile, canary(site))
        assert len(found) == 2
        assert found[0] in (400, 401)
        assert found[1] == 200


@pytest.mark.parametrize(
    ("line", "lines", "host", "expected"),
    [
        pytest.param(f"GET {METADATA} HTTP/1.1", (), "evil.example", 421, id="another Host"),
        pytest.param(f"GET http://evil.example{METADATA} HTTP/1.1", (), None, 421, id="absolute form"),
        pytest.param(f"GET {METADATA} HTTP/1.1", ("Host: evil.example",), None, 400, id="two Hosts"),
    ],
)
def test_a_name_that_is_not_ours_reaches_no_node(
    site: Deployment, line: str, lines: tuple[str, ...], host: str | None, expected: int
) -> None:
    """Attack case 211."""
    assert answers(site, head(site, line, "Connection: close", *lines, host=host)) == [expected]


def test_what_strangers_say_of_the_way_changes_nothing(site: Deployment) -> None:
    """Attack case 211: metadata is the same to the byte, and the audit log has the true address."""
    url = site.nodes.acme.idp + METADATA
    told = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "x-forwarded-prefix": "/evil",
        "x-forwarded-for": "192.0.2.66",
        "forwarded": "for=192.0.2.66;host=evil.example",
    }
    assert fetch(url, headers=told).body == fetch(url).body
    refused = fetch(f"{site.nodes.acme.idp}/token", form={"grant_type": "x"}, headers=told)
    assert refused.status in (400, 401)
    site.exchange("no token")
    found = site.nodes.sql("SELECT DISTINCT body::json ->> 'ip' AS ip FROM audit")
    assert {row["ip"] for row in found} == {"127.0.0.1", None}


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        pytest.param((f"X: {'a' * 5_000_000}",), METADATA, id="5 MB header"),
        pytest.param(tuple(f"X-{n}: a" for n in range(20_000)), METADATA, id="20,000 headers"),
        pytest.param((), f"/{'a' * 200_000}", id="200 KB URL"),
    ],
)
def test_heads_without_measure_are_refused_at_once(
    site: Deployment, lines: tuple[str, ...], path: str
) -> None:
    """Attack case 214: refused or cut off, and quickly; the node never sees them."""
    began = time.monotonic()
    found = answers(site, head(site, f"GET {path} HTTP/1.1", *lines))
    assert found in ([], [400], [414], [431])
    assert time.monotonic() - began < SECONDS
    assert fetch(site.nodes.acme.idp + METADATA).status == 200


@pytest.mark.parametrize("path", ["/readyz", "/healthz", "/metrics"])
def test_health_is_for_those_who_ask_a_node_itself(site: Deployment, path: str) -> None:
    """Attack case 231: strangers learn nothing of a node."""
    assert fetch(site.nodes.acme.idp + path).status == 404
