"""`make bench`: one JSON line per measurement.

A name on the command line chooses the line of that name, or all that begin with it; the questions of the
console (`console`) and its pages (`pages`) are asked by name alone: their database takes minutes to fill.
BENCH_SECONDS is how long each round of a loaded server lasts (1.5).  All of it takes some ten minutes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence

from benchmarks import beside, console, decide, exchange, pages, redeem, signin, starting
from benchmarks.measure import Measurement


def main(chosen: Sequence[str]) -> int:
    """Print the measurements as they are made."""
    always = ("decide", *exchange.LINES, *redeem.LINES, *beside.LINES, *starting.LINES, *signin.LINES)
    known = (*always, *console.LINES, *pages.LINES)
    for name in chosen:
        if not any(line.startswith(name) for line in known):
            print(f"benchmarks: {name} begins none of {', '.join(known)}", file=sys.stderr)
            return 2
    beginnings = tuple(name for name in chosen if name not in known)
    wanted = [
        line
        for line in known
        if (not chosen and line in always) or line in chosen or (beginnings and line.startswith(beginnings))
    ]
    for measurement in _measured(wanted):
        print(json.dumps(measurement.members()), flush=True)
    return 0


def _measured(wanted: Sequence[str]) -> Iterator[Measurement]:
    if "decide" in wanted:
        yield from decide.measurements()
    yield from exchange.measurements([line for line in wanted if line in exchange.LINES])
    yield from redeem.measurements([line for line in wanted if line in redeem.LINES])
    yield from beside.measurements([line for line in wanted if line in beside.LINES])
    yield from starting.measurements([line for line in wanted if line in starting.LINES])
    yield from signin.measurements([line for line in wanted if line in signin.LINES])
    yield from console.measurements([line for line in wanted if line in console.LINES])
    yield from pages.measurements([line for line in wanted if line in pages.LINES])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
