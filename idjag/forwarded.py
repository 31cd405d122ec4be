"""What a proxy says of the client, and from whom it is believed: its address, and its TLS certificate."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from idjag.protocol import names
from idjag.protocol.client_certificate import Told

__all__ = [
    "CertificateHeaders",
    "Headers",
    "Networks",
    "believed",
    "certificate_header",
    "client_address",
    "trusted_networks",
]

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
Address: TypeAlias = IPv4Address | IPv6Address
Networks: TypeAlias = tuple[IPv4Network | IPv6Network, ...]

_MAX_ADDRESS = 45  # characters; what is longer is none, and must not fill the memory of those that are
_FIELD_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
# Every request has them, or clients choose what they say.
_TAKEN = frozenset(
    {
        *("authorization", "connection", "content-length", "content-type", "cookie", "dpop", "forwarded"),
        *("host", "origin", "transfer-encoding", "user-agent", "x-forwarded-for"),
    }
)


@dataclass(frozen=True, slots=True)
class CertificateHeaders:
    """The headers in which our proxies tell the client certificate of a connection; "" for none.

    ``verified``: sent only with certificates whose chain the proxy has verified.  ``unverified``: sent with
    whatever certificate the client has shown, which authenticates by its key alone.
    Raises ValueError for what cannot be such a name.
    """

    verified: str = ""
    unverified: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "verified", certificate_header(self.verified))
        object.__setattr__(self, "unverified", certificate_header(self.unverified))
        if self.verified and self.verified == self.unverified:
            raise ValueError("must not be the header of verified certificates, too")

    @property
    def names(self) -> tuple[bytes, ...]:
        """Those that are configured, in lower case."""
        return tuple(name.encode("ascii") for name in (self.verified, self.unverified) if name)

    @property
    def methods(self) -> tuple[str, ...]:
        """How clients can authenticate with what these headers tell."""
        if not self.names:
            return ()
        return names.MUTUAL_TLS if self.verified else (names.SELF_SIGNED_TLS_CLIENT_AUTH,)

    def told(self, headers: Headers) -> Told | None:
        """What a proxy tells that is believed; an empty value is none."""
        said = {name: value for name, value in headers if value}
        for name in self.names:
            if name in said:
                return Told(said[name], chain_verified=name == self.verified.encode("ascii"))
        return None

    def without(self, headers: Headers) -> Headers:
        """The headers of somebody who is not believed."""
        ours = self.names
        return tuple(pair for pair in headers if pair[0] not in ours)


def certificate_header(text: str) -> str:
    """The name in lower case; raises ValueError."""
    name = text.lower()
    if name and (not _FIELD_NAME.fullmatch(name) or name in _TAKEN):
        raise ValueError("must be the name of a header that nobody uses for anything else")
    return name


def client_address(peer: str, headers: Headers, *, trusted: Networks) -> str:
    """The address of the client, or of the peer when nobody trustworthy says more; "" if it has none.

    Read from the right, since only what our own proxies appended is true: the first address that is
    not one of them is the client. What is no address ends the search at the peer.
    """
    address = _address(peer)
    if address is None or not _within(address, trusted):
        return str(address or "")
    values = b",".join(value for name, value in headers if name == b"x-forwarded-for")
    client = address
    for entry in reversed(values.decode("latin-1").split(",")) if values else ():
        hop = _address(_without_port(entry.strip(" \t")))
        if hop is None:
            return str(address)
        client = hop
        if not _within(hop, trusted):
            break
    return str(client)


def believed(peer: str, *, trusted: Networks) -> bool:
    """Whether the peer of a connection is one of our own proxies."""
    address = _address(peer)
    return address is not None and _within(address, trusted)


def _address(text: str) -> Address | None:
    """The address, an IPv4-mapped one as IPv4; None for everything else, zones included."""
    return _parsed(text) if len(text) <= _MAX_ADDRESS else None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text) if "%" not in text else None
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _without_port(entry: str) -> str:
    """Some load balancers append ``192.0.2.1:5000`` or ``[2001:db8::1]:5000``."""
    host, _, port = entry.rpartition(":")
    if port.isascii() and port.isdigit() and ("." in host or host.endswith("]")):
        entry = host
    return entry[1:-1] if entry.startswith("[") and entry.endswith("]") else entry


def _within(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)


def trusted_networks(texts: Iterable[str]) -> Networks:
    """The trusted proxies; raises ValueError that names what is neither an address nor a CIDR."""
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text))
        except ValueError:
            raise ValueError(f"trusted proxy {text!r} is neither an address nor a network") from None
    return tuple(networks)
