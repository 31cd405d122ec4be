"""How long a server takes until it answers, what it holds in memory then, and what an import costs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from urllib.parse import urlsplit

from benchmarks.exchange import Deployment, deployed
from benchmarks.load import Requests, run
from benchmarks.measure import Measurement
from benchmarks.rounds import measured
from benchmarks.servers import Server, floor, resident_mib
from idjag.demo.wire import fetch
from tests.processes.acme import Acme

__all__ = ["LINES", "measurements"]

_ROUNDS = 3
_SIZES = {f"start.sqlite.connections{size}": size for size in (10, 1_000, 100_000)}
_IMPORTS = {f"import.{name}": name for name in ("idjag.ras", "idjag.idp.app")}
LINES = (*_SIZES, *_IMPORTS)
"""What can be measured.  A start gives two lines: milliseconds until it is ready, and MiB after some load."""


def measurements(chosen: Sequence[str]) -> Iterator[Measurement]:
    """The chosen lines."""
    for name in chosen:
        if name in _SIZES:
            yield from _start(name, _SIZES[name])
        else:
            yield _import(name, _IMPORTS[name])


def _start(name: str, connections: int) -> Iterator[Measurement]:
    """Until the product serves, over how long the floor takes; people are signed in and ask a little."""
    starts, floors, cpus = list[float](), list[float](), list[float]()
    sizes, floor_sizes = list[float](), list[float]()
    with ExitStack() as stack:
        acme, requests = deployed(Deployment("sqlite", connections=connections), stack)
        for _ in range(_ROUNDS):
            seconds, cpu, size, of_floor = _once(acme, requests)
            starts.append(seconds * 1000)
            cpus.append(cpu * 1e6)
            sizes.append(size)
            floors.append(of_floor[0] * 1000)
            floor_sizes.append(of_floor[1])
    cpu_us = sorted(cpus)[_ROUNDS // 2]
    yield measured(f"{name}.ready", "ms", starts, floors, cpu_us=cpu_us)
    yield measured(f"{name}.memory", "MiB", sizes, floor_sizes, cpu_us=cpu_us)


def _once(acme: Acme, requests: Requests) -> tuple[float, float, float, tuple[float, float]]:
    """Seconds until it serves, their CPU, MiB after some load; seconds and MiB of the floor."""
    begun, port = time.monotonic(), int(urlsplit(acme.idp).port or 0)
    with acme.serve() as program:
        _until_ready(acme.idp)
        seconds, cpu = time.monotonic() - begun, Server(port, (program.process.pid,)).cpu()
        run(port, requests, connections=16, seconds=1)
        size = resident_mib(program.process.pid)
        begun = time.monotonic()
        with floor(requests(), like=port, verified=["RS256"]) as bare:
            of_floor = time.monotonic() - begun
            run(bare.port, requests, connections=16, seconds=1)
            return seconds, cpu, size, (of_floor, resident_mib(bare.pids[0]))


def _until_ready(url: str) -> None:
    """Until the server says so, which takes its first snapshot."""
    while fetch(f"{url}/readyz").status != 200:
        time.sleep(0.01)


def _import(name: str, module: str) -> Measurement:
    """A process that imports it, over one that imports nothing."""
    product = _timed(lambda: _python(f"import {module}"))
    nothing = _timed(lambda: _python("pass"))
    walls, floors = ([wall for wall, _ in timed] for timed in (product, nothing))
    return measured(name, "ms", walls, floors, cpu_us=product[0][1])


def _timed(work: Callable[[], None]) -> list[tuple[float, float]]:
    """Milliseconds of wall and microseconds of CPU of child processes, once per round."""
    rounds = list[tuple[float, float]]()
    work()  # compiles what was not, and warms the files
    for _ in range(_ROUNDS):
        times, begun = os.times(), time.perf_counter()
        work()
        wall, after = time.perf_counter() - begun, os.times()
        cpu = after.children_user + after.children_system - times.children_user - times.children_system
        rounds.append((wall * 1000, cpu * 1e6))
    return rounds


def _python(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - ourselves
