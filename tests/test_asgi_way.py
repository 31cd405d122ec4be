"""Whom a request came from, and where it goes: addresses behind proxies, dispatch by path."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from idjag.asgi import Door, client_address, router, trusted_networks
from idjag.protocol.http import Reply, TokenRequest, json_reply
from tests.asgi_parts import Exchange, noting, seen_through

PROXIES = trusted_networks(["10.0.0.0/8", "2001:db8::1", "::1"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        pytest.param("10.0.0.1", ["198.51.100.7"], "198.51.100.7", id="one proxy"),
        pytest.param("10.0.0.1", ["198.51.100.7, 10.0.0.2"], "198.51.100.7", id="two proxies"),
        pytest.param("10.0.0.1", ["203.0.113.1, 198.51.100.7"], "198.51.100.7", id="the left one is forged"),
        pytest.param("10.0.0.1", ["203.0.113.1", "198.51.100.7"], "198.51.100.7", id="two header lines"),
        pytest.param("10.0.0.1", ["10.1.1.1, 198.51.100.7"], "198.51.100.7", id="a proxy forged"),
        pytest.param("10.0.0.1", ["10.1.1.1, 10.0.0.2"], "10.1.1.1", id="a client among the proxies"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="no header"),
        pytest.param("10.0.0.1", ["198.51.100.7:5000"], "198.51.100.7", id="with a port"),
        pytest.param("10.0.0.1", ["[2001:db8::7]:5000"], "2001:db8::7", id="IPv6 with a port"),
        pytest.param("10.0.0.1", ["2001:DB8:0::7"], "2001:db8::7", id="IPv6"),
        pytest.param("10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7", id="mapped"),
        pytest.param("2001:db8::1", ["198.51.100.7"], "198.51.100.7", id="IPv6 proxy"),
        pytest.param("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7", id="a dual-stack listener"),
        pytest.param("192.0.2.7", ["198.51.100.7"], "192.0.2.7", id="the peer is no proxy"),
        pytest.param("192.0.2.7", ["10.0.0.1"], "192.0.2.7", id="the peer claims to be one"),
        pytest.param("10.0.0.1", ["a"], "10.0.0.1", id="garbage"),
        pytest.param("10.0.0.1", [""], "10.0.0.1", id="empty"),
        pytest.param("10.0.0.1", ["198.51.100.7,"], "10.0.0.1", id="empty last"),
        pytest.param("10.0.0.1", ["unknown, 10.0.0.2"], "10.0.0.1", id="garbage behind a proxy"),
        pytest.param("10.0.0.1", ["a, 198.51.100.7"], "198.51.100.7", id="garbage that does not matter"),
        pytest.param("10.0.0.1", ["198.51.100.7;x"], "10.0.0.1", id="garbage behind an address"),
        pytest.param("10.0.0.1", ["fe80::1%eth0"], "10.0.0.1", id="zone"),
        pytest.param("10.0.0.1", ["127.1"], "10.0.0.1", id="short form"),
        pytest.param("10.0.0.1", ["\uff12.2.2.2"], "10.0.0.1", id="other digits"),
        pytest.param("10.0.0.1", ["\r\nx"], "10.0.0.1", id="line break"),
        pytest.param("testclient", ["198.51.100.7"], "", id="the peer has no address"),
        pytest.param("", ["198.51.100.7"], "", id="no peer"),
    ],
)
def test_the_client_address_is_the_right_most_that_is_not_ours(
    peer: str, forwarded: list[str], expected: str
) -> None:
    """Contract section 3, stack facts: garbage never becomes an address; nobody names his own."""
    headers = tuple((b"x-forwarded-for", value.encode()) for value in forwarded)
    assert client_address(peer, headers, trusted=PROXIES) == expected


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    """The default believes nobody, loopback included."""
    forged = ((b"x-forwarded-for", b"198.51.100.7"),)
    assert seen_through(Exchange(headers=forged, client=("127.0.0.1", 1))).source == "127.0.0.1"
    assert seen_through(Exchange(headers=forged, client=None)).source == ""
    believed = Exchange(headers=forged, client=("127.0.0.1", 1))
    assert seen_through(believed, trusted_proxies=["127.0.0.1"]).source == "198.51.100.7"


def test_a_proxy_that_is_no_address_stops_the_start() -> None:
    """A deployer's mistake fails when the door is made."""
    with pytest.raises(ValueError, match="trusted proxy 'nginx'"):
        Door(noting([]), trusted_proxies=["10.0.0.1", "nginx"])


def named(name: str) -> Any:
    async def answer(_request: TokenRequest) -> Reply:
        return json_reply({"app": name})

    return Door(answer)


@pytest.mark.parametrize(
    "path",
    [
        "//token",
        "/token/",
        "/token;x",
        "/TOKEN",
        "/token ",
        "/token\x00",
        "token",
        "",
        "/",
        "/x/../token",
        "/to%6ben",
    ],
)
def test_another_spelling_of_a_path_goes_elsewhere(path: str) -> None:
    """Attack case 215: no path is folded into another (a server has percent-decoded once)."""
    app = router({"/token": named("token"), "/jwks": named("jwks")}, named("otherwise"))
    assert Exchange(path="/token").through(app).json == {"app": "token"}
    assert Exchange(path="/jwks").through(app).json == {"app": "jwks"}
    assert Exchange(path=path).through(app).json == {"app": "otherwise"}


def test_what_is_not_http_goes_to_the_other_application() -> None:
    """Lifespan belongs to whoever starts and stops things."""
    seen: list[str] = []

    async def other(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    app: Any = router({"/token": named("token")}, other)
    exchange = Exchange()
    for kind in ("lifespan", "websocket"):
        asyncio.run(app({"type": kind, "path": "/token"}, exchange.receive, exchange.send))
    assert seen == ["lifespan", "websocket"]
