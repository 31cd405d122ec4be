"""`make bench`: one JSON line per measurement; names on the command line choose, by their beginning.

BENCH_SECONDS is how long each round of a loaded server lasts (1.5).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence

from benchmarks import decide, exchange
from benchmarks.measure import Measurement


def main(chosen: Sequence[str]) -> int:
    """Print the measurements as they are made."""
    known = ("decide", *exchange.names_of_lines())
    for name in chosen:
        if not any(line.startswith(name) for line in known):
            print(f"benchmarks: {name} begins none of {', '.join(known)}", file=sys.stderr)
            return 2
    wanted = [line for line in known if not chosen or line.startswith(tuple(chosen))]
    for measurement in _measured(wanted):
        print(json.dumps(measurement.members()), flush=True)
    return 0


def _measured(wanted: Sequence[str]) -> Iterator[Measurement]:
    if "decide" in wanted:
        yield from decide.measurements()
    yield from exchange.measurements([line for line in wanted if line.startswith("exchange.")])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
