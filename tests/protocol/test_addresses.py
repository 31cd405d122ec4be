"""Hosts, origins, loopback, and where answers may go."""

from __future__ import annotations

import pytest

from idjag.protocol.addresses import (
    has_dot_segments,
    host_of,
    is_loopback,
    is_private_use,
    is_secure,
    network_of,
    origin_of,
    redirect_uri_problem,
)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_this_machine_is_loopback(host: str) -> None:
    assert is_loopback(f"http://{host}:1/")


@pytest.mark.parametrize("host", ["localhost.example", "127.0.0.1.example", "10.0.0.1", "[::]", "[::2]", ""])
def test_other_machines_are_not(host: str) -> None:
    assert not is_loopback(f"http://{host}/")


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("https://spa.example/callback", "https://spa.example"),
        ("https://SPA.example:443/callback", "https://spa.example"),
        ("https://spa.example:8443/callback?x=1", "https://spa.example:8443"),
        ("http://127.0.0.1:3000/callback", "http://127.0.0.1:3000"),
        ("http://localhost:80", "http://localhost"),
        ("https://[2001:DB8::1]/", "https://[2001:db8::1]"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(uri: str, origin: str) -> None:
    assert origin_of(uri) == origin


def test_a_host_is_in_lower_case_and_without_brackets() -> None:
    assert [host_of(uri) for uri in ("https://A.Example:1/", "https://[::1]/", "urn:x:y")] == [
        "a.example",
        "::1",
        "",
    ]


@pytest.mark.parametrize(
    ("uri", "secure"),
    [
        ("https://a.example", True),
        ("HTTPS://a.example", True),
        ("http://[::1]/", True),
        ("http://a.example", False),
    ],
)
def test_secure_is_https_or_this_machine(uri: str, *, secure: bool) -> None:
    assert is_secure(uri) is secure


def test_a_scheme_of_an_apps_own_is_a_domain_name_in_reverse() -> None:
    """RFC 8252 section 7.1."""
    assert is_private_use("com.example.app:/cb")
    assert not is_private_use("myapp:/cb")
    assert not is_private_use("https://a.example/")


@pytest.mark.parametrize("path", ["/a/./b", "/../b", "/a/%2e%2E/b", "/a/..;x/b", "/.", "/%2e"])
def test_dot_segments_are_seen_however_written(path: str) -> None:
    assert has_dot_segments(f"https://a.example{path}")
    assert not has_dot_segments("https://a.example/a.b/..c/?x=/../")


@pytest.mark.parametrize(
    "uri", ["https://a.example/cb", "http://127.0.0.1/cb", "com.example.app:/cb", "https://a.example?x=1"]
)
def test_where_an_answer_may_go(uri: str) -> None:
    assert redirect_uri_problem(uri) is None


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("https://a.example/cb#f", "absolute URI"),
        ("javascript:alert(1)", "is https"),
        ("http://a.example/cb", "is https"),
        ("https://*.a.example/cb", "wildcards"),
        ("https://a.example/x/../cb", "no . or .."),
    ],
)
def test_where_it_may_not_and_why(uri: str, problem: str) -> None:
    """Attack cases 136 to 138."""
    assert problem in (redirect_uri_problem(uri) or "")


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("", ""),
        ("unix:", "unix:"),
        ("192.0.2.7:5000", "192.0.2.7:5000"),
    ],
)
def test_a_peer_stands_for_its_subscriber(source: str, network: str) -> None:
    """Attack case 38: an IPv6 subscriber has a /64; what is no address is not judged."""
    assert network_of(source) == network
