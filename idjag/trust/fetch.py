"""The one outbound fetcher: over verified TLS to an address that was checked, and nothing else.

No redirects, no compression, no cookies, no second DNS look-up, and no proxy but the one it is given.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias, cast

from idjag.trust.deadline import Deadline, in_time
from idjag.trust.outbound import (
    Address,
    FetchFailed,
    OutboundAllow,
    Target,
    address_of,
    is_special,
    parse_url,
)
from idjag.trust.proxy import Proxy, tunnel

__all__ = ["FetchFailed", "Fetched", "Fetcher", "OutboundAllow", "PinnedFetcher", "Poster", "Resolver"]

Resolver: TypeAlias = Callable[[str, int, int, int], Sequence[tuple[Any, Any, int, str, tuple[Any, ...]]]]
"""As socket.getaddrinfo: host, port, family, type."""

_MOST_LOOK_UPS = 64
_FORM = "application/x-www-form-urlencoded"
_DONE = (200, 204)
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_TOKEN = re.compile(r"[A-Za-z0-9-]{1,64}")
_VALUE = re.compile(r"[!-~](?:[ -~]{0,1000}[!-~])?")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back; header names lower-case, repeated values joined by a comma."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str]

    @property
    def media_type(self) -> str:
        """The content type without its parameters, lower-case; empty when absent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Fetcher(Protocol):
    """Whatever can fetch a document for us."""

    def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
        """The document at the URL; raises FetchFailed for all but a whole answer with status 200."""
        ...


class Poster(Protocol):
    """Whatever can send a form for us."""

    def post(self, url: str, form: bytes, *, max_bytes: int) -> Fetched:
        """What came back, with status 200 or 204; raises FetchFailed for everything else."""
        ...


class PinnedFetcher:
    """Fetches with the standard library; may be used from many threads at once.

    ``ca_file`` adds certification authorities to the system's.  ``proxy`` is the way to every public address,
    and to no other.  Seconds: ``timeout`` for one attempt to connect or one read, ``total_deadline`` for
    everything from the look-up to the last byte.
    """

    def __init__(
        self,
        allow: OutboundAllow,
        ca_file: str | Path | None = None,
        *,
        proxy: Proxy | None = None,
        timeout: float = 3.0,
        total_deadline: float = 8.0,
        resolver: Resolver = socket.getaddrinfo,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allow = allow
        self._tls = _tls(ca_file)
        self._proxy = proxy
        self._look_ups = threading.Semaphore(_MOST_LOOK_UPS)
        self._timeout = timeout
        self._total = total_deadline
        self._resolver = resolver
        self._monotonic = monotonic

    def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
        """Fetch over one connection that is closed afterwards; raises FetchFailed."""
        target = parse_url(url)
        return self._exchanged(target, "GET", _request(target, accept), good=(200,), max_bytes=max_bytes)

    def post(
        self,
        url: str,
        form: bytes,
        *,
        max_bytes: int,
        good: tuple[int, ...] = _DONE,
        media_type: str = _FORM,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> Fetched:
        """Send a form, or what ``media_type`` says, in the same way, once.

        Raises FetchFailed, also when it may have arrived, and ValueError for headers that are none.
        """
        target = parse_url(url)
        request = _posted(target, form, {"Content-Type": media_type, **headers})
        return self._exchanged(target, "POST", request, good=good, max_bytes=max_bytes)

    def _exchanged(
        self, target: Target, method: str, request: bytes, *, good: tuple[int, ...], max_bytes: int
    ) -> Fetched:
        deadline = Deadline(self._monotonic, self._total, self._timeout)
        try:
            addresses = self._addresses(target, deadline)
            self._allow.check(target, addresses)
            with self._connect(target, addresses, deadline) as connection:
                connection.sendall(request)
                wire = _Timed(connection, deadline)
                return _answer(wire, target, method=method, good=good, max_bytes=max_bytes)
        except (OSError, ValueError, http.client.HTTPException) as error:
            # Without its cause: the exceptions of http.client quote what the other side sent.
            raise FetchFailed(f"{target.shown}: {_sentence(error, self._total)}") from None

    def _addresses(self, target: Target, deadline: Deadline) -> tuple[Address, ...]:
        """The addresses of the target's host, looked up once, in the resolver's order."""
        if target.address is not None:
            return (target.address,)
        found = in_time(
            lambda: self._resolver(target.host, target.port, 0, socket.SOCK_STREAM), deadline, self._look_ups
        )
        return tuple(dict.fromkeys(address_of(str(entry[4][0])) for entry in found))

    def _connect(self, target: Target, addresses: Sequence[Address], deadline: Deadline) -> socket.socket:
        """A connection to the first address that answers, under TLS unless the scheme is http."""

        def reach(address: Address) -> socket.socket:
            plain = self._plain(target, address, deadline)
            try:
                return plain if target.scheme == "http" else self._secured(plain, target, deadline)
            except BaseException:
                plain.close()
                raise

        return _first(reach, addresses)

    def _plain(self, target: Target, address: Address, deadline: Deadline) -> socket.socket:
        """A connection to this very address: through the proxy, if there is one and it is not inside."""
        if self._proxy is None or is_special(address):
            return _opened(address, target.port, deadline)
        through = self._proxy.target
        connection = _first(
            lambda one: _opened(one, through.port, deadline), self._addresses(through, deadline)
        )
        try:
            tunnel(connection, target, address, deadline=deadline)
        except BaseException:
            connection.close()
            raise
        return connection

    def _secured(self, plain: socket.socket, target: Target, deadline: Deadline) -> ssl.SSLSocket:
        plain.settimeout(deadline.next_step())
        # A connection that is cut must not look like a document that has ended.
        return self._tls.wrap_socket(plain, server_hostname=target.host, suppress_ragged_eofs=False)


def _opened(address: Address, port: int, deadline: Deadline) -> socket.socket:
    plain = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    try:
        plain.settimeout(deadline.next_step())
        plain.connect((str(address), port))
    except BaseException:
        plain.close()
        raise
    return plain


def _first(reach: Callable[[Address], socket.socket], addresses: Sequence[Address]) -> socket.socket:
    """What the first address gives that can be reached; a host has several so that one may be down."""
    problem: OSError = TimeoutError()
    for address in addresses:
        try:
            return reach(address)
        except ssl.SSLError:
            raise  # another address would show the same certificate
        except OSError as error:
            problem = error
    raise problem


def _tls(ca_file: str | Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:  # SSLError is one
            raise ValueError(f"IDJAG_CA_FILE {ca_file}: no PEM certificates can be read from it") from error
    return context


def _request(target: Target, accept: str) -> bytes:
    return (
        f"GET {target.path} HTTP/1.1\r\n"
        f"Host: {target.authority}\r\n"
        f"Accept: {accept}\r\n"
        "Accept-Encoding: identity\r\n"
        "User-Agent: idjag\r\n"
        "Connection: close\r\n\r\n"
    ).encode("ascii")


def _posted(target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    if not all(_TOKEN.fullmatch(name) and _VALUE.fullmatch(value) for name, value in headers.items()):
        raise ValueError("a header has a name and a value in visible ASCII")
    head = (
        f"POST {target.path} HTTP/1.1\r\n"
        f"Host: {target.authority}\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        + f"Content-Length: {len(body)}\r\n"
        "Accept: */*\r\n"
        "Accept-Encoding: identity\r\n"
        "User-Agent: idjag\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def _answer(wire: _Timed, target: Target, *, method: str, good: tuple[int, ...], max_bytes: int) -> Fetched:
    response = http.client.HTTPResponse(cast("socket.socket", wire), method=method)
    try:
        response.begin()
        headers: dict[str, str] = {}
        for name, value in response.getheaders():
            earlier = headers.get(name.lower())
            headers[name.lower()] = value if earlier is None else f"{earlier}, {value}"
        _check_head(response.status, headers, target, good=good)
        return Fetched(response.status, _body(response, target, max_bytes=max_bytes), headers)
    finally:
        response.close()


def _check_head(status: int, headers: Mapping[str, str], target: Target, *, good: tuple[int, ...]) -> None:
    answered = f"answered {status}"
    if 300 <= status < 400:
        raise FetchFailed(
            f"{target.shown}: {status}; redirects are not followed, give the final address", outcome=answered
        )
    if status not in good:
        challenge = headers.get("www-authenticate", "") if status == 401 else ""
        raise FetchFailed(f"{target.shown}: {status}", outcome=answered, challenge=challenge)
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise FetchFailed(
            f"{target.shown}: the answer is compressed although we did not offer that",
            outcome="answered with something compressed",
        )


def _body(response: http.client.HTTPResponse, target: Target, *, max_bytes: int) -> bytes:
    declared = response.length  # None: chunked, or until the connection ends
    if declared is not None and declared > max_bytes:
        raise _too_long(target, max_bytes)
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise _too_long(target, max_bytes)
    if declared is not None and len(body) < declared:
        raise FetchFailed(f"{target.shown}: the answer ended early")
    return body


def _too_long(target: Target, max_bytes: int) -> FetchFailed:
    return FetchFailed(f"{target.shown}: the answer is longer than {max_bytes} bytes", outcome="is too large")


def _sentence(error: Exception, total: float) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed ({error.reason or 'connection cut'})"
        case TimeoutError():
            return f"no full answer in time (at most {total:g} seconds)"
        case socket.gaierror():
            return "its name does not resolve"
        case OSError():
            return (error.strerror or "the connection broke").lower()
        case _:
            return "the answer is not HTTP"


class _Timed(io.RawIOBase):
    """Reads a socket for http.client; a fresh timeout before every read, so that drips add up."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What HTTPResponse asks a socket for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """At least one byte, or 0 at the end."""
        self._connection.settimeout(self._deadline.next_step())
        return self._connection.recv_into(buffer)
