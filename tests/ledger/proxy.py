"""A proxy between a ledger and PostgreSQL that loses what it is told to: the network at its worst moment."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

__all__ = ["Loses", "Proxy", "between"]

_SOCKET = ".s.PGSQL.5432"


class Loses(Enum):
    """What gets lost of the next message with a COMMIT in it."""

    NOTHING = "nothing"
    MESSAGE = "the connection is cut before the message has left"
    REPLY = "the connection is cut when the server has answered"
    REPLY_IN_SILENCE = "no answer ever comes, and nobody says that the connection is dead"


@dataclass
class Proxy:
    """Passes everything on, but for one COMMIT; ``lost`` says that its time has come."""

    server: str
    loses: Loses = Loses.NOTHING
    lost: threading.Event = field(default_factory=threading.Event)

    def serve(self, listening: socket.socket) -> None:
        """Until the socket that listens is shut down."""
        passing = []
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                passing.append(threading.Thread(target=self._connect, args=(client,)))
                passing[-1].start()
        for thread in passing:
            thread.join()

    def _connect(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self.server)
            losing = [Loses.NOTHING]
            back = threading.Thread(target=self._back, args=(client, server, losing))
            back.start()
            self._forth(client, server, losing)
            back.join()

    def _forth(self, client: socket.socket, server: socket.socket, losing: list[Loses]) -> None:
        with _both_end(client, server):
            while said := client.recv(65536):
                if b"COMMIT" in said:
                    losing[0], self.loses = self.loses, Loses.NOTHING
                if losing[0] is Loses.MESSAGE:
                    self.lost.set()
                    return
                server.sendall(said)

    def _back(self, client: socket.socket, server: socket.socket, losing: list[Loses]) -> None:
        with _both_end(client, server):
            while answer := server.recv(65536):
                if losing[0] is Loses.NOTHING:
                    client.sendall(answer)
                    continue
                self.lost.set()
                if losing[0] is Loses.REPLY:
                    return


@contextmanager
def _both_end(*sockets: socket.socket) -> Iterator[None]:
    try:
        with suppress(OSError):
            yield
    finally:
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def between(url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server of this URL, and the URL that leads through it."""
    start, folder, rest = url.partition("host=")[0], *url.partition("host=")[2].partition("&")[::2]
    mine = Path(tempfile.mkdtemp(prefix="idjag-proxy-"))
    proxy = Proxy(str(Path(folder) / _SOCKET))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(mine / _SOCKET))
        listening.listen()
        thread = threading.Thread(target=proxy.serve, args=(listening,))
        thread.start()
        try:
            yield proxy, f"{start}host={mine}&{rest}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            shutil.rmtree(mine)
