"""CORS of the token endpoint: for the pages of registered public clients, and nobody else's.

Metadata and keys are for everybody; the other endpoints are for no page at all.
"""

from __future__ import annotations

import re
from dataclasses import replace

from idjag.protocol import addresses
from idjag.protocol.addresses import is_secure
from idjag.protocol.http import Reply, TokenRequest

__all__ = ["is_origin", "opened", "origin_of", "preflight"]

_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]+")  # as browsers write it: in lower case, no user, no path
_VARY = (b"vary", b"Origin")
_PREFLIGHT = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type, dpop"),
    (b"access-control-max-age", b"600"),
    (b"cache-control", b"no-store"),
)
_EXPOSED = (b"access-control-expose-headers", b"dpop-nonce, x-decision-id")


def is_origin(text: str) -> bool:
    """Whether browsers would send just this: https (http on this machine), a host, no path (RFC 6454)."""
    try:
        return _ORIGIN.fullmatch(text) is not None and addresses.origin_of(text) == text and is_secure(text)
    except ValueError:  # a port that there is not
        return False


def origin_of(request: TokenRequest, known: frozenset[str]) -> bytes | None:
    """The origin of the page that asks, if it is one of those; ``null`` never is (attack case 190)."""
    found = [value for name, value in request.headers if name == b"origin"]
    return found[0] if len(found) == 1 and found[0].decode("latin-1") in known else None


def preflight(origin: bytes) -> Reply:
    """What a browser is told before it sends the page's request; cookies are never allowed along."""
    return Reply(204, (*_PREFLIGHT, (b"access-control-allow-origin", origin), _VARY), b"")


def opened(reply: Reply, origin: bytes | None) -> Reply:
    """The reply, readable by the page that asked."""
    if origin is None:
        return reply
    allowed = (b"access-control-allow-origin", origin)
    return replace(reply, headers=(*reply.headers, allowed, _VARY, _EXPOSED))
