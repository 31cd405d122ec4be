"""Issue 5: a large purge under load; nobody waits for it for longer than a tenth of a second."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import pairwise

import psycopg
import pytest

from idjag.ledger.expiry import KEPT
from tests.ledger.parts import sql
from tests.processes.acme import Acme
from tests.processes.crowd import crowd
from tests.processes.test_workers import eventually

pytestmark = [pytest.mark.soak, pytest.mark.slow, pytest.mark.timeout(1200)]

DEAD = 60_000
CLIENTS = 4
QUIET_SECONDS = 20
ROUNDS = 3
LONGEST = 0.1
"""Seconds that a purge may hold issuance; on top of the pauses that this machine has without one."""


@dataclass
class Answers:
    """When each exchange was answered, whoever asked: a pause is the time between two of them."""

    acme: Acme
    id_token: str = field(repr=False)
    times: list[float] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    def coming(self) -> AbstractContextManager[None]:
        """While the ``with`` lasts."""
        return crowd(self._ask, threads=CLIENTS)

    def longest_pause(self) -> float:
        """In seconds without an answer, from the last time until now; begins anew."""
        now = time.monotonic()
        times, self.times, since, self.since = sorted(self.times), [], self.since, now
        return max(after - before for before, after in pairwise([since, *times, now]))

    def _ask(self, _number: int, over: threading.Event) -> None:
        while not over.is_set():
            self.acme.exchange(self.id_token)
            self.times.append(time.monotonic())


def on_sqlite(acme: Acme) -> tuple[Acme, Callable[[str], int]]:
    """The deployment, and what counts or changes in its database."""
    database = acme.folder / "idp" / "idjag.db"

    def run(text: str) -> int:
        rows = sql(database, text)
        return int(str(rows[0]["n"])) if rows else 0

    return acme, run


def on_postgresql(acme: Acme, url: str) -> tuple[Acme, Callable[[str], int]]:
    kek = acme.folder / "kek.of.all.nodes"
    kek.write_text(acme.secrets.add(secrets.token_hex(32)), encoding="ascii")
    kek.chmod(0o600)
    environ = {**acme.environ, "IDJAG_DATABASE_URL": url, "IDJAG_KEK_FILE": str(kek)}

    def run(text: str) -> int:
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(text.encode())
            row = cursor.fetchone() if cursor.description else None
            return int(row[0]) if row else 0

    return replace(acme, environ=environ), run


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_a_large_purge_holds_nobody_up(acme: Acme, store: str, request: pytest.FixtureRequest) -> None:
    """The longest pause while it runs, against the longest while nothing is purged.

    The machine's own pauses count twice: they are chance, and other tests run beside this one.  A purge that
    holds people up does so in each of the rounds, and chance does not.
    """
    if store == "postgresql":
        acme, run = on_postgresql(acme, request.getfixturevalue("postgres").schema())
    else:
        acme, run = on_sqlite(acme)
    acme.apply()
    for _ in range(ROUNDS):
        purging, quiet = purged(acme, run)
        print(f"{store}: longest pause {purging:.3f} s while purging, {quiet:.3f} s without")  # noqa: T201
        if purging < LONGEST + 2 * quiet:
            return
    raise AssertionError("a purge held people up each time")


def purged(acme: Acme, run: Callable[[str], int]) -> tuple[float, float]:
    """The longest pauses with a purge and without one."""
    dead = int(time.time()) - KEPT
    run(
        "INSERT INTO one_time (id, tenant, kind, holder, until) "  # noqa: S608 - our own numbers
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {DEAD}) "
        f"SELECT 'dead' || i, t.id, 'jti', 'h', {dead} FROM n, tenant t"
    )
    left = "SELECT count(*) AS n FROM one_time WHERE id LIKE 'dead%'"
    assert run(left) == DEAD
    with acme.serve():
        answers = Answers(acme, acme.sign_in())
        with answers.coming():
            eventually(lambda: run(left) < DEAD * 0.9, seconds=300)
            answers.longest_pause()
            eventually(lambda: run(left) == 0, seconds=300)
            purging = answers.longest_pause()
            threading.Event().wait(QUIET_SECONDS)
            quiet = answers.longest_pause()
    return purging, quiet
