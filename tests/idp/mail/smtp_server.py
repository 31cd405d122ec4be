"""A mail server on loopback: speaks as much SMTP as a client needs, with TLS, and remembers what it heard."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass, field
from io import BufferedRWPair
from types import TracebackType
from typing import Self


@dataclass
class SmtpServer:
    """``tls`` is "none", "starttls" (offered), or "tls" (from the first octet).

    ``refuse`` answers one command with a reply of its own, ``{"RCPT": "550 no"}``.
    """

    tls: str = "none"
    context: ssl.SSLContext | None = None
    refuse: dict[str, str] = field(default_factory=dict)
    letters: list[bytes] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            with contextlib.ExitStack() as stack:
                stack.callback(connection.close)
                with contextlib.suppress(OSError, ssl.SSLError, EOFError):
                    self._converse(connection, stack)

    def _converse(self, connection: socket.socket, stack: contextlib.ExitStack) -> None:
        if self.tls == "tls":
            connection = stack.enter_context(self._secured(connection))
        wire = connection.makefile("rwb")
        self._say(wire, "220 mail.example")
        while line := wire.readline():
            command = line.decode(errors="replace").strip()
            word = command.partition(" ")[0].upper()
            self.commands.append(word)
            if word in self.refuse:
                self._say(wire, self.refuse[word])
            elif word == "STARTTLS" and self.tls == "starttls":
                self._say(wire, "220 go")
                connection = stack.enter_context(self._secured(connection))
                wire = connection.makefile("rwb")
            elif word == "QUIT":
                self._say(wire, "221 bye")
                return
            else:
                self._answer(wire, word, command)

    def _answer(self, wire: BufferedRWPair, word: str, command: str) -> None:
        match word:
            case "EHLO":
                offers = ["mail.example", "8BITMIME", "SMTPUTF8", "AUTH PLAIN"]
                offers += ["STARTTLS"] if self.tls == "starttls" else []
                self._say(wire, *(f"250{'-' if offer != offers[-1] else ' '}{offer}" for offer in offers))
            case "AUTH":
                _, user, password = base64.b64decode(command.split(" ")[2]).decode().split("\0")
                self.logins.append((user, password))
                self._say(wire, "235 welcome")
            case "DATA":
                self._say(wire, "354 go")
                lines = []
                while (line := wire.readline()) != b".\r\n":
                    lines.append(line)
                self.letters.append(b"".join(lines))
                self._say(wire, "250 taken")
            case _:
                self._say(wire, "250 fine")

    def _secured(self, connection: socket.socket) -> socket.socket:
        assert self.context is not None
        return self.context.wrap_socket(connection, server_side=True)

    def _say(self, wire: BufferedRWPair, *lines: str) -> None:
        wire.writelines(line.encode() + b"\r\n" for line in lines)
        wire.flush()
