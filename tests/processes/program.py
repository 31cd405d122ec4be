"""Runs `idjag` as users do: a process of its own, with the environment it is given and nothing else."""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["JWT", "Finished", "Program", "Secrets", "free_port", "run", "started"]

# Nothing takes so long when all is well, whatever else the machine does; service managers wait longer still.
START_SECONDS = 60
STOP_SECONDS = 60
COMMAND_SECONDS = 100
_SERVES = "idjag: serving"
# What three characters of ASCII are in base64url: of random ones only one in eight is.
_ASCII = "(?:[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9_-])"
JWT = re.compile(rf"(?<![A-Za-z0-9_-])(?=eyJ.{_ASCII}{{4}})eyJ(?:[A-Za-z0-9_-]{{8,}}\.|[A-Za-z0-9_-]{{20,}})")
"""A token or the beginning of one; our ids are random, of 22 characters, and may have an eyJ in them."""
# Below the range from which outgoing connections take their ports: nothing grabs one between look and use.
_PORTS = range(20_000, 32_000)
_RESERVED: deque[int] = deque()  # file descriptors, which nobody misses at the end
_MOST_RESERVED = 200


class Secrets:
    """Canaries: what must never stand in a log, an error or an export; grows with what a test sees."""

    def __init__(self, *texts: str) -> None:
        self._texts = set(texts)

    def add(self, text: str) -> str:
        """Remember one; gives it back."""
        self._texts.add(text)
        return text

    def found_in(self, text: str) -> list[str]:
        """What stands in the text: secrets by their first characters, anything like a JWT, tracebacks."""
        found = [f"secret {secret[:6]}..." for secret in sorted(self._texts) if secret in text]
        found += [f"token {match[:12]}..." for match in JWT.findall(text)]
        return found + ["traceback"] * ("Traceback (most recent call last)" in text)


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str = field(repr=False)
    err: str = field(repr=False)


@dataclass(slots=True)
class Program:
    """A server process; ``err`` is what it has written so far."""

    process: subprocess.Popen[str]
    secrets: Secrets
    _lines: list[str] = field(default_factory=list)
    _serves: threading.Event = field(default_factory=threading.Event)
    _reader: threading.Thread | None = None

    @property
    def err(self) -> str:
        """Standard error."""
        return "".join(self._lines)

    def wait_until_it_serves(self) -> None:
        """Until it says that it listens; fails when it ends instead."""
        self._reader = threading.Thread(target=self._read, name="stderr")
        self._reader.start()
        assert self._serves.wait(START_SECONDS), f"not serving after {START_SECONDS} s: {self.err}"
        assert _SERVES in self.err, f"ended at start: {self.err}"

    def stop(self) -> str:
        """SIGTERM; it must end by itself, in time, with 0, and have said nothing that it must not."""
        self.process.terminate()
        code = self.process.wait(STOP_SECONDS)
        self._join()
        assert code == 0, f"exit code {code} after SIGTERM: {self.err}"
        found = self.secrets.found_in(self.err)
        # what holds a secret is not printed, a traceback must be
        assert not found, f"{found}: {self.err}" if found == ["traceback"] else str(found)
        return self.err

    def kill(self) -> None:
        """What is left when a test has failed."""
        self.process.kill()
        self.process.wait()
        self._join()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.append(line)
            if _SERVES in line:
                self._serves.set()
        self._serves.set()  # it ended: whoever waits looks why

    def _join(self) -> None:
        if self._reader is not None:
            self._reader.join()
        if self.process.stderr is not None:
            self.process.stderr.close()


def free_port() -> int:
    """A loopback port on which nobody listens now, and that no other test is given meanwhile.

    Linux lets a server listen on a port that another socket only holds, where both say that they share it.
    """
    for port in random.SystemRandom().sample(_PORTS, 100):
        holding = socket.socket()
        try:
            holding.bind(("127.0.0.1", port))
        except OSError:
            holding.close()
            continue
        if sys.platform == "linux":
            holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _RESERVED.append(holding.detach())
            if len(_RESERVED) > _MOST_RESERVED:
                os.close(_RESERVED.popleft())
        else:
            holding.close()
        return port
    raise OSError("no free port")


@contextmanager
def started(
    arguments: Iterable[str], *, environ: Mapping[str, str], folder: Path, secrets: Secrets
) -> Iterator[Program]:
    """A server while the ``with`` lasts; leaving it without an error demands a clean end."""
    process = subprocess.Popen(
        _command(arguments),
        env=_environment(environ),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    program = Program(process, secrets)
    try:
        program.wait_until_it_serves()
        yield program
        if process.poll() is None:
            program.stop()
    finally:
        program.kill()


def run(
    *arguments: str, environ: Mapping[str, str], folder: Path, secrets: Secrets, stdin: str = ""
) -> Finished:
    """Run one command to its end; what it writes on standard error holds no secret and no traceback."""
    done = subprocess.run(
        _command(arguments),
        env=_environment(environ),
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert secrets.found_in(done.stderr) == [], done.stderr
    return Finished(done.returncode, done.stdout, done.stderr)


def _command(arguments: Iterable[str]) -> list[str]:
    return [sys.executable, "-m", "idjag.cli", *arguments]


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    # Warnings are errors there as they are here.
    return {"PYTHONWARNINGS": "error", **environ}
