"""httpx for servers of this machine: without TLS, and without what the environment says of proxies.

For every client that it makes, and every request without one, httpx reads all certificates of the system:
25 ms of a processor, thousands of times in these tests.
"""

from __future__ import annotations

import ssl
from functools import partial
from typing import Any, Final

import httpx

__all__ = ["Client", "get", "post", "put", "request"]

_NO_CERTIFICATES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_PATIENCE: Final = 30.0
"""Seconds; more than httpx has by itself, for a machine may be busy with other things."""


class Client(httpx.Client):
    """The same with connections that are kept."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"verify": _NO_CERTIFICATES, "trust_env": False, "timeout": _PATIENCE, **given})


get = partial(httpx.get, verify=_NO_CERTIFICATES, trust_env=False, timeout=_PATIENCE)
post = partial(httpx.post, verify=_NO_CERTIFICATES, trust_env=False, timeout=_PATIENCE)
put = partial(httpx.put, verify=_NO_CERTIFICATES, trust_env=False, timeout=_PATIENCE)
request = partial(httpx.request, verify=_NO_CERTIFICATES, trust_env=False, timeout=_PATIENCE)
