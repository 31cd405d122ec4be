"""Mixed load for days, at a clock that is moved on: memory stays flat, and no table grows but the audit log.

`make storm` makes it the half hour that issue 5 asks for; in `make soak` it is a minute.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from idjag.idp import families
from idjag.ledger.expiry import KEPT
from idjag.protocol import names
from tests.cluster import Cluster
from tests.processes.acme import acme_in
from tests.processes.clocks import DAY, Clock
from tests.processes.crowd import crowd
from tests.processes.nodes import NODES, Nodes, Running, nodes_of
from tests.processes.test_workers import eventually, workers

pytestmark = [pytest.mark.soak, pytest.mark.slow, pytest.mark.timeout(3600)]

SECONDS = float(os.environ.get("IDJAG_STORM_SECONDS", "60"))
DAYS = 4
APART = 100 * DAY
"""Longer than anything is kept that a day has left: failures stay for ninety days, a session for a month."""

GROWS = {"audit", "alembic_version", "policy_log"}
MEGABYTE = 1024 * 1024


@dataclass
class Mixed:
    """What clients do all day: sign in, refresh, exchange, prove themselves, and err."""

    nodes: Nodes
    ahead: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @contextmanager
    def going_on(self, *, threads: int = 3) -> Iterator[None]:
        """While the ``with`` lasts; each thread is a person with a browser."""
        with crowd(self._run, threads=threads):
            yield
        assert self.faults == []

    def _run(self, number: int, over: threading.Event) -> None:
        turns = itertools.count(number)
        while not over.is_set():
            try:
                self._day(turns, over)
            except Exception as error:  # noqa: BLE001  # said by the test
                self.faults.append(f"{type(error).__name__} {error}")
                return

    def _day(self, turns: Iterator[int], over: threading.Event) -> None:
        nodes = self.nodes
        answer = nodes.token(nodes.code(scope="openid offline_access"), node=next(turns))
        self.answers["code", answer.status] += 1
        tokens = answer.json()
        refresh, id_token = str(tokens["refresh_token"]), str(tokens["id_token"])
        agent = nodes.sign_in(client="agent", ahead=self.ahead)
        for _ in range(40):
            if over.is_set():
                return
            self.answers["exchange", nodes.exchange(id_token, node=next(turns)).status] += 1
            assertion = nodes.assertion(ahead=self.ahead)
            asserted = nodes.asserted(nodes.form(agent), node=next(turns), assertion=assertion)
            self.answers["assertion", asserted.status] += 1
            form = {"grant_type": names.REFRESH_TOKEN, "refresh_token": refresh}
            renewed = nodes.token(form, node=next(turns))
            self.answers["refresh", renewed.status] += 1
            refresh = str(renewed.json()["refresh_token"])
            wrong = nodes.token({**nodes.form(id_token), "scope": "chat.write"}, node=next(turns))
            self.answers["refused", wrong.status] += 1


def sizes(nodes: Nodes) -> dict[str, int]:
    """Rows of every table."""
    tables = nodes.sql(
        "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = current_schema()"
    )
    counts = [f"SELECT '{each['t']}' AS t, count(*) AS n FROM \"{each['t']}\"" for each in tables]  # noqa: S608  # ours
    return {str(row["t"]): int(row["n"]) for row in nodes.sql(" UNION ALL ".join(counts))}


def memory(running: Running) -> int:
    """Octets of the largest worker that are its own or shared with nobody else."""
    return max(
        sum(
            int(line.split()[1]) * 1024
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
            if line.startswith(("Private_Clean", "Private_Dirty"))
        )
        for program in running.programs
        for pid in workers(program)
    )


def dead(nodes: Nodes, now: int) -> dict[str, int]:
    """Rows that nobody could use any more at that second of the nodes' clock, of each table that has any."""
    ends = nodes.sql(
        "SELECT table_name AS t, column_name AS c FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND column_name IN ('until', 'expires')"
    )
    kept = {"session": KEPT + families.LIFETIME}
    counts = [
        f"SELECT '{each['t']}' AS t, count(*) AS n FROM \"{each['t']}\""  # noqa: S608  # ours
        f' WHERE "{each["c"]}" <= {now - kept.get(str(each["t"]), KEPT)}'
        for each in ends
    ]
    return {str(row["t"]): int(row["n"]) for row in nodes.sql(" UNION ALL ".join(counts)) if row["n"]}


def test_days_of_mixed_load_leave_memory_flat_and_tables_bounded(tmp_path: Path, postgres: Cluster) -> None:
    """P18, issue 5: nothing is kept for longer than it proves something."""
    tmp_path.chmod(0o700)
    nodes, clock = nodes_of(acme_in(tmp_path), postgres), Clock(tmp_path / "clock")
    nodes.apply()
    clock.move(0)
    rows: list[dict[str, int]] = []
    done: list[int] = []
    octets: list[int] = []
    with nodes.serving(*[clock.environ] * NODES) as programs:
        running, load = Running(nodes, programs), Mixed(nodes)
        for day in range(DAYS):
            load.ahead = day * APART
            clock.move(load.ahead)
            with load.going_on():
                time.sleep(SECONDS / DAYS)
            eventually(lambda: dead(nodes, int(time.time()) + load.ahead) == {}, seconds=120)
            rows.append(sizes(nodes))
            done.append(sum(load.answers.values()) - sum(done))
            octets.append(memory(running))
        assert running.whole
    statuses = {"code": 200, "exchange": 200, "assertion": 200, "refresh": 200, "refused": 400}
    assert dict(load.answers.keys()) == statuses
    assert min(load.answers.values()) > DAYS
    # a day's rows are as many as its answers allow: the machine may do more on one day than on another
    busier = max(1.0, done[-1] / max(done[:2]))
    days = {table: [day[table] for day in rows] for table in rows[0] if table not in GROWS}
    most = {table: 2 * busier * max(counts[:2]) + 10 for table, counts in days.items()}
    assert {table: counts for table, counts in days.items() if counts[-1] > most[table]} == {}, done
    assert octets[-1] < 1.1 * max(octets[:2]) + 5 * MEGABYTE, octets
    assert nodes.acme.here("audit", "verify").code == 0
