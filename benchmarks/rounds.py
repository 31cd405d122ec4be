"""One line of `make bench` under load: product and floor in turns, then medians."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from statistics import median

from benchmarks.load import Load, Prepared, Requests, run
from benchmarks.measure import ROUNDS, Measurement, commit
from benchmarks.servers import Server

__all__ = ["SECONDS", "compared", "measured"]

SECONDS = float(os.environ.get("BENCH_SECONDS", "1.5"))
"""How long a round lasts."""

_SPARE = 1.5  # how many more requests are prepared than the last round used


def compared(
    line: str, product: Server, floor: Server, requests: Requests, *, connections: int
) -> Iterator[Measurement]:
    """Requests per second, CPU and latencies of one server over those of the other.

    The rate of rounds in turns, since what else the machine does it does to both.
    """
    sample = requests()
    sides: list[tuple[Server, Requests, list[Load], list[float]]] = [
        (floor, lambda: sample, [], []),
        (product, requests, [], []),
    ]
    for server, asked, loads, _ in sides:
        loads.append(run(server.port, asked, connections=connections, seconds=SECONDS / 3))
    for _ in range(ROUNDS):
        for server, asked, loads, cpus in sides:
            _prepare(asked, loads[-1])
            before = server.cpu()
            loads.append(run(server.port, asked, connections=connections, seconds=SECONDS))
            cpus.append((server.cpu() - before) / len(loads[-1].latencies) * 1e6)
    (_, _, floors, floor_cpus), (_, _, products, cpus) = sides
    yield from _measurements(line, products[1:], floors[1:], cpus, floor_cpus)


def _prepare(asked: Requests, before: Load) -> None:
    if isinstance(asked, Prepared):
        asked.prepare(int(before.per_second * SECONDS * _SPARE) + 64)


def _measurements(
    line: str,
    products: Sequence[Load],
    floors: Sequence[Load],
    cpus: Sequence[float],
    floor_cpus: Sequence[float],
) -> Iterator[Measurement]:
    cpu_us = median(cpus)

    def both(read: Callable[[Load], float]) -> tuple[list[float], list[float]]:
        return [read(load) for load in products], [read(load) for load in floors]

    yield measured(line, "1/s", *both(lambda load: load.per_second), cpu_us=cpu_us)
    # On a machine that is shared, or whose disk is slow, this says more than the rate.
    yield measured(f"{line}.cpu", "us", cpus, floor_cpus, cpu_us=cpu_us)
    for percent in (50, 95, 99):
        pairs = both(lambda load, percent=percent: load.percentile(percent))  # type: ignore[misc]
        yield measured(f"{line}.p{percent}", "ms", *pairs, cpu_us=cpu_us)


def measured(
    name: str, unit: str, values: Sequence[float], floors: Sequence[float], *, cpu_us: float
) -> Measurement:
    """The ratio is the median of the rounds' own: what else the machine does, it does to both of a round."""
    ratio = median(value / floor for value, floor in zip(values, floors, strict=True))
    value = median(values)
    spread = (max(values) - min(values)) / value
    return Measurement(name, value, unit, median(floors), ratio, spread, cpu_us, commit())
