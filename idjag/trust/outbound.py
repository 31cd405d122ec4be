"""Which URLs, ports and addresses may be fetched; it looks nothing up and connects to nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self, TypeAlias

__all__ = [
    "UNREACHED",
    "Address",
    "FetchFailed",
    "OutboundAllow",
    "Target",
    "address_of",
    "is_special",
    "parse_url",
]

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_MAX_URL = 2048
_MAX_SHOWN = 200
_MAX_PORT = 65535
_FIRST_UNPRIVILEGED_PORT = 1024
_DEFAULT_PORTS = {"https": 443, "http": 80}
# What anybody may be fetched on; other ports only on hosts and networks that the operator named.
_HTTPS_PORTS = frozenset({443, 8443})
# Services that read lines and forgive nonsense: an HTTP request could make them do something.
_OTHER_SERVICES = frozenset(
    {
        1433,
        1521,
        2049,
        2181,
        3306,
        3389,
        5432,
        5672,
        5900,
        6000,
        6379,
        6432,
        6667,
        9042,
        9092,
        11211,
        27017,
    }
)

_VISIBLE = re.compile(r"[!-~]+")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# A last label that looks like a number makes resolvers read the whole as an address: 127.1, 0x7f000001.
_LIKE_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?")
_BAD_IN_PATH = re.compile(r'["<>\\^`{|}]')
_SPLIT = re.compile(r"[\s,]+")


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


# Of IPv6 only the global unicast space is anybody's; what is special inside it stands below.
_GLOBAL_V6 = IPv6Network("2000::/3")
_SPECIAL = _networks(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",  # shared address space; one cloud keeps its metadata service here
    "127.0.0.0/8",
    "168.63.129.16/32",  # public in the registry, but the platform service of one cloud
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "2001::/23",  # Teredo, benchmarking, ORCHID
    "2001:db8::/32",
    "2002::/16",  # 6to4: any IPv4 address in disguise
    "3fff::/20",
)
# What naming a host opens. Link-local is not among them: a name that turns to the metadata service of
# a cloud must stay shut even when it was named.
_PRIVATE = _networks("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_NAT64 = IPv6Network("64:ff9b::/96")


UNREACHED = "could not be reached"


class FetchFailed(Exception):
    """Nothing usable came back; ``problem`` is a sentence for the operator and holds no secret.

    ``outcome`` is all that may be told to somebody else who named the URL: nothing of our network is in it
    (attack case 176).  ``challenge``: the WWW-Authenticate header of a 401.
    """

    def __init__(self, problem: str, *, outcome: str = UNREACHED, challenge: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.outcome = outcome
        self.challenge = challenge


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be fetched as far as its text tells.

    ``host`` is lower-case and without brackets; ``path`` includes the query.
    """

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def authority(self) -> str:
        """The Host header: brackets around IPv6, no default port."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The URL for messages; without its query, which may hold what nobody should read."""
        return f"{self.scheme}://{self.authority}{self.path.partition('?')[0]}"[:_MAX_SHOWN]


def parse_url(url: str) -> Target:
    """The parts of an absolute https (or http) URL; raises FetchFailed.

    Not ``urlsplit``: that drops TAB, CR and LF and lets backslashes pass.
    """
    if len(url) > _MAX_URL or not _VISIBLE.fullmatch(url):
        raise FetchFailed(f"a URL must be at most {_MAX_URL} visible ASCII characters")
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _DEFAULT_PORTS:
        raise FetchFailed("a URL must begin with https://")
    if "#" in rest:
        raise FetchFailed("a URL that is fetched must not have a fragment")
    end = next((at for at, character in enumerate(rest) if character in "/?"), len(rest))
    authority, path = rest[:end], rest[end:]
    if "@" in authority:
        raise FetchFailed("a URL that is fetched must not hold a user name or password")
    match = _AUTHORITY.fullmatch(authority)
    if not match or _BAD_IN_PATH.search(path):
        raise FetchFailed("this is not a URL: check the host name and the path")
    host, address = _host(match["host"].lower())
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port <= _MAX_PORT:
        raise FetchFailed(f"port {port} does not exist")
    return Target(scheme, host, port, path if path.startswith("/") else f"/{path}", address)


def _host(text: str) -> tuple[str, Address | None]:
    try:
        if text.startswith("["):
            inner = IPv6Address(text[1:-1])
            return str(inner), inner
        if _LIKE_A_NUMBER.fullmatch(text):
            return text, IPv4Address(text)
    except ValueError:
        raise FetchFailed("the host looks like an IP address but is none") from None
    if len(text) > 253 or not _HOST_NAME.fullmatch(text):
        raise FetchFailed("the host is not a DNS name (international names in their xn-- form)")
    return text, None


@dataclass(frozen=True, slots=True)
class OutboundAllow:
    """What may be fetched although it is private.

    A name in ``hosts`` opens private addresses to that name, ``networks`` opens addresses to all names,
    ``loopback`` opens 127.0.0.0/8 and ::1, also without TLS.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    loopback: bool = False

    @classmethod
    def parse(cls, setting: str, *, loopback: bool = False) -> Self:
        """The setting IDJAG_OUTBOUND_ALLOW: host names and CIDRs, separated by commas or spaces.

        Raises ValueError that names each entry which is neither.
        """
        hosts: set[str] = set()
        networks: list[Network] = []
        problems: list[str] = []
        for entry in filter(None, _SPLIT.split(setting)):
            try:
                network = _network(entry)
            except ValueError as error:
                problems.append(f"{entry[:60]!r} {error}")
                continue
            if network is None:
                hosts.add(entry.lower())
            else:
                networks.append(network)
        if problems:
            raise ValueError("; ".join(problems))
        return cls(frozenset(hosts), tuple(networks), loopback)

    def check(self, target: Target, addresses: Sequence[Address]) -> None:
        """Raise FetchFailed unless every address of the target may be connected to.

        One forbidden address condemns all: whoever mixes them hopes that we take turns.
        """
        if not addresses:
            raise FetchFailed(f"{target.shown}: its name has no address")
        for address in addresses:
            if not self._opens(target.host, address):
                # The address itself may tell an outsider about the inside; this is for the operator.
                raise FetchFailed(
                    f"{target.shown}: {address} is not a public address; "
                    "if it is meant, name the host or network in IDJAG_OUTBOUND_ALLOW"
                )
            if target.scheme == "http" and not address.is_loopback:
                raise FetchFailed(f"{target.shown}: use https; http is for loopback alone")
            if not self._opens_port(target, address):
                raise FetchFailed(f"{target.shown}: port {target.port} is not one to fetch from")

    def _opens(self, host: str, address: Address) -> bool:
        if not is_special(address):
            return True
        embedded = _embedded(address)
        if embedded is not None:
            return self._names(address) and self._opens(host, embedded)
        if self._names(address):
            return True
        if address.is_loopback:
            return self.loopback or (host == "localhost" and host in self.hosts)
        return host in self.hosts and any(address in network for network in _PRIVATE)

    def _names(self, address: Address) -> bool:
        return any(address in network for network in self.networks)

    def _opens_port(self, target: Target, address: Address) -> bool:
        if target.port in _HTTPS_PORTS:
            return True
        named = target.host in self.hosts or self._names(address) or address.is_loopback
        usual = target.port >= _FIRST_UNPRIVILEGED_PORT or target.port == _DEFAULT_PORTS[target.scheme]
        return named and usual and target.port not in _OTHER_SERVICES


def _network(entry: str) -> Network | None:
    """The network of a CIDR or an address, None for a host name; raises ValueError."""
    text = entry.removeprefix("[").removesuffix("]")
    if "/" in text or ":" in text or _LIKE_A_NUMBER.fullmatch(text):
        try:
            network = ip_network(text)
        except ValueError:
            raise ValueError("is not a network like 10.20.0.0/16") from None
        if network.prefixlen == 0:
            raise ValueError("would allow everything: name the networks that are needed")
        return network
    if not _HOST_NAME.fullmatch(text):
        raise ValueError("is neither a host name nor a network")
    return None


def is_special(address: Address) -> bool:
    """Whether nobody on the Internet answers there; the ipaddress module's own flags miss a third."""
    if isinstance(address, IPv6Address) and address not in _GLOBAL_V6:
        return True
    return any(address in network for network in _SPECIAL)


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that a mapped, NAT64 or 6to4 address leads to."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def address_of(text: str) -> Address:
    """The address that a resolver returned, without its zone; raises FetchFailed."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        raise FetchFailed("the resolver answered with something that is no IP address") from None
