"""What a web address is to us: its host, its origin, whether it is this machine, where answers may go."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from idjag.protocol.resources import is_resource

__all__ = [
    "has_dot_segments",
    "host_of",
    "is_loopback",
    "is_private_use",
    "is_secure",
    "network_of",
    "origin_of",
    "redirect_uri_problem",
]

_PRIVATE_USE_SIGN = "."  # RFC 8252 section 7.1: a private-use scheme is a domain name in reverse
_OWN_PORTS = {"https": 443, "http": 80}


def host_of(uri: str) -> str:
    """The host in lower case, "" when there is none; IPv6 without brackets."""
    return (urlsplit(uri).hostname or "").lower()


def origin_of(uri: str) -> str:
    """The origin as browsers write it: the host in lower case, without the scheme's own port."""
    parts = urlsplit(uri)
    host = host_of(uri)
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _OWN_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def is_loopback(uri: str) -> bool:
    """Whether the host is this machine: localhost, 127.0.0.0/8 or ::1."""
    host = host_of(uri)
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def network_of(source: str) -> str:
    """Whom an address of a peer stands for: a subscriber has a whole /64 of IPv6, and a new address whenever.

    What is no IPv6 address stands for itself.
    """
    try:
        address = ip_address(source)
    except ValueError:
        return source
    return str(IPv6Network((address, 64), strict=False)) if isinstance(address, IPv6Address) else source


def is_secure(uri: str) -> bool:
    """https, or http to this machine."""
    scheme = uri.partition(":")[0].lower()
    return scheme == "https" or (scheme == "http" and is_loopback(uri))


def is_private_use(uri: str) -> bool:
    """Whether the scheme is a native app's own, such as com.example.app (RFC 8252 section 7.1)."""
    return _PRIVATE_USE_SIGN in uri.partition(":")[0]


def has_dot_segments(uri: str) -> bool:
    """Whether its path has . or .. in it, however written: %2e, and with ;parameters."""
    path = urlsplit(uri).path.lower().replace("%2e", ".")
    return any(segment.partition(";")[0] in (".", "..") for segment in path.split("/"))


def redirect_uri_problem(uri: str) -> str | None:
    """Why this may not be registered as a redirection URI; None when it may (RFC 9700 section 4.1.3)."""
    if not is_resource(uri):
        return "must be an absolute URI in plain ASCII, without fragment, user name or white space"
    if "*" in uri:
        return "wildcards do not work: addresses are compared whole"
    if not is_secure(uri) and not is_private_use(uri):
        return (
            "a redirect URI is https, http on a loopback address, "
            "or a native app's own scheme such as com.example.app:/callback"
        )
    return "a redirect URI has no . or .. in its path" if has_dot_segments(uri) else None
