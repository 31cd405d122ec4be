"""A node that is stopped while one of its workers is just being replaced: all of it ends, at any moment."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import replace

import pytest

from tests.processes.acme import Acme
from tests.processes.test_workers import ended, eventually, shared, workers

__all__ = ["shared"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TIMES = [1, pytest.param(8, marks=pytest.mark.soak)]


@pytest.mark.parametrize("times", TIMES)
def test_a_node_whose_worker_is_starting_stops_like_any_other(shared: Acme, times: int) -> None:
    """Attack case 218: a signal that comes while modules are loaded was swallowed once in five times."""
    shared.apply()
    chance = random.Random(5)  # noqa: S311 - when to stop
    # All of them start all the time: what takes long then is where the signal comes.
    shared = replace(shared, environ={**shared.environ, "IDJAG_WORKERS": "3"})
    for _ in range(times):
        with shared.serve() as server:
            eventually(lambda server=server: len(workers(server)) == 3)
            time.sleep(1)  # younger ones are not replaced at once
            first = workers(server)
            for pid in first:
                os.kill(pid, signal.SIGKILL)
            eventually(lambda server=server, first=first: len(set(workers(server)) - set(first)) == 3)
            time.sleep(chance.uniform(0.0, 0.8))
            last = workers(server)
        assert all(map(ended, last))  # and `server.stop` demands exit code 0 within its time
