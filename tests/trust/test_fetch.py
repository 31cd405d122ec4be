"""The outbound fetcher against real sockets and real TLS."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from idjag.trust.fetch import Fetched, FetchFailed, OutboundAllow, PinnedFetcher, Resolver
from tests.trust.servers import Authority, Server, response

LOCAL = OutboundAllow(loopback=True)


def resolving(*addresses: str, asked: list[str] | None = None) -> Resolver:
    """A resolver that knows every name under the same addresses."""

    def look_up(host: str, port: int, _family: int, _kind: int) -> list[tuple[Any, Any, int, str, Any]]:
        if asked is not None:
            asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return look_up


def fetched(answer: bytes | Callable[[socket.socket], None], *, max_bytes: int = 1000) -> Fetched:
    """What comes of one fetch over plain HTTP from a server that answers so."""
    with Server(answer) as server:
        return PinnedFetcher(LOCAL, timeout=30, total_deadline=30).get(
            f"http://127.0.0.1:{server.port}/jwks", max_bytes=max_bytes
        )


def problem(answer: bytes | Callable[[socket.socket], None], *, max_bytes: int = 1000) -> str:
    with pytest.raises(FetchFailed) as caught:
        fetched(answer, max_bytes=max_bytes)
    return caught.value.problem


def test_a_document_comes_back_with_its_headers() -> None:
    """The positive control of this file."""
    found = fetched(response(b'{"keys":[]}', headers=("ETag: a", "X-Two: 1", "x-two: 2")))
    assert (found.status, found.body) == (200, b'{"keys":[]}')
    assert (found.headers["etag"], found.headers["x-two"]) == ("a", "1, 2")
    assert found.media_type == "application/json"


def test_the_request_is_plain_and_says_nothing_about_us() -> None:
    """No cookies, no compression, no proxy form, one connection per fetch."""
    with Server(response()) as server:
        PinnedFetcher(LOCAL).get(f"http://127.0.0.1:{server.port}/a?b=c", max_bytes=10, accept="text/x")
        assert server.requests == [
            f"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAccept: text/x\r\n"
            "Accept-Encoding: identity\r\nUser-Agent: idjag\r\nConnection: close\r\n\r\n".encode()
        ]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "idp.example"])
def test_no_connection_is_made_to_a_private_address(host: str) -> None:
    """Attack case 176: refused before anything is sent; a listener stands there and sees nobody."""
    with Server(response()) as server:
        fetcher = PinnedFetcher(OutboundAllow(), resolver=resolving("127.0.0.1"))
        for scheme in ("https", "http"):
            with pytest.raises(FetchFailed, match="IDJAG_OUTBOUND_ALLOW"):
                fetcher.get(f"{scheme}://{host}:{server.port}/jwks", max_bytes=10)
        assert server.connections == 0
        PinnedFetcher(LOCAL).get(f"http://localhost:{server.port}/jwks", max_bytes=10)
        assert server.connections == 1


def test_a_refused_url_is_not_even_looked_up() -> None:
    """Attack case 176: strange spellings never reach the resolver, which would understand some of them."""
    asked: list[str] = []
    fetcher = PinnedFetcher(LOCAL, resolver=resolving("127.0.0.1", asked=asked))
    for url in ("http://127.1/", "http://2130706433/", "http://0x7f000001/", "file:///etc/passwd"):
        with pytest.raises(FetchFailed):
            fetcher.get(url, max_bytes=10)
    assert asked == []


def test_a_name_is_looked_up_once_and_the_checked_address_is_used(authority: Authority) -> None:
    """CAU-11: a second look-up could answer otherwise (DNS rebinding); TLS is checked for the name."""
    asked: list[str] = []
    answers = (("127.0.0.1",), ("10.0.0.1",))
    turn = count()

    def rebinding(host: str, port: int, family: int, kind: int) -> Any:
        return resolving(*answers[next(turn)], asked=asked)(host, port, family, kind)

    with Server(response(b"{}"), tls=authority.context("idp.example")) as server:
        fetcher = PinnedFetcher(LOCAL, authority.ca_file, resolver=rebinding)
        assert fetcher.get(f"https://idp.example:{server.port}/jwks", max_bytes=10).body == b"{}"
        assert asked == ["idp.example"]
        with pytest.raises(FetchFailed, match=r"10\.0\.0\.1"):
            fetcher.get(f"https://idp.example:{server.port}/jwks", max_bytes=10)


def test_an_address_that_does_not_answer_gives_way_to_the_next() -> None:
    """Hosts have several addresses so that one may be down."""
    with Server(response(b"{}")) as server:
        fetcher = PinnedFetcher(LOCAL, resolver=resolving("127.0.0.2", "127.0.0.1"))
        assert fetcher.get(f"http://idp.example:{server.port}/", max_bytes=10).body == b"{}"
        with pytest.raises(FetchFailed, match="connection refused"):
            PinnedFetcher(LOCAL, resolver=resolving("127.0.0.2")).get(
                f"http://idp.example:{server.port}/", max_bytes=10
            )


def test_a_certificate_for_another_name_is_refused(authority: Authority) -> None:
    """TLS is verified for the host name in the URL."""
    with Server(response(), tls=authority.context("other.example", "127.0.0.1")) as server:
        fetcher = PinnedFetcher(LOCAL, authority.ca_file, resolver=resolving("127.0.0.1"))
        assert fetcher.get(f"https://other.example:{server.port}/", max_bytes=10).status == 200
        assert fetcher.get(f"https://127.0.0.1:{server.port}/", max_bytes=10).status == 200
        with pytest.raises(FetchFailed, match="certificate is not accepted"):
            fetcher.get(f"https://idp.example:{server.port}/", max_bytes=10)
        assert len(server.requests) == 2


def test_a_certificate_of_an_unknown_authority_is_refused(authority: Authority) -> None:
    """IDJAG_CA_FILE is what makes a private authority known."""
    with Server(response(), tls=authority.context("localhost")) as server:
        url = f"https://localhost:{server.port}/"
        assert PinnedFetcher(LOCAL, authority.ca_file).get(url, max_bytes=10).status == 200
        with pytest.raises(FetchFailed, match="certificate is not accepted"):
            PinnedFetcher(LOCAL).get(url, max_bytes=10)


def test_a_server_without_tls_is_named_so(authority: Authority) -> None:
    """A plain port under an https URL ends in a sentence, not in a traceback."""
    with Server(lambda wire: wire.sendall(response())) as server:
        fetcher = PinnedFetcher(LOCAL, authority.ca_file, total_deadline=0.3)
        with pytest.raises(FetchFailed, match="localhost"):
            fetcher.get(f"https://localhost:{server.port}/", max_bytes=10)


def test_a_tls_connection_that_is_cut_is_not_the_end_of_a_document(authority: Authority) -> None:
    """Without a length and without close_notify nobody knows whether the set is whole."""

    def cut(wire: socket.socket) -> None:
        wire.sendall(b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"keys":[]}')
        wire.shutdown(socket.SHUT_RDWR)

    fetcher = PinnedFetcher(LOCAL, authority.ca_file)
    tls = authority.context("localhost")
    with Server(cut, tls=tls) as server, pytest.raises(FetchFailed, match="TLS failed"):
        fetcher.get(f"https://localhost:{server.port}/", max_bytes=100)


@pytest.mark.parametrize("ca_file", ["absent.pem", "empty.pem", "text.pem"])
def test_a_ca_file_that_cannot_be_read_stops_the_start(tmp_path: Path, ca_file: str) -> None:
    """A deployer's mistake fails when the fetcher is made."""
    (tmp_path / "empty.pem").write_bytes(b"")
    (tmp_path / "text.pem").write_text("not a certificate")
    with pytest.raises(ValueError, match="IDJAG_CA_FILE"):
        PinnedFetcher(OutboundAllow(), tmp_path / ca_file)


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_a_redirect_is_not_followed(status: str) -> None:
    """Attack case 178: neither to the inside nor to another host."""
    with Server(response(b"{}")) as other:
        location = f"Location: http://127.0.0.1:{other.port}/"
        assert "redirects are not followed" in problem(response(status=status, headers=(location,)))
        assert other.connections == 0


@pytest.mark.parametrize(
    "status", ["201 Created", "204 No Content", "206 Partial", "304 Same", "404 No", "500 Oh"]
)
def test_only_200_is_success(status: str) -> None:
    """The status stands in the sentence for the operator."""
    assert status[:3] in problem(response(status=status))


def test_an_answer_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    """Attack case 179: bounded size, announced or not."""
    assert fetched(response(b"x" * 1000)).body == b"x" * 1000
    assert "longer than 1000 bytes" in problem(response(b"x" * 1001))
    until_close = b"HTTP/1.0 200 OK\r\n\r\n"
    assert fetched(until_close + b"x" * 1000).body == b"x" * 1000
    assert "longer than 1000 bytes" in problem(until_close + b"x" * 1001)


def test_an_announced_size_above_the_limit_is_refused_before_it_is_read() -> None:
    """Attack case 179: 100 MB are not waited for."""

    def announce(wire: socket.socket) -> None:
        wire.sendall(response(b"x", length=100_000_000))
        wire.recv(1)  # until the fetcher hangs up

    assert "longer than 1000 bytes" in problem(announce)


def test_endless_chunks_are_cut_at_the_limit() -> None:
    """Attack case 179: chunked, without an end."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    def endless(wire: socket.socket) -> None:
        wire.sendall(head)
        while True:
            wire.sendall(b"10\r\n" + b"x" * 16 + b"\r\n")

    assert fetched(head + b"2\r\n{}\r\n0\r\n\r\n").body == b"{}"
    assert "longer than 1000 bytes" in problem(endless)


def dripping(head: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    """Sends the head at once and then a drop every 20 ms until the client hangs up."""

    def drip(wire: socket.socket) -> None:
        pace = threading.Event()
        wire.sendall(head)
        while not pace.wait(0.02):
            wire.sendall(drop)

    return drip


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        pytest.param(b"", b"H", id="status line"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"A", id="header line"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="100 Continue for ever"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"a:b\r\n", id="trailers"
        ),
    ],
)
def test_one_byte_after_the_other_ends_at_the_total_deadline(head: bytes, drop: bytes) -> None:
    """Attack case 179: every single read is quick, so only the sum can stop it."""
    with Server(dripping(head, drop)) as server:
        fetcher = PinnedFetcher(LOCAL, timeout=30, total_deadline=0.4)
        with pytest.raises(FetchFailed, match="in time"):
            fetcher.get(f"http://127.0.0.1:{server.port}/", max_bytes=10_000)


def test_a_server_that_says_nothing_ends_at_the_timeout_of_one_read() -> None:
    """The shorter of the two limits counts."""

    def silent(wire: socket.socket) -> None:
        wire.recv(1)  # until the fetcher hangs up

    with Server(silent) as server:
        fetcher = PinnedFetcher(LOCAL, timeout=0.2, total_deadline=60)
        with pytest.raises(FetchFailed, match="in time"):
            fetcher.get(f"http://127.0.0.1:{server.port}/", max_bytes=10)


def test_a_resolver_that_never_answers_ends_at_the_total_deadline() -> None:
    """The function getaddrinfo has no timeout of its own."""
    released = threading.Event()

    def stuck(_host: str, _port: int, _family: int, _kind: int) -> list[Any]:
        released.wait(30)
        return []

    started = time.monotonic()
    try:
        with pytest.raises(FetchFailed, match="in time"):
            PinnedFetcher(LOCAL, total_deadline=0.2, resolver=stuck).get("https://idp.example/", max_bytes=1)
        assert time.monotonic() - started < 20
    finally:
        released.set()


def test_a_name_that_does_not_exist_is_named_so() -> None:
    """The resolver's error becomes a sentence."""

    def unknown(_host: str, _port: int, _family: int, _kind: int) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "canary")

    with pytest.raises(FetchFailed, match="name does not resolve"):
        PinnedFetcher(LOCAL, resolver=unknown).get("https://idp.example/", max_bytes=1)


def test_a_compressed_answer_is_refused() -> None:
    """Attack case 179: a gzip bomb is never inflated."""
    bomb = gzip.compress(b"0" * 100_000)
    assert "compressed" in problem(response(bomb, headers=("Content-Encoding: gzip",)))
    assert "compressed" in problem(response(headers=("Content-Encoding: identity, gzip",)))
    assert fetched(response(headers=("Content-Encoding: identity",))).body == b"{}"


def test_an_answer_that_ends_early_is_refused() -> None:
    """Half a key set is no key set."""
    assert "ended early" in problem(response(b"{}", length=3))
    assert problem(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\r\n\r\n", id="empty lines"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="ssh"),
        pytest.param(b"<html>canary</html>", id="HTTP 0.9"),
        pytest.param(b"HTTP/2.0 200 OK\r\n\r\n{}", id="HTTP/2"),
        pytest.param(b"HTTP/1.1 abc OK\r\n\r\n{}", id="status is no number"),
        pytest.param(b"HTTP/1.1 99 OK\r\n\r\n{}", id="status too small"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n{}", id="200 headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n{}", id="long header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="chunk size"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", id="negative chunk"),
        pytest.param(bytes(range(256)) * 8, id="every byte"),
    ],
)
def test_what_is_not_http_is_refused_in_one_sentence(answer: bytes) -> None:
    """The other side's bytes never show in the message."""
    text = problem(answer)
    assert text.startswith("http://127.0.0.1:")
    assert text.isprintable()
    assert "canary" not in text


def test_the_message_of_a_failure_is_for_the_operator() -> None:
    """Style: what was asked and what came, without the query."""
    with Server(response(status="404 Not Found")) as server:
        with pytest.raises(FetchFailed) as caught:
            PinnedFetcher(LOCAL).get(f"http://127.0.0.1:{server.port}/jwks?key=canary", max_bytes=10)
        assert caught.value.problem == f"http://127.0.0.1:{server.port}/jwks: 404"
        assert caught.value.__cause__ is None
