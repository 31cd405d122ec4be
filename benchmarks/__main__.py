"""`make bench`: one JSON line per measurement; names on the command line choose which modules run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks import decide
from benchmarks.measure import Measurement

MODULES: Mapping[str, Callable[[], Iterable[Measurement]]] = {"decide": decide.measurements}


def main(chosen: Sequence[str]) -> int:
    """Print the measurements as they are made."""
    if unknown := [name for name in chosen if name not in MODULES]:
        print(f"benchmarks: {unknown[0]} is none of {', '.join(MODULES)}", file=sys.stderr)
        return 2
    for name in chosen or MODULES:
        for measurement in MODULES[name]():
            print(json.dumps(measurement.members()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
