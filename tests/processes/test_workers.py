"""`idjag serve --workers 2` on PostgreSQL: one listening socket, two processes, one truth."""

from __future__ import annotations

import os
import secrets
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from idjag.demo.wire import Browser, fetch
from tests.cluster import Cluster
from tests.processes.acme import Acme
from tests.processes.program import Program

SECONDS = 60


@pytest.fixture
def shared(acme: Acme, postgres: Cluster) -> Acme:
    """The same deployment, with its data in PostgreSQL and two workers."""
    kek = acme.folder / "kek.of.all.nodes"
    kek.write_text(acme.secrets.add(secrets.token_hex(32)), encoding="ascii")
    kek.chmod(0o600)
    given = {"DATABASE_URL": postgres.schema(), "KEK_FILE": str(kek), "WORKERS": "2"}
    return replace(acme, environ={**acme.environ, **{f"IDJAG_{name}": it for name, it in given.items()}})


def workers(program: Program) -> list[int]:
    """The processes under the one that was started."""
    pid = program.process.pid
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def eventually(fact: object, *, seconds: float = SECONDS) -> None:
    """Wait until a fact is there, for a moment that is long on a busy machine."""
    assert callable(fact)
    until = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


def ended(pid: int) -> bool:
    """Whether a process is gone, or only waits to be counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # before the file was opened, or after that
        return True


@pytest.mark.slow
def test_a_change_is_in_force_in_every_worker_as_soon_as_it_is_acknowledged(shared: Acme) -> None:
    """Promises P5 and P16: each request may meet another worker."""
    shared.apply()
    with shared.serve() as server:
        eventually(lambda: len(workers(server)) == 2)
        id_token = shared.sign_in()
        for connection, expected in (("paused", "access_denied"), ("active", None)) * 3:
            shared.apply(connection=connection)
            for _ in range(6):
                answer = shared.wiki.exchange(id_token)
                assert answer.json().get("error") == expected
    assert shared.here("audit", "verify").code == 0


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_the_others_serve_on(shared: Acme) -> None:
    """Promises P3 and P6."""
    shared.apply()
    with shared.serve() as server:
        id_token = shared.sign_in(browser=Browser())
        eventually(lambda: len(workers(server)) == 2)
        first = workers(server)
        os.kill(first[0], signal.SIGKILL)
        eventually(lambda: len(workers(server)) == 2 and first[0] not in workers(server))
        shared.exchange(id_token)
        eventually(lambda: "another one takes its place" in server.err)  # another thread reads it
    assert all(map(ended, first))


@pytest.mark.slow
def test_workers_do_not_outlive_their_parent(shared: Acme) -> None:
    """Two generations must not serve side by side."""
    shared.apply()
    with shared.serve() as server:
        eventually(lambda: len(workers(server)) == 2)
        left = workers(server)
        assert fetch(f"{shared.idp}/readyz").status == 200
        server.kill()
        eventually(lambda: all(map(ended, left)))
