"""Single values of settings, read from their text; each raises ValueError that says what it must be."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import urlsplit

__all__ = [
    "Network",
    "bind_host",
    "check_issuer",
    "integer",
    "is_loopback",
    "one_of",
    "shown",
    "trusted_proxies",
]

Network: TypeAlias = IPv4Network | IPv6Network

# Narrower than RFC 3986: nothing that URL parsers drop or repair, each in its own way.
_ISSUER = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(/[A-Za-z0-9._~!$&'()*+,;=:-]+)*/?)"
)
_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
# Resolvers read 127.1, 2130706433 and 0x7f000001 as addresses: none of them is a name.
_NUMBER_LIKE = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)")


def check_issuer(issuer: str) -> str:
    """The issuer itself, unchanged; raises ValueError when it cannot be one (RFC 8414 section 2)."""
    parts = _ISSUER.fullmatch(issuer)
    if not parts or int(parts["port"] or "1") > 65535 or {".", ".."} & set(parts["path"].split("/")):
        # The text is not shown: it may carry a password.
        raise ValueError(
            "must be https://host, :port and /path if wanted, the host in lower case; "
            "no user, query, fragment or percent-encoding"
        )
    host = parts["host"]
    _ = IPv6Address(host[1:-1]) if host.startswith("[") else _host_or_network(host)
    if parts["scheme"] == "http" and not is_loopback(issuer):
        raise ValueError(f"must be https (http is for loopback alone), got {shown(issuer)}")
    return issuer


def is_loopback(url: str) -> bool:
    """Whether the URL's host is localhost or a loopback address."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def integer(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be {least} to {most}, got {shown(text)}")
        return int(text)

    return parse


def one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    """Reads one of these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}, got {shown(text)}")
        return text

    return parse


def bind_host(text: str) -> str:
    """What can be listened on."""
    if not isinstance(_host_or_network(text), str) and "/" in text:
        raise ValueError(f"must be an address or a host name, got {shown(text)}")
    return text


def trusted_proxies(text: str) -> tuple[Network, ...]:
    """Networks, joined by commas."""
    networks = []
    for member in _members(text):
        network = _host_or_network(member)
        # Names move and everybody is everybody: either would let strangers choose their own address.
        if isinstance(network, str) or network.prefixlen == 0:
            raise ValueError(f"must be addresses and networks of your proxies, got {shown(member)}")
        networks.append(network)
    return tuple(networks)


def _members(text: str) -> list[str]:
    return [member.strip() for member in text.split(",")]


def _host_or_network(text: str) -> str | Network:
    try:
        return ip_network(text)
    except ValueError:
        if len(text) <= 253 and _HOST_NAME.fullmatch(text) and not _NUMBER_LIKE.fullmatch(text):
            return text
        raise ValueError(f"has {shown(text)}, which is neither host name nor address nor network") from None


def shown(text: str) -> str:
    """A value for a message: one line, short."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")
