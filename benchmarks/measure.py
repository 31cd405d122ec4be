"""One measurement against its floor: contract section 8."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["Measurement", "commit", "per_call"]

ROUNDS = 5
_LEAST_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Measurement:
    """One JSON line.  ``spread`` is (highest - lowest) / median over the rounds; ``cpu_us`` per call."""

    name: str
    value: float
    unit: str
    floor: float
    ratio: float
    spread: float
    cpu_us: float
    commit: str

    def members(self) -> dict[str, Any]:
        """The members of the JSON object, numbers rounded to what they can say."""
        members = asdict(self)
        return {name: round(it, 4) if isinstance(it, float) else it for name, it in members.items()}


def per_call(name: str, product: Callable[[], object], floor: Callable[[], object]) -> Measurement:
    """Microseconds per call of ``product`` beside ``floor``, interleaved; absolute numbers are noise."""
    count, floor_count = _enough(product), _enough(floor)
    walls, cpus, floors = [], [], []
    for _ in range(ROUNDS):
        floors.append(_round(floor, floor_count)[0])
        wall, cpu = _round(product, count)
        walls.append(wall)
        cpus.append(cpu)
    value, base = median(walls), median(floors)
    spread = (max(walls) - min(walls)) / value
    return Measurement(name, value, "us", base, value / base, spread, median(cpus), commit())


def _enough(call: Callable[[], object]) -> int:
    """How many calls last long enough to be measured."""
    count = 1
    while _round(call, count)[0] * count < _LEAST_SECONDS * 1e6:
        count *= 2
    return count


def _round(call: Callable[[], object], count: int) -> tuple[float, float]:
    """Wall and CPU microseconds per call."""
    gc.collect()
    repeat = [None] * count
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for _ in repeat:
        call()
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    return wall / count / 1000, cpu / count / 1000


def commit() -> str:
    """The commit that was measured, with a plus sign if the tree differs; "unknown" outside a repository."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],  # noqa: S607 - git from the path
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"


if sys.flags.optimize:
    raise SystemExit("the benchmarks check what they measure: do not run them with -O")
