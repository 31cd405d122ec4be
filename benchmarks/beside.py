"""Deployments beside each other, in turns: what size costs, and what a second worker brings.

Here the floor is another deployment of the product: the small one, or one with a single worker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from urllib.parse import urlsplit

from benchmarks.exchange import Deployment, deployed
from benchmarks.load import Requests, run
from benchmarks.measure import ROUNDS, Measurement, commit
from benchmarks.rounds import SECONDS, measured
from benchmarks.servers import Server, children, floor

__all__ = ["LINES", "measurements"]

_SMALL = Deployment("sqlite")
_SIZES = {
    "beside.sqlite.connections1000.c16.w1": Deployment("sqlite", connections=1_000),
    "beside.sqlite.connections100000.c16.w1": Deployment("sqlite", connections=100_000),
    "beside.sqlite.people1000000.c16.w1": Deployment("sqlite", people=1_000_000),
}
_SCALING = "beside.postgres.c32.w2"
LINES = (*_SIZES, _SCALING)
"""What can be measured; the first three over 10 connections and 64 people, the last over one worker."""


@dataclass(slots=True)
class _Side:
    server: Server
    requests: Requests
    rates: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)


def measurements(chosen: Sequence[str]) -> Iterator[Measurement]:
    """The chosen lines; all sizes in one run, since a ratio is good only within one."""
    sizes = {name: _SIZES[name] for name in chosen if name in _SIZES}
    if sizes:
        yield from _sizes(sizes)
    if _SCALING in chosen:
        yield _scaling()


def _sizes(wanted: Mapping[str, Deployment]) -> Iterator[Measurement]:
    with ExitStack() as stack:
        sides = {name: _served(deployment, stack) for name, deployment in {"": _SMALL, **wanted}.items()}
        _in_turns(list(sides.values()), connections=16)
        small = sides[""]
        for name in wanted:
            side, cpu_us = sides[name], median(sides[name].cpus)
            yield measured(name, "1/s", side.rates, small.rates, cpu_us=cpu_us)
            yield measured(f"{name}.cpu", "us", side.cpus, small.cpus, cpu_us=cpu_us)


def _scaling() -> Measurement:
    """How many times the rate of one worker two have; the floor is how many times that of the floor's."""
    with ExitStack() as stack:
        one, two = (_served(Deployment("postgres", workers=workers), stack) for workers in (1, 2))
        bare = [_bare(one, workers, stack) for workers in (1, 2)]
        _in_turns([one, two, *bare], connections=32)
    rises = [both / alone for both, alone in zip(two.rates, one.rates, strict=True)]
    floors = [both / alone for both, alone in zip(bare[1].rates, bare[0].rates, strict=True)]
    spread = (max(rises) - min(rises)) / median(rises)
    ratio = median(rises) / median(floors)
    return Measurement(
        _SCALING, median(rises), "times", median(floors), ratio, spread, median(two.cpus), commit()
    )


def _served(deployment: Deployment, stack: ExitStack) -> _Side:
    acme, requests = deployed(deployment, stack)
    pid = stack.enter_context(acme.serve()).process.pid
    workers = children(pid, deployment.workers) if deployment.workers > 1 else (pid,)
    return _Side(Server(int(urlsplit(acme.idp).port or 0), workers), requests)


def _bare(like: _Side, workers: int, stack: ExitStack) -> _Side:
    request = like.requests()
    server = floor(request, like=like.server.port, verified=["RS256"], workers=workers)
    return _Side(stack.enter_context(server), lambda: request)


def _in_turns(sides: Sequence[_Side], *, connections: int) -> None:
    """Every second round backwards: whoever comes after somebody's writes must not always be the same."""
    for side in sides:
        run(side.server.port, side.requests, connections=connections, seconds=SECONDS / 3)
    for number in range(ROUNDS):
        for side in sides if number % 2 else reversed(sides):
            before = side.server.cpu()
            load = run(side.server.port, side.requests, connections=connections, seconds=SECONDS)
            side.rates.append(load.per_second)
            side.cpus.append((side.server.cpu() - before) / len(load.latencies) * 1e6)
