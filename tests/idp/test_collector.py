"""Issue 5: no pause above 50 ms from garbage collection, however many connections there are."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# In a process of its own: what is frozen here would stay so for all other tests.
_PROGRAM = """
import gc, json, sys, time
from idjag.idp.snapshot import Loader
from idjag.ledger.entry import Head
from idjag.seal import KekSealer

class Rows:
    def rows(self, table, where=None):
        return [{"id": "t", "issuer": "https://idp.acme.example"}] if table == "tenant" else []

    def each(self, table, where):
        for n in range(int(sys.argv[1])):
            yield {"id": f"c-{n}", "key": f"c-{n}", "status": "active", "spec": json.dumps({"number": n}),
                   "app_id": f"a-{n // 1000}", "resource_app_id": f"r-{n % 1000}"}

gc.collect()
runs = []
gc.callbacks.append(lambda phase, info: runs.append(time.perf_counter()))
snapshot = Loader(KekSealer(bytes(32)))(Rows(), "t", Head("e", 1, 0, b""))
while_loading = len(runs)
told = {"while_loading": while_loading, "frozen": gc.get_freeze_count(), "enabled": gc.isenabled(),
        "size": snapshot.policy.size}

def collected():
    before = time.process_time()
    gc.collect()
    return time.process_time() - before

told["seconds"] = collected()
gc.unfreeze()
print(json.dumps(told | {"unfrozen": min(collected() for _ in range(3))}))
"""


def loaded(connections: int) -> dict[str, float]:
    """What the collector did, and then cost, with so many connections."""
    command = [sys.executable, "-c", _PROGRAM, str(connections)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_connections_are_not_walked_through() -> None:
    """CPU of a whole collection against one without the freeze, which takes some 100 ms here."""
    many = loaded(100_000)
    assert (many["size"], many["enabled"], many["while_loading"]) == (100_000, True, 0)
    assert many["frozen"] > 100_000
    assert many["seconds"] < many["unfrozen"] / 3


def test_a_small_policy_is_left_to_the_collector() -> None:
    """What is frozen is never looked at again: for a few rows that is not worth it."""
    few = loaded(10)
    assert (few["size"], few["enabled"], few["frozen"]) == (10, True, 0)
