"""Servers under load: their processes, what those cost, and the floor beside them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import answered
from tests.processes.program import free_port

__all__ = ["Server", "children", "floor", "resident_mib", "wait_for_port"]

_TICKS = os.sysconf("SC_CLK_TCK")
_LOOK_AGAIN = 0.005  # seconds
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens, and the processes that answer."""

    port: int
    pids: tuple[int, ...]

    def cpu(self) -> float:
        """Seconds of CPU that they have had."""
        return sum(map(_cpu, self.pids))


def children(pid: int, count: int = 0) -> tuple[int, ...]:
    """The processes that a process has started, once it has started so many."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    until = time.monotonic() + _PATIENCE
    while True:
        found = tuple(map(int, listed.read_text(encoding="ascii").split()))
        if len(found) >= count:
            return found
        assert time.monotonic() < until, f"{len(found)} processes instead of {count}"
        time.sleep(_LOOK_AGAIN)


def resident_mib(pid: int) -> float:
    """How much memory a process has for itself or shares, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(f"process {pid} has no memory")


@contextmanager
def floor(request: bytes, *, like: int, verified: Sequence[str], workers: int = 1) -> Iterator[Server]:
    """The floor for a request that the server at port ``like`` answers, which it asks once."""
    body = answered(like, request)
    port = free_port()
    token = len(request.rpartition(b"\r\n")[2]) // 2
    numbers = (str(port), str(workers), ",".join(verified), str(len(body)), str(token))
    command = [sys.executable, "-m", "benchmarks.floor", *numbers]
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent) as process:  # noqa: S603 - ourselves
        try:
            wait_for_port(port)
            yield Server(port, (process.pid, *children(process.pid, workers - 1)))
        finally:
            for pid in (*children(process.pid), process.pid):
                os.kill(pid, 15)


def wait_for_port(port: int) -> None:
    """Until somebody listens there; raises OSError after a while."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(_LOOK_AGAIN)
        else:
            return


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
