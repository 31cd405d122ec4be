"""The way out through an HTTP proxy (IDJAG_OUTBOUND_PROXY): CONNECT, by address alone.

What was checked is what is connected: the proxy gets an address that we have looked up and checked, never a
name that it could resolve to another one.  TLS is for the name, end to end, so that it sees none of it.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Self

from idjag.trust.deadline import Deadline
from idjag.trust.outbound import Address, FetchFailed, Target, parse_url

__all__ = ["Proxy", "tunnel"]

_MAX_HEAD = 8 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r\n")


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where the proxy is; the operator named it, so its own address is not checked."""

    target: Target

    @classmethod
    def parse(cls, setting: str) -> Self:
        """The setting ``http://host:port``; raises ValueError."""
        try:
            target = parse_url(setting)
        except FetchFailed as failed:
            raise ValueError(f"must be http://host:port: {failed.problem}") from None
        if target.scheme != "http" or target.path != "/":
            raise ValueError("must be http://host:port; TLS to the proxy itself is not built")
        return cls(target)


def tunnel(connection: socket.socket, target: Target, address: Address, *, deadline: Deadline) -> None:
    """Have the connection to the proxy lead to the target at this address; raises OSError, FetchFailed."""
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    place = f"{host}:{target.port}"
    connection.settimeout(deadline.next_step())
    connection.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nUser-Agent: idjag\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head and len(head) <= _MAX_HEAD:
        connection.settimeout(deadline.next_step())
        more = connection.recv(1024)
        if not more:
            break
        head += more
    status = _STATUS.match(head)
    if status is not None and status[1] != b"200":
        said = f"the proxy answered {status[1].decode()} to CONNECT {place}"
        raise FetchFailed(f"{target.shown}: {said}; it must allow this by address")
    # the other side speaks only after us, so that anything behind the head is the proxy's own
    if status is None or not head.endswith(b"\r\n\r\n"):
        raise FetchFailed(f"{target.shown}: the proxy did not answer CONNECT as a proxy does")
