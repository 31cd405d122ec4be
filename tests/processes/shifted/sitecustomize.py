"""What `date -s` does to one process: its clock is ahead by the seconds that stand in a file, at any moment.

Python imports this before anything else where the folder is on PYTHONPATH; idjag knows nothing of it.
"""

from __future__ import annotations

import os
import time

_real = time.time
_file = os.environ["SHIFTED_CLOCK"]


def _shifted() -> float:
    with open(_file, encoding="ascii") as file:  # noqa: PTH123  # pathlib is not worth its import here
        return _real() + int(file.read() or 0)


time.time = _shifted
