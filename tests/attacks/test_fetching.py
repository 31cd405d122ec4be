"""Attack cases K: every way by which something out there is fetched, with a listener that counts who comes.

Issuer metadata, key sets of issuers, metadata documents of clients, key sets of clients.
"""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.client_auth import Registration
from idjag.protocol.errors import Refused
from idjag.protocol.jose import PrivateKey
from idjag.trust.fetch import Fetched, Fetcher, PinnedFetcher
from idjag.trust.jwks import Jwks, KeysUnavailable
from idjag.trust.kept import Limits
from idjag.trust.memory import MemoryFetcher
from idjag.trust.outbound import OutboundAllow
from idjag.trust.publications import Publications
from tests.trust.pages import Pages
from tests.trust.servers import Server, response

KEYS = {"keys": [PrivateKey.generate("ES256", kid="one").public.to_dict()]}
LIMITS = Limits(max_stale=3600, patience=30, brief=30)
LOCAL = OutboundAllow(loopback=True)
IDP = "https://idp.example"
METADATA = "/.well-known/oauth-authorization-server"


class Seconds:
    """The clock of a cache."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Beginning:
    """A first document from memory, which leads to the one that is meant."""

    def __init__(self, first: dict[str, Any], then: Fetcher) -> None:
        self._first, self._then = MemoryFetcher(first), then

    def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
        fetcher = self._first if url in self._first.documents else self._then
        return fetcher.get(url, max_bytes=max_bytes, accept=accept)


# One of each for all tests: reading the certification authorities of the system takes its time.
@cache
def local() -> PinnedFetcher:
    """May fetch from this machine."""
    return PinnedFetcher(LOCAL)


@cache
def hurried() -> PinnedFetcher:
    """The same, without patience."""
    return PinnedFetcher(LOCAL, timeout=0.15, total_deadline=0.15)


@cache
def closed(address: str) -> PinnedFetcher:
    """What an issuer on the Internet has; every name has this address."""
    return PinnedFetcher(OutboundAllow(), resolver=resolving(address), timeout=0.01)


class Patience:
    """The real fetcher, with little time while something hostile answers and much while not."""

    def __init__(self) -> None:
        self.short = True

    def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
        fetcher = hurried() if self.short else local()
        return fetcher.get(url, max_bytes=max_bytes, accept=accept)


Ask = Callable[[str], object]


def of_issuer(fetcher: Fetcher, clock: Seconds) -> Ask:
    """The metadata of an issuer, which is at this very address."""
    jwks = Jwks(fetcher, clock, limits=LIMITS)
    return lambda url: jwks.keys(url.removesuffix("/document"), None)


def of_jwks(fetcher: Fetcher, clock: Seconds) -> Ask:
    """The keys of an issuer, at the address that an administrator entered."""
    jwks = Jwks(fetcher, clock, limits=LIMITS)
    return lambda url: jwks.keys(IDP, url)


def of_metadata(fetcher: Fetcher, clock: Seconds) -> Ask:
    """The keys of an issuer, at the address that its own metadata says."""

    def ask(url: str) -> object:
        first = {f"{IDP}{METADATA}": {"issuer": IDP, "jwks_uri": url}}
        return Jwks(Beginning(first, fetcher), clock, limits=LIMITS).keys(IDP, None)

    return ask


def of_document(fetcher: Fetcher, clock: Seconds) -> Ask:
    """The metadata document of a client that an administrator approved."""
    publications = Publications(fetcher, clock, loopback=True, limits=LIMITS)
    return publications.document


def of_client(fetcher: Fetcher, clock: Seconds) -> Ask:
    """The keys of a client, at its registered address."""
    publications = Publications(fetcher, clock, limits=LIMITS)
    return lambda url: publications.registration(Registration("wiki", names.PRIVATE_KEY_JWT, jwks_uri=url))


ENTRIES = [of_issuer, of_jwks, of_metadata, of_document, of_client]
Entry = Callable[[Fetcher, Seconds], Ask]


def good(entry: Entry, url: str) -> dict[str, Any]:
    """What is at the address when all is well."""
    if entry is of_issuer:
        issuer = url.removesuffix("/document")
        return {"issuer": issuer, "jwks_uri": f"{issuer}/keys"}
    if entry is of_document:
        return {"client_id": url, "token_endpoint_auth_method": "none"}
    return KEYS


def place(entry: Entry) -> str:
    """The path of the document that an entry asks for first."""
    return METADATA if entry is of_issuer else "/document"


def problem(ask: Ask, url: str) -> str:
    """Why nothing comes of it, in the operator's words."""
    with pytest.raises((KeysUnavailable, Refused)) as failed:
        ask(url)
    error = failed.value
    return error.fact["problem"] if isinstance(error, Refused) else str(error)


def resolving(*answers: str) -> Callable[..., list[tuple[Any, Any, int, str, Any]]]:
    """Every name has the next of these addresses at each look-up; the last one stays."""
    turns = itertools.chain(answers, itertools.repeat(answers[-1]))

    def look_up(_host: str, port: int, _family: int, _kind: int) -> list[tuple[Any, Any, int, str, Any]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(turns), port))]

    return look_up


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_meant_is_fetched(entry: Entry) -> None:
    """CAU-11: the positive control of this file: the very listener, when it may be fetched from."""
    with Pages() as pages:
        url = pages.url("/document")
        pages.documents |= {place(entry): good(entry, url), "/keys": KEYS}
        assert entry(local(), Seconds())(url)
        assert pages.paths[0] == place(entry)


INSIDE = [
    "127.0.0.1",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "localhost",
    "rebinding.example",
]


@pytest.mark.parametrize("host", INSIDE)
@pytest.mark.parametrize("entry", ENTRIES)
def test_nobody_comes_to_a_listener_on_this_machine(entry: Entry, host: str) -> None:
    """Attack case 176: whatever way, however spelled; by https and by http."""
    with Server(response(json.dumps(KEYS).encode())) as listener:
        for scheme in ("https", "http"):
            assert problem(
                entry(closed("127.0.0.1"), Seconds()), f"{scheme}://{host}:{listener.port}/document"
            )
        assert listener.connections == 0


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "192.168.1.1",
        "[fd00::1]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
    ],
)
@pytest.mark.parametrize("entry", ENTRIES)
def test_addresses_inside_are_not_connected_to(entry: Entry, address: str) -> None:
    """Attack case 176: refused by the address itself, so that no time-out is waited for."""
    said = problem(entry(closed("127.0.0.1"), Seconds()), f"https://{address}/document")
    assert "not a public address" in said or "looks like an IP address" in said or "is not a URL" in said


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://idp.example/document",
        "unix:///run/x.sock/document",
        "https://idp.example:22/document",
        "https://idp.example:5432/document",
        "https://idp.example:6379/document",
        "https://user:pw@idp.example/document",
        "https://idp.example\\@127.0.0.1/document",
    ],
)
@pytest.mark.parametrize("entry", ENTRIES)
def test_other_schemes_ports_and_strange_spellings_are_refused(entry: Entry, url: str) -> None:
    """Attack case 176: databases and shells are no web servers."""
    said = problem(entry(closed("93.184.216.34"), Seconds()), url)
    assert "in time" not in said  # nobody waited for an answer from there


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_name_that_turns_inside_after_it_was_checked_leads_nowhere(entry: Entry) -> None:
    """DNS rebinding: looked up once for each fetch, and the address that was checked is the one."""
    with Server(response(b"{}")) as listener:
        url = f"https://idp.example:{listener.port}/document"
        fetcher = PinnedFetcher(
            OutboundAllow.parse("idp.example"), resolver=resolving("10.255.255.1", "127.0.0.1"), timeout=0.05
        )
        assert problem(entry(fetcher, Seconds()), url)
        assert listener.connections == 0


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("entry", ENTRIES)
def test_a_redirect_is_not_followed(entry: Entry, status: str) -> None:
    """Attack case 178."""
    with Server(response(json.dumps(KEYS).encode())) as inside, Pages() as pages:
        location = f"Location: http://127.0.0.1:{inside.port}/document"
        pages.documents[place(entry)] = response(status=status, headers=(location,))
        said = problem(entry(local(), Seconds()), pages.url("/document"))
        assert "redirects are not followed" in said
        assert inside.connections == 0


def chunked(wire: socket.socket) -> None:
    wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        wire.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")


def dripping(wire: socket.socket) -> None:
    pace = threading.Event()
    wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n")
    while not pace.wait(0.02):
        wire.sendall(b" ")


def announced(wire: socket.socket) -> None:
    wire.sendall(response(b"{", length=100_000_000))
    wire.recv(1)


def silent(wire: socket.socket) -> None:
    wire.recv(1)


def many_keys() -> bytes:
    return json.dumps({**{f"k{n}": n for n in range(10_000)}, "keys": [{}] * 10_000}).encode()


HOSTILE: list[Any] = [
    pytest.param(chunked, id="endless chunks"),
    pytest.param(dripping, id="a byte now and then"),
    pytest.param(announced, id="100 MB announced"),
    pytest.param(silent, id="nothing at all"),
    pytest.param(response(gzip.compress(b"0" * 10_000_000), headers=("Content-Encoding: gzip",)), id="gzip"),
    pytest.param(response(b"<html></html>", headers=("Content-Type: text/html",)), id="HTML"),
    pytest.param(response(b"<html></html>"), id="HTML that says JSON"),
    pytest.param(response(json.dumps(KEYS).encode(), headers=("Content-Type: text/html",)), id="wrong type"),
    pytest.param(response(b"{}"), id="200 with an empty object"),
    pytest.param(response(b""), id="200 with nothing"),
    pytest.param(response(b'{"keys":[],"keys":[],"client_id":"a","issuer":"b"}'), id="a member twice"),
    pytest.param(response(many_keys()), id="10 000 keys"),
    pytest.param(response(status="500 No"), id="500"),
    pytest.param(response(b"{}", length=10), id="cut"),
]


@pytest.mark.parametrize("answer", HOSTILE)
@pytest.mark.parametrize("entry", ENTRIES)
def test_a_hostile_answer_is_bounded_and_a_good_copy_is_kept(entry: Entry, answer: Any) -> None:
    """Attack cases 179 and 181: in time and size; what was good stays in use, and is renewed afterwards."""
    clock = Seconds()
    with Pages() as pages:
        pages.documents["/keys"] = KEYS
        url, fetcher = pages.url("/document"), Patience()
        first = entry(fetcher, clock)
        hostile(pages, entry, answer)
        assert problem(first, url)
        # of_metadata makes a cache for each question: there is no earlier copy to keep
        if entry is of_metadata:
            return
        clock.now += LIMITS.retry
        pages.documents[place(entry)] = good(entry, url)
        fetcher.short = False
        assert first(url)
        fetcher.short = True
        hostile(pages, entry, answer)
        clock.now += LIMITS.longest
        assert first(url)
        clock.now += LIMITS.max_stale
        assert problem(first, url)


def hostile(pages: Pages, entry: Entry, answer: Any) -> None:
    """From now on, this is what is there."""
    pages.documents[place(entry)] = answer
    if entry is of_issuer:  # the second place where metadata may be
        pages.documents["/.well-known/openid-configuration"] = answer
