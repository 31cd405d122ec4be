"""Token exchanges of a whole server against the floor, over real connections; ``make bench`` prints them."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from urllib.parse import urlencode, urlsplit

from benchmarks.load import Load, run
from benchmarks.measure import ROUNDS, Measurement, commit
from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.cluster import binaries, cluster
from tests.processes.acme import Acme, acme_in
from tests.processes.program import free_port

__all__ = ["measurements", "names_of_lines"]

_SECONDS = float(os.environ.get("BENCH_SECONDS", "1.5"))
_TICKS = os.sysconf("SC_CLK_TCK")
_LINES = tuple(
    f"exchange.{store}.c{connections}.w{workers}"
    for store, workers in (("sqlite", 1), ("postgres", 1), ("postgres", 2))
    for connections in (1, 16, 64)
    if workers == 1 or connections > 1
)


def names_of_lines() -> Sequence[str]:
    """What can be measured."""
    return _LINES


@dataclass(frozen=True, slots=True)
class _Server:
    """A running server: where it listens, and the processes that answer."""

    port: int
    pids: tuple[int, ...]

    def cpu(self) -> float:
        """Seconds of CPU that its workers have had."""
        return sum(map(_cpu, self.pids))


def measurements(chosen: Sequence[str]) -> Iterator[Measurement]:
    """The chosen lines; servers of the same kind are started once."""
    for store in dict.fromkeys(name.rpartition(".c")[0] for name in chosen):
        for workers in ("1", "2"):
            lines = [
                name for name in chosen if name.startswith(f"{store}.c") and name.endswith(f"w{workers}")
            ]
            if lines:
                yield from _of_one_server(store.partition(".")[2], int(workers), lines)


def _of_one_server(store: str, workers: int, lines: Sequence[str]) -> Iterator[Measurement]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        acme = _deployed(acme_in(folder), store, workers, stack)
        acme.apply()
        program = stack.enter_context(acme.serve())
        request = _request(acme, acme.sign_in())
        answer = _answer(int(urlsplit(acme.idp).port or 0), request)
        product = _Server(int(urlsplit(acme.idp).port or 0), _workers(program.process.pid, workers))
        floor = stack.enter_context(_floor(workers, answer, request))
        for line in lines:
            connections = int(line.split(".")[2].removeprefix("c"))
            yield from _compared(line, product, floor, request, connections=connections)


def _deployed(acme: Acme, store: str, workers: int, stack: ExitStack) -> Acme:
    given = {"IDJAG_LOG_LEVEL": "error", "IDJAG_WORKERS": str(workers)}
    if store == "postgres":
        found = binaries()
        if found is None:
            raise SystemExit("benchmarks: no PostgreSQL server is installed")
        kek = acme.folder / "kek.of.all.nodes"
        kek.touch(mode=0o600)
        kek.write_text(secrets.token_hex(32), encoding="ascii")
        url = stack.enter_context(cluster(found)).schema()
        given |= {"IDJAG_DATABASE_URL": url, "IDJAG_KEK_FILE": str(kek)}
    return replace(acme, environ={**acme.environ, **given})


def _request(acme: Acme, id_token: str) -> bytes:
    form = {
        "grant_type": names.TOKEN_EXCHANGE,
        "requested_token_type": names.ID_JAG_TOKEN,
        "subject_token": id_token,
        "subject_token_type": names.ID_TOKEN,
        "audience": acme.chat,
        "scope": "chat.read",
    }
    body = urlencode(form).encode()
    basic = base64.b64encode(f"{acme.wiki.client_id}:{acme.wiki.secret}".encode()).decode()
    head = (
        f"POST /token HTTP/1.1\r\nHost: {urlsplit(acme.idp).netloc}\r\nAuthorization: Basic {basic}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _answer(port: int, request: bytes) -> bytes:
    """The body of one answer, to know how long they are; it must be a grant."""
    import json
    import socket

    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        seen = b""
        while True:
            seen += connection.recv(65536)
            head, separator, body = seen.partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            if separator and len(body) == int(length):
                break
    assert jws.parse(json.loads(body)["access_token"], max_bytes=16_384).claims["aud"]
    return body


@contextmanager
def _floor(workers: int, answer: bytes, request: bytes) -> Iterator[_Server]:
    port = free_port()
    token = len(request.partition(b"subject_token=")[2].partition(b"&")[0])
    sizes = (len(answer), len(answer) // 2, token)
    command = [sys.executable, "-m", "benchmarks.floor", str(port), str(workers), *map(str, sizes)]
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent) as process:  # noqa: S603 - ourselves
        try:
            _until_it_listens(port)
            children = _children(process.pid)
            yield _Server(port, (process.pid, *children))
        finally:
            for pid in (*_children(process.pid), process.pid):
                os.kill(pid, 15)


def _compared(
    line: str, product: _Server, floor: _Server, request: bytes, *, connections: int
) -> Iterator[Measurement]:
    for server in (floor, product):
        run(server.port, request, connections=connections, seconds=_SECONDS / 3)
    products, floors = list[Load](), list[Load]()
    cpus, floor_cpus = list[float](), list[float]()
    for _ in range(ROUNDS):
        for server, loads, spent in ((floor, floors, floor_cpus), (product, products, cpus)):
            before = server.cpu()
            loads.append(run(server.port, request, connections=connections, seconds=_SECONDS))
            spent.append((server.cpu() - before) / len(loads[-1].latencies) * 1e6)
    cpu_us = median(cpus)
    rates = [load.per_second for load in products]
    yield _measured(line, "1/s", rates, [load.per_second for load in floors], cpu_us)
    # On a machine that is shared, or whose disk is slow, this says more than the rate.
    yield _measured(f"{line}.cpu", "us", cpus, floor_cpus, cpu_us)
    for percent in (50, 95, 99):
        yield _measured(
            f"{line}.p{percent}",
            "ms",
            [load.percentile(percent) for load in products],
            [load.percentile(percent) for load in floors],
            cpu_us,
        )


def _measured(
    name: str, unit: str, values: Sequence[float], floors: Sequence[float], cpu_us: float
) -> Measurement:
    """The ratio is the median of the rounds' own: what else the machine does, it does to both of a round."""
    ratio = median(value / floor for value, floor in zip(values, floors, strict=True))
    value = median(values)
    spread = (max(values) - min(values)) / value
    return Measurement(name, value, unit, median(floors), ratio, spread, cpu_us, commit())


def _workers(pid: int, workers: int) -> tuple[int, ...]:
    return (pid,) if workers == 1 else tuple(_children(pid))


def _children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _until_it_listens(port: int) -> None:
    import socket

    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
