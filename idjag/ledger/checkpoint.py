"""Checkpoints: where a tenant's log stood, kept outside the database, so that nobody can take it back unseen.

A line is JSON with the head and a code under the chain key: whoever can write to the place where the lines
go, and has not the key, can remove lines but make none.  Links and numbers need no key to be compared.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idjag.ledger.entry import Head
from idjag.protocol.jose.json import canonical

__all__ = ["Checkpoint", "append", "line", "of_file", "read"]

_PURPOSE: Final = b"idjag audit checkpoint 1\0"
_MEMBERS: Final = frozenset({"tenant", "epoch", "audit_no", "link", "time", "mac"})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head as it was at ``time``; ``genuine``: its line was written with the chain key."""

    tenant: str
    time: int
    head: Head
    genuine: bool


def line(head: Head, *, tenant: str, now: int, key: bytes) -> str:
    """The line of a head, without its end."""
    body: dict[str, str | int] = {
        "tenant": tenant,
        "epoch": head.epoch,
        "audit_no": head.audit_no,
        "link": head.link.hex(),
        "time": now,
    }
    return json.dumps({**body, "mac": _mac(body, key)}, separators=(",", ":"))


def append(path: Path, text: str) -> None:
    """Add one line, durably; makes the file, 0600, if there is none.  Raises OSError."""
    # Opened anew each time, so that it may be rotated; never waiting for the other end of a pipe.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    file = os.open(path, flags, 0o600)
    try:
        octets = f"{text}\n".encode()
        if os.write(file, octets) != len(octets):
            raise OSError(0, "only a part was written", str(path))
        os.fsync(file)
    finally:
        os.close(file)


def read(lines: Iterable[str], *, key: bytes) -> Iterator[Checkpoint]:
    """The checkpoints among these lines; others (a log's, one that was cut off) are passed over."""
    for text in lines:
        if (found := _parsed(text, key)) is not None:
            yield found


def of_file(path: Path, *, key: bytes) -> list[Checkpoint]:
    """The checkpoints in a file; raises OSError."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return list(read(file, key=key))


def _parsed(text: str, key: bytes) -> Checkpoint | None:
    start = text.find('{"tenant":')  # what collects logs may put something in front
    if start < 0:
        return None
    try:
        body = json.JSONDecoder().raw_decode(text, start)[0]
        match body:
            case {
                "tenant": str(tenant),
                "epoch": str(epoch),
                "audit_no": int(no),
                "link": str(link),
                "time": int(time),
                "mac": str(mac),
            } if body.keys() == _MEMBERS:
                genuine = hmac.compare_digest(mac.encode(), _mac(body, key).encode())
                return Checkpoint(tenant, time, Head(epoch, 0, no, bytes.fromhex(link)), genuine)
    except (ValueError, RecursionError):
        pass
    return None


def _mac(body: dict[str, str | int], key: bytes) -> str:
    covered = canonical({name: value for name, value in body.items() if name != "mac"})
    return hmac.digest(key, _PURPOSE + covered, hashlib.sha256).hex()
