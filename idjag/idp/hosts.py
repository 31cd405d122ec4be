"""Which Host headers name this IdP: what is meant for another host is answered with 421 (attack case 211)."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from idjag.idp.settings import is_loopback

__all__ = ["host_check"]

# On this very machine a port is whatever somebody forwards; a name that others chose never gets here.
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")
_DEFAULT_PORTS = {"https": 443, "http": 80}


def host_check(issuer: str) -> Callable[[str], bool]:
    """Says of a Host header in lower case whether it is ours: the issuer's, its default port written or not.

    While the issuer is on this machine, every loopback name is ours too.
    """
    parts = urlsplit(issuer)
    name, port = parts.netloc.removesuffix(f":{parts.port}"), parts.port or _DEFAULT_PORTS[parts.scheme]
    ours = {f"{name}:{port}", *((name,) if port == _DEFAULT_PORTS[parts.scheme] else ())}
    if not is_loopback(issuer):
        return ours.__contains__
    return lambda host: host in ours or _LOOPBACK.fullmatch(host) is not None
