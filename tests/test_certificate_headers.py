"""What the door takes for the certificate of a client: from our proxies alone, by the names that are set."""

from __future__ import annotations

import pytest

from idjag.forwarded import CertificateHeaders, believed, trusted_networks
from idjag.protocol.client_certificate import Told
from idjag.protocol.errors import Reason
from tests.asgi_parts import Exchange, seen_through
from tests.test_asgi import refused_through

PROXY, STRANGER = ("10.0.0.1", 5000), ("192.0.2.7", 5000)
HEADERS = CertificateHeaders("Client-Cert", "X-Any-Cert")
HOST = (b"host", b"idp.example")
OPTIONS = {"trusted_proxies": ["10.0.0.0/8"], "certificate_headers": HEADERS}


def exchange(*pairs: tuple[bytes, bytes], client: tuple[str, int] | None = PROXY) -> Exchange:
    return Exchange(headers=(HOST, *pairs), client=client)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], None),
        ([(b"client-cert", b":AA==:")], Told(b":AA==:", chain_verified=True)),
        ([(b"Client-CERT", b":AA==:")], Told(b":AA==:", chain_verified=True)),
        ([(b"x-any-cert", b":AA==:")], Told(b":AA==:")),
        ([(b"x-any-cert", b":BB==:"), (b"client-cert", b":AA==:")], Told(b":AA==:", chain_verified=True)),
        ([(b"x-any-cert", b":BB==:"), (b"client-cert", b"")], Told(b":BB==:")),
        ([(b"client-cert", b"")], None),
        (
            [(b"client_cert", b":AA==:"), (b"x-ssl-client-cert", b":AA==:"), (b"client-cert-chain", b"x")],
            None,
        ),
    ],
)
def test_a_proxy_is_believed_in_the_headers_that_are_named(
    pairs: list[tuple[bytes, bytes]], expected: Told | None
) -> None:
    """CAU-08, RFC 9440 section 2: an empty header is none, and other names are nobody's."""
    assert seen_through(exchange(*pairs), **OPTIONS).certificate == expected


@pytest.mark.parametrize("client", [STRANGER, ("testclient", 1), None])
def test_whoever_is_no_proxy_tells_nothing(client: tuple[str, int] | None) -> None:
    """CAU-08, RFC 9440 section 4: taken off, however often it comes, and the rest of the request stays."""
    smuggled = (b"client-cert", b":AA==:")
    more = (b"x-forwarded-for", b"10.0.0.1")
    request = seen_through(
        exchange(smuggled, smuggled, (b"x-any-cert", b"x"), more, client=client), **OPTIONS
    )
    assert (request.certificate, request.headers) == (None, (HOST, more))


def test_two_of_a_header_are_refused() -> None:
    """CAU-08: one of them may be the client's own."""
    for name in HEADERS.names:
        twice = exchange((name, b":AA==:"), (name, b":AA==:"))
        assert refused_through(twice, **OPTIONS) is Reason.DUPLICATE_HEADER
        emptied = exchange((name, b""), (name, b":AA==:"))
        assert refused_through(emptied, **OPTIONS) is Reason.DUPLICATE_HEADER


def test_without_names_there_is_no_certificate() -> None:
    """CAU-08: the default; a header is one like any other then."""
    pair = (b"client-cert", b":AA==:")
    request = seen_through(exchange(pair, pair), trusted_proxies=["10.0.0.0/8"])
    assert (request.certificate, request.headers) == (None, (HOST, pair, pair))


@pytest.mark.parametrize(
    ("headers", "methods"),
    [
        (CertificateHeaders(), ()),
        (CertificateHeaders("a"), ("tls_client_auth", "self_signed_tls_client_auth")),
        (CertificateHeaders("", "b"), ("self_signed_tls_client_auth",)),
        (CertificateHeaders("a", "b"), ("tls_client_auth", "self_signed_tls_client_auth")),
    ],
)
def test_a_verified_chain_serves_both_methods(headers: CertificateHeaders, methods: tuple[str, ...]) -> None:
    """CAU-08: any other certificate serves those who register its key."""
    assert headers.methods == methods


@pytest.mark.parametrize(
    ("verified", "unverified"),
    [("a", "A"), ("Authorization", ""), ("", "cookie"), ("a b", ""), ("a\n", ""), ("x" * 101, ""), ("é", "")],
)
def test_what_cannot_be_such_a_header_is_refused(verified: str, unverified: str) -> None:
    with pytest.raises(ValueError, match="must"):
        CertificateHeaders(verified, unverified)


@pytest.mark.parametrize(
    ("peer", "expected"),
    [("10.0.0.1", True), ("::ffff:10.0.0.1", True), ("11.0.0.1", False), ("", False), ("10.0.0.1 ", False)],
)
def test_who_our_proxies_are(peer: str, *, expected: bool) -> None:
    assert believed(peer, trusted=trusted_networks(["10.0.0.0/8"])) is expected
