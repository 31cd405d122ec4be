"""Workers and the database of two nodes are killed, stopped, filled up and lied to by the disk, under load.

Whatever happens: every token that a client holds has its record, what was used stays used, and all nodes
serve again by themselves.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.cluster import NOBODY, Cluster, binaries
from tests.processes.nodes import NODES, Running, deployed
from tests.processes.storm import HEALED, Storm, ready, verdict
from tests.processes.test_workers import eventually, workers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

DISK = "120m"
ROUNDS = 3
Provoke: TypeAlias = Callable[[Running, Cluster, int], None]


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of its own for a folder, if this user may mount one; whether there is one."""
    options = ["-t", "tmpfs", "-o", f"size={DISK},mode=0700", "idjag-tests", str(folder)]
    mounted = succeeds("mount", *options)
    try:
        yield mounted
    finally:
        if mounted:
            assert succeeds("umount", "--lazy", str(folder))


def succeeds(program: str, *arguments: str) -> bool:
    """Whether there is such a program, and it did what it was told."""
    if not (found := shutil.which(program)):
        return False
    return subprocess.run([found, *arguments], check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    """A server of these tests alone: its tables on a disk of their own where possible, its log elsewhere."""
    found = binaries()
    if found is None:
        pytest.skip("no PostgreSQL server is installed: nothing is known about that store")
    folder = Path(tempfile.mkdtemp(prefix="idjag-pg-"))
    made = Cluster(found, folder)
    made.data.mkdir()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(small_disk(made.data))
        if os.geteuid() == 0:  # the server does not run for root
            for each in (folder, made.data):
                os.chown(each, NOBODY, NOBODY)
        made.make()
        move_the_log(made)
        stack.callback(made.stop, "immediate")
        yield made


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, own: Cluster) -> Iterator[Running]:
    """One deployment for all tests of this module."""
    with deployed(tmp_path_factory.mktemp("acme"), own) as running:
        yield running


def move_the_log(made: Cluster) -> None:
    """Off the small disk: a server that cannot write its log ends, and somebody must start it."""
    made.stop()
    log, elsewhere = made.data / "pg_wal", made.folder / "wal"
    shutil.copytree(log, elsewhere)
    shutil.rmtree(log)
    owner = made.data.stat()
    for each in (elsewhere, *elsewhere.rglob("*")):
        os.chown(each, owner.st_uid, owner.st_gid)
    log.symlink_to(elsewhere)
    made.start()


def a_worker_is_killed(running: Running, _: Cluster, number: int) -> None:
    os.kill(workers(running.programs[number % NODES])[0], signal.SIGKILL)


def a_worker_stands_still(running: Running, _: Cluster, number: int) -> None:
    """Longer than anybody may hold a lock; then it goes on where it was."""
    with stopped(workers(running.programs[number % NODES])[0]):
        time.sleep(2.5)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def the_database_is_killed(running: Running, own: Cluster, _number: int) -> None:
    """Kill -9 of all of it, as a power cut would; the nodes say that they are not ready meanwhile."""
    own.kill()
    try:
        eventually(lambda: ready(running.nodes) == {503})
    finally:
        own.start()


def the_database_stands_still(_: Running, own: Cluster, _number: int) -> None:
    own.signal(signal.SIGSTOP)
    time.sleep(2.5)
    own.signal(signal.SIGCONT)


@contextmanager
def syncs_fail(own: Cluster) -> Iterator[Path]:
    """The next fdatasync of each process that the server has now is an input/output error; strace's log.

    Those that it starts when it has recovered are spared.
    """
    log = own.folder / "strace.log"
    log.unlink(missing_ok=True)  # an older one has what we wait for
    attached = [argument for pid in own.processes()[1:] for argument in ("-p", str(pid))]
    inject = ["-qq", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=1"]
    with subprocess.Popen([shutil.which("strace") or "", *inject, "-o", str(log), *attached]) as tracer:
        try:
            yield log
        finally:
            tracer.send_signal(signal.SIGINT)


def a_sync_fails(_: Running, own: Cluster, _number: int) -> None:
    """The disk refuses it once: the server panics, and recovers what it had acknowledged."""
    if not shutil.which("strace"):
        pytest.skip("no strace is installed: nothing is known about failing disks")
    started = starts(own)
    with syncs_fail(own) as log:
        eventually(lambda: log.exists() and "(INJECTED)" in log.read_text("utf-8"))
    eventually(lambda: starts(own) > started)


def starts(own: Cluster) -> int:
    """How many times the server has begun to serve."""
    return (own.folder / "log").read_text("utf-8").count("ready to accept connections")


def the_disk_is_full(running: Running, own: Cluster, _number: int) -> None:
    """Until every node says that it is not ready; then there is room again."""
    if not own.data.is_mount():
        pytest.skip("only root may mount a small disk: nothing is known about full ones")
    ballast = own.data / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    try:
        eventually(lambda: ready(running.nodes) == {503})
    finally:
        ballast.unlink()


PROVOCATIONS = [
    pytest.param(provoke, times, id=f"{provoke.__name__}-{times}", marks=marks)
    for provoke, few, many in (
        (a_worker_is_killed, 3, 50),
        (the_database_is_killed, 3, 50),
        # what takes long to heal is for `make soak` alone
        (a_sync_fails, 0, 20),
        (a_worker_stands_still, 0, 4),
        (the_database_stands_still, 0, 4),
        (the_disk_is_full, 0, 3),
    )
    for times, marks in ((few, ()), (many, pytest.mark.soak))
    if times
]


def heals(storm: Storm, usual: float, provoke: Callable[[], None]) -> None:
    """Provoked, all nodes serve again in time: one that does not heal does so each time, chance does not."""
    took = 0.0
    for _ in range(ROUNDS):
        provoke()
        took = storm.goes_on()
        # what takes long when nothing is wrong takes as much longer now: others use this machine too
        if took < HEALED + 10 * usual:
            return
        usual = max(usual, storm.goes_on())  # and may have begun to in the meantime
    raise AssertionError(f"healed in {took} s, where {usual} s are usual")


@pytest.mark.parametrize(("provoke", "times"), PROVOCATIONS)
def test_nobody_holds_a_token_without_its_record_and_all_nodes_serve_again(
    running: Running, own: Cluster, provoke: Provoke, times: int
) -> None:
    """P1, P3, P4, P6, P15, attack cases 218, 220, 221 and 222; P21: while nothing works, no node is ready."""
    nodes = running.nodes
    storm = Storm(nodes, nodes.sign_in(), nodes.sign_in(client="agent"))
    codes = [nodes.code() for _ in range(2)]
    assert {nodes.token(form).status for form in codes} == {200}
    with storm.blowing():
        usual = storm.goes_on()
        for number in range(times):
            heals(storm, usual, lambda number=number: provoke(running, own, number))  # type: ignore[misc]
    eventually(lambda: running.whole)
    eventually(lambda: ready(nodes) == {200})
    assert len(storm.held) == len(set(storm.held))
    assert set(storm.held) <= nodes.issued()
    assert len(storm.refused_again()) > 10
    again = [partial(nodes.token, form, node=node) for form in codes for node in range(NODES)]
    assert {verdict(ask).status for ask in again} == {400}
    assert nodes.acme.here("audit", "verify").code == 0
