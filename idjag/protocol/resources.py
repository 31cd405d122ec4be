"""Resource indicators: RFC 8707 section 2, compared as XCH-27 says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes, urlsplit

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.names import MAX_RESOURCES

__all__ = ["claim_of", "comparable", "is_resource", "parse", "same_issuer_lookup"]

_ALLOWED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_MAX_LENGTH = 2048
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}


def is_resource(uri: str) -> bool:
    """Whether ``uri`` is an absolute URI without a fragment, in plain ASCII (XCH-22).

    Backslashes, spaces, controls, userinfo and bad percent-encoding are refused before anything parses:
    URL parsers drop or repair them, each in its own way.
    """
    if len(uri) > _MAX_LENGTH or not _ALLOWED.fullmatch(uri) or any(c in uri for c in '#\\<>"{}|^`'):
        return False
    if "%" in _PERCENT.sub("", uri):
        return False
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme in _DEFAULT_PORTS:
        return bool(parts.hostname) and "@" not in parts.netloc
    return "@" not in parts.netloc


def parse(values: Iterable[str]) -> tuple[str, ...]:
    """The requested resources as a set in wire order (XCH-23); raises Refused RESOURCE_MALFORMED."""
    resources = tuple(dict.fromkeys(values))
    if len(resources) > MAX_RESOURCES or not all(is_resource(uri) for uri in resources):
        raise Refused(Reason.RESOURCE_MALFORMED)
    return resources


def comparable(uri: str) -> str:
    """The form in which two resources are compared, never emitted (XCH-27).

    RFC 3986 section 6.2.2 (case, percent-encoding, dot segments), the default port, and an empty path
    equal to "/"; no other slash is folded.
    """
    scheme, _, rest = uri.partition(":")
    scheme = scheme.lower()
    if not rest.startswith("//"):
        return f"{scheme}:{_normal_percent(rest)}"
    rest, question, query = rest[2:].partition("?")
    authority, slash, path = rest.partition("/")
    authority = _normal_percent(authority).lower()
    port = _DEFAULT_PORTS.get(scheme, "")
    if port and authority.endswith(port):
        authority = authority[: -len(port)]
    authority = authority.removesuffix(":")
    path = _without_dot_segments(_normal_percent(slash + path)) or "/"
    return f"{scheme}://{authority}{path}{question}{_normal_percent(query)}"


def _normal_percent(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        byte = unquote_to_bytes(match.group())[0]
        return chr(byte) if byte in _UNRESERVED else match.group().upper()

    return _PERCENT.sub(one, text)


def _without_dot_segments(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
            continue
        if last:
            kept.append("")
    return "/".join(kept)


def same_issuer_lookup(issuer: str) -> str:
    """The key under which the IdP looks up ``audience``: an empty path and "/" are equal, nothing else is.

    What is emitted is always the registered spelling (interop fact 3).
    """
    scheme, separator, rest = issuer.partition("://")
    return issuer[:-1] if separator and rest.endswith("/") and rest.count("/") == 1 and scheme else issuer


def claim_of(resources: tuple[str, ...]) -> str | list[str]:
    """The shape of the claim: a string for one, an array for several (JAG-15); never call it with none."""
    return resources[0] if len(resources) == 1 else list(resources)
