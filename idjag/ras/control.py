"""How a command on the same host reaches a running server: one line of JSON each way over a socket.

The socket stands beside the database, open to the owner alone.  There is one for each server process, so
that a command reaches all of them; one that a crash left behind is removed by whoever finds it.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

__all__ = ["Answered", "Control", "Message", "tell"]

Message: TypeAlias = Mapping[str, Any]

_PATIENCE = 30.0
_LOOK_AGAIN = 0.5
_LONGEST = 64 * 1024

log = logging.getLogger("idjag.ras")


@dataclass(frozen=True, slots=True)
class Answered:
    """What one server process said; ``problem`` None when it did what it was told."""

    pid: int
    problem: str | None


class Control:
    """Answers commands while the ``with`` lasts; ``answer`` gives what stands in the way, or None.

    One command at a time, in a thread of its own.
    """

    def __init__(self, database: Path, answer: Callable[[Message], str | None]) -> None:
        self._path = database.with_name(f"{database.name}.{os.getpid()}.control")
        self._answer = answer
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="idjag-ras-control")
        self._socket = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Self:
        """Raises OSError when the socket cannot be made, mostly because its path is too long."""
        try:
            self._path.unlink(missing_ok=True)  # the process of this number before us
            self._socket.bind(os.fspath(self._path))
            self._path.chmod(0o600)
            self._socket.listen()
            self._socket.settimeout(_LOOK_AGAIN)
        except OSError:
            self._socket.close()
            raise
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while not self._ending.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError as error:  # no descriptor left, say: the next command must still be heard
                log.warning("a command could not be heard: %s", error.strerror)
                self._ending.wait(_LOOK_AGAIN)
                continue
            with connection:
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        """Hear one command and answer it; whoever says nothing does not keep the next one waiting long."""
        connection.settimeout(_LOOK_AGAIN)
        try:
            message = json.loads(_line(connection))
            problem = self._answer(message)
            connection.sendall(_said({"problem": problem}))
        except Exception as broken:  # noqa: BLE001  # whatever came, the next command is heard
            log.warning("a command was not understood: %s", type(broken).__name__)


def tell(database: Path, message: Message) -> list[Answered]:
    """Say something to every server process of a database; an empty list when none is running.

    Raises OSError for one that does not answer.
    """
    return [answered for path in _sockets(database) if (answered := _tell(path, message)) is not None]


def _sockets(database: Path) -> list[Path]:
    """Those of this database; ``ras.db.old`` is another one."""
    begins, ends = f"{database.name}.", ".control"
    names = (path.name for path in database.parent.iterdir())
    found = [name for name in names if name.startswith(begins) and name.endswith(ends)]
    return [database.with_name(each) for each in sorted(found) if _pid(each, begins, ends) is not None]


def _pid(name: str, begins: str, ends: str) -> int | None:
    middle = name.removeprefix(begins).removesuffix(ends)
    return int(middle) if middle.isascii() and middle.isdigit() else None


def _tell(path: Path, message: Message) -> Answered | None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            with suppress(OSError):  # nobody listens: its process has ended without tidying up
                path.unlink(missing_ok=True)
            return None
        connection.sendall(_said(message))
        said = _heard(_line(connection))
    if said is None:
        raise OSError(f"{path.name}: the server ended, or did not understand")
    pid = int(path.name.split(".")[-2])
    return Answered(pid, None if said["problem"] is None else str(said["problem"]))


def _heard(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and "problem" in said else None


def _said(message: Message) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _line(connection: socket.socket) -> bytes:
    """Up to the end of the line, or of the connection."""
    octets = b""
    while not octets.endswith(b"\n") and len(octets) < _LONGEST:
        chunk = connection.recv(4096)
        if not chunk:
            break
        octets += chunk
    return octets
