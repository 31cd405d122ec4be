"""The way out through a proxy, over real sockets: by address, and never around the checks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from idjag.trust.fetch import PinnedFetcher, Resolver
from idjag.trust.outbound import FetchFailed, OutboundAllow
from idjag.trust.proxy import Proxy
from tests.trust.servers import Authority, Server, Speak, response

PUBLIC, PUBLIC_V6 = "93.184.216.34", "2606:4700::1111"
NAME = "idp.example"
OK = b"HTTP/1.1 200 Connection established\r\n\r\n"


def to(port: int, *, greeting: bytes = OK) -> Speak:
    """What a proxy does that leads every CONNECT to a port of this machine."""

    def speak(wire: socket.socket) -> None:
        wire.sendall(greeting)
        with socket.create_connection(("127.0.0.1", port)) as other:
            back = threading.Thread(target=_copy, args=(other, wire))
            back.start()
            _copy(wire, other)
            back.join()

    return speak


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while octets := source.recv(4096):
            sink.sendall(octets)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def resolving(*addresses: str) -> Resolver:
    """Every name has these addresses; those that are written as addresses are themselves."""

    def look_up(_host: str, port: int, _family: int, _kind: int) -> list[tuple[Any, Any, int, str, Any]]:
        return [(0, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return look_up


def through(proxy: Server, authority: Authority, *addresses: str, **settings: Any) -> PinnedFetcher:
    """A fetcher behind the proxy, for which every name has these addresses."""
    allow = settings.pop("allow", OutboundAllow())
    way = Proxy.parse(f"http://127.0.0.1:{proxy.port}")
    resolver = resolving(*(addresses or (PUBLIC,)))
    return PinnedFetcher(allow, authority.ca_file, proxy=way, resolver=resolver, **settings)


@pytest.mark.parametrize(("address", "asked"), [(PUBLIC, f"{PUBLIC}:443"), (PUBLIC_V6, f"[{PUBLIC_V6}]:443")])
def test_the_proxy_is_given_the_address_that_was_checked(
    authority: Authority, address: str, asked: str
) -> None:
    """Contract section 3: what was checked is what is connected; TLS is for the name, end to end."""
    with (
        Server(response(b'{"a":1}'), tls=authority.context(NAME)) as server,
        Server(to(server.port)) as proxy,
    ):
        fetched = through(proxy, authority, address).get(f"https://{NAME}/jwks?x=canary", max_bytes=100)
        assert fetched.body == b'{"a":1}'
        (head,) = proxy.requests
        assert head == f"CONNECT {asked} HTTP/1.1\r\nHost: {asked}\r\nUser-Agent: idjag\r\n\r\n".encode()
        assert server.requests[0].startswith(f"GET /jwks?x=canary HTTP/1.1\r\nHost: {NAME}\r\n".encode())


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"])
def test_a_private_address_is_refused_before_the_proxy_hears_of_it(
    authority: Authority, address: str
) -> None:
    """Attack case 176: the proxy is no way around the checks."""
    with Server(to(1)) as proxy:
        with pytest.raises(FetchFailed, match="not a public address"):
            through(proxy, authority, address).get(f"https://{NAME}/", max_bytes=10)
        with pytest.raises(FetchFailed, match="not a public address"):
            through(proxy, authority, PUBLIC, address).get(f"https://{NAME}/", max_bytes=10)
        assert proxy.connections == 0


def test_what_is_inside_is_reached_without_the_proxy(authority: Authority) -> None:
    """A proxy is the way out: private addresses that the operator named are not out there."""
    with Server(response(), tls=authority.context(NAME)) as server, Server(to(1)) as proxy:
        fetcher = through(proxy, authority, "127.0.0.1", allow=OutboundAllow(loopback=True))
        assert fetcher.get(f"https://{NAME}:{server.port}/", max_bytes=10).body == b"{}"
        assert proxy.connections == 0


def test_a_name_that_does_not_resolve_here_is_refused(authority: Authority) -> None:
    """What cannot be checked is not left to the proxy."""

    def unknown(_host: str, _port: int, _family: int, _kind: int) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "canary")

    with Server(to(1)) as proxy:
        way = Proxy.parse(f"http://127.0.0.1:{proxy.port}")
        fetcher = PinnedFetcher(OutboundAllow(), authority.ca_file, proxy=way, resolver=unknown)
        with pytest.raises(FetchFailed, match="does not resolve"):
            fetcher.get(f"https://{NAME}/", max_bytes=10)
        assert proxy.connections == 0


def test_a_proxy_that_reads_along_is_not_believed(authority: Authority) -> None:
    """TLS is verified for the name: whoever answers in its place needs its certificate."""
    with (
        Server(response(), tls=authority.context("proxy.example")) as server,
        Server(to(server.port)) as proxy,
        pytest.raises(FetchFailed, match="certificate is not accepted"),
    ):
        through(proxy, authority).get(f"https://{NAME}/", max_bytes=10)


@pytest.mark.parametrize(
    "status", ["403 Forbidden", "407 Proxy Authentication Required", "302 Found", "204 No"]
)
def test_a_proxy_that_refuses_is_named_with_what_it_was_asked(authority: Authority, status: str) -> None:
    """The operator reads what to allow there."""
    with Server(response(b"canary", status=status)) as proxy:
        with pytest.raises(FetchFailed) as failed:
            through(proxy, authority).get(f"https://{NAME}/jwks", max_bytes=10)
        said = failed.value.problem
        assert said.startswith(f"https://{NAME}/jwks: ")
        assert f"the proxy answered {status[:3]} to CONNECT {PUBLIC}:443" in said
        assert "canary" not in said


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", id="ssh"),
        pytest.param(b"<html></html>\r\n\r\n", id="HTML"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", id="half a head"),
        pytest.param(b"HTTP/2 200 OK\r\n\r\n", id="HTTP/2"),
        pytest.param(b"HTTP/1.1 2000 OK\r\n\r\n", id="four digits"),
        pytest.param(OK + b"HTTP/1.1 200 OK\r\n\r\n{}", id="an answer of its own behind the head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", id="a head without measure"),
    ],
)
def test_what_is_no_proxy_is_refused_in_one_sentence(authority: Authority, answer: bytes) -> None:
    """Attack case 179: bounded, and nothing that it says is taken for the document."""
    with Server(answer) as proxy, pytest.raises(FetchFailed, match="as a proxy does") as failed:
        through(proxy, authority).get(f"https://{NAME}/", max_bytes=1000)
    assert failed.value.problem.isprintable()


def silent(wire: socket.socket) -> None:
    wire.recv(1)  # until the fetcher hangs up


def dripping(wire: socket.socket) -> None:
    pace = threading.Event()
    while not pace.wait(0.02):
        wire.sendall(b"H")


@pytest.mark.parametrize("speak", [silent, dripping, to(1, greeting=OK)])
def test_a_proxy_that_takes_its_time_ends_at_the_deadline(
    authority: Authority, speak: Callable[[socket.socket], None]
) -> None:
    """Attack case 179: the way there is part of the time that a fetch may take."""
    with Server(speak) as proxy:
        fetcher = through(proxy, authority, timeout=0.3, total_deadline=0.3)
        with pytest.raises(FetchFailed, match=f"https://{NAME}/"):
            fetcher.get(f"https://{NAME}/", max_bytes=10)


def test_a_proxy_that_is_not_there_is_a_sentence(authority: Authority) -> None:
    with Server(OK) as proxy:
        pass
    with pytest.raises(FetchFailed, match="connection refused"):
        through(proxy, authority).get(f"https://{NAME}/", max_bytes=10)


@pytest.mark.parametrize(
    "setting",
    ["", "proxy:3128", "https://proxy:3128", "http://u:p@proxy:3128", "http://proxy/x", "http://p?x"],
)
def test_a_proxy_is_http_host_and_port_alone(setting: str) -> None:
    """Contract section 3: IDJAG_OUTBOUND_PROXY; what is not built is refused."""
    assert Proxy.parse("http://proxy.example:3128") == Proxy.parse("http://PROXY.example:3128/")
    with pytest.raises(ValueError, match="must be http://host:port"):
        Proxy.parse(setting)
