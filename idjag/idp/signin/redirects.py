"""Redirection URIs: which one an app may name, and the answer put on it; compared as text, never rebuilt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

from idjag.protocol.addresses import is_private_use, is_secure
from idjag.protocol.resources import is_resource

__all__ = ["allowed", "source_expression", "with_parameters"]

_LOOPBACK = re.compile(
    r"(?P<host>http://(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]))(?::[0-9]{1,5})?(?P<rest>(?:[/?].*)?)"
)


def allowed(uri: str, *, registered: Iterable[str], native: bool) -> bool:
    """Whether an answer may be sent there: an exact registered match (OIDC-02).

    A native app may name another port of a registered loopback address, and nothing else (OIDC-03).
    """
    # checked again at use: whatever stands in a table, javascript: and data: lead nowhere (case 137)
    if not is_resource(uri) or not (is_secure(uri) or is_private_use(uri)):
        return False
    known = tuple(registered)
    if uri in known:
        return True
    asked = _without_port(uri) if native else None
    return asked is not None and any(_without_port(one) == asked for one in known)


def with_parameters(uri: str, parameters: Mapping[str, str]) -> str:
    """The URI with the parameters added to its query (RFC 6749 section 4.1.2)."""
    encoded = urlencode(parameters, quote_via=quote, safe="")
    return f"{uri}{'&' if '?' in uri else '?'}{encoded}"


def source_expression(uri: str) -> str:
    """The CSP source for the way on from our form to an ``allowed`` URI: its scheme (decision 0021).

    Chromium holds every redirect that follows a form to ``form-action``, those of the app included, and
    only the app knows where its callback goes on to.
    """
    return f"{uri.partition(':')[0].lower()}:"


def _without_port(uri: str) -> tuple[str, str] | None:
    loopback = _LOOPBACK.fullmatch(uri)
    return (loopback["host"], loopback["rest"]) if loopback else None
