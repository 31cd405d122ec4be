"""The addresses that an administrator enters: issuers, aliases, resources, redirect URIs.

Compared and emitted byte for byte, so nothing is repaired here: what is not clean is refused.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from idjag.protocol.resources import is_resource

__all__ = [
    "Alias",
    "Issuer",
    "RedirectUri",
    "ResourceUri",
    "host_of",
    "is_loopback",
    "is_private_use",
    "is_secure",
]

_PRIVATE_USE_SIGN = "."  # RFC 8252 section 7.1: a private-use scheme is a domain name in reverse


def host_of(uri: str) -> str:
    """The host in lower case, "" when there is none; IPv6 without brackets."""
    return (urlsplit(uri).hostname or "").lower()


def is_loopback(uri: str) -> bool:
    """Whether the host is this machine: localhost, 127.0.0.0/8 or ::1."""
    host = host_of(uri)
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_secure(uri: str) -> bool:
    """https, or http to this machine."""
    scheme = uri.partition(":")[0].lower()
    return scheme == "https" or (scheme == "http" and is_loopback(uri))


def is_private_use(uri: str) -> bool:
    """Whether the scheme is a native app's own, such as com.example.app (RFC 8252 section 7.1)."""
    return _PRIVATE_USE_SIGN in uri.partition(":")[0]


def _error(text: str) -> PydanticCustomError:
    return PydanticCustomError("address", text)


def _absolute(uri: str) -> str:
    if not is_resource(uri):
        raise _error("must be an absolute URI in plain ASCII, without fragment, user name or white space")
    if "*" in uri:
        raise _error("wildcards do not work: addresses are compared whole")
    return uri


def _issuer(uri: str) -> str:
    _absolute(uri)
    if not is_secure(uri):
        raise _error("an issuer is an https URL (http only on this machine's loopback address)")
    if "?" in uri:
        raise _error("an issuer has no query")
    return uri


def _redirect_uri(uri: str) -> str:
    _absolute(uri)
    if not is_secure(uri) and not is_private_use(uri):
        raise _error(
            "a redirect URI is https, http on a loopback address, "
            "or a native app's own scheme such as com.example.app:/callback"
        )
    if any(segment in (".", "..") for segment in _path_segments(uri)):
        raise _error("a redirect URI has no . or .. in its path")
    return uri


def _path_segments(uri: str) -> list[str]:
    path = urlsplit(uri).path.lower().replace("%2e", ".")
    return [segment.partition(";")[0] for segment in path.split("/")]


_URI = WithJsonSchema({"type": "string", "format": "uri"})

Issuer: TypeAlias = Annotated[str, AfterValidator(_issuer), _URI]
Alias: TypeAlias = Annotated[str, AfterValidator(_absolute), _URI]
ResourceUri: TypeAlias = Annotated[str, AfterValidator(_absolute), _URI]
RedirectUri: TypeAlias = Annotated[str, AfterValidator(_redirect_uri), _URI]
