"""Several processes on one file, one of them killed, one without room."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TypeAlias

import pytest

from idjag.ledger.postgres import PostgresLedger
from idjag.ledger.postgres_wire import Wire
from idjag.ledger.sqlite import SqliteLedger
from idjag.ledger.trail import check
from tests.ledger.parts import KEY, Policy, T, decision_ids, entry, jti, postgres_ledger, sql, sqlite_ledger

Durable: TypeAlias = SqliteLedger[Policy] | PostgresLedger[Policy]


@contextmanager
def child(root: Path, *arguments: str, under: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*under, sys.executable, "-m", "tests.ledger.child", *arguments],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest) -> str:
    """A database: the path of a file, or a URL."""
    return str(request.getfixturevalue("path" if request.param == "sqlite" else "url"))


def opened(where: str) -> Durable:
    return postgres_ledger(where) if where.startswith("postgresql:") else sqlite_ledger(Path(where))


def used(where: str) -> set[str]:
    """Who holds a one-time id."""
    statement = "SELECT holder FROM one_time"
    if not where.startswith("postgresql:"):
        return {str(row["holder"]) for row in sql(Path(where), statement)}
    with closing(Wire(where)) as wire:
        return {str(row["holder"]) for row in wire.ask((statement, ()))[0]}


@pytest.mark.parametrize("acknowledged", [20, 150, 350])
def test_what_was_acknowledged_outlives_a_kill(root: Path, where: str, acknowledged: int) -> None:
    """Promises P1, P3 and P4, attack case 218."""
    with child(root, "storm", where, "k") as process:
        replies = [output(process).readline().strip() for _ in range(acknowledged)]
        assert process.poll() is None
        process.kill()
        replies += [line.strip() for line in output(process) if line.endswith("\n")]
    assert acknowledged <= len(replies)
    with opened(where) as ledger:
        recorded = decision_ids(ledger)
        assert set(replies) <= set(recorded)
        assert len(recorded) == len(set(recorded)) == ledger.head(T).audit_no
        assert check(ledger, T, key=KEY) is None
        again = [ledger.commit(entry(f"again-{reply}", on_success=(jti(reply),))) for reply in replies]
        assert set(again) == {"lost"}
        assert ledger.commit(entry("fresh", on_success=(jti("fresh"),))) == "yes"
    # A record without its id, or an id without its record, would be half a transaction.
    assert used(where) == {*recorded, "fresh"}


def test_two_processes_have_one_winner(root: Path, where: str) -> None:
    """RAS-20; promise P4."""
    with child(root, "race", where, "a") as a, child(root, "race", where, "b") as b:
        for process in (a, b):
            assert output(process).readline() == "ready\n"
        for process in (a, b):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        won = Counter(line.strip() for process in (a, b) for line in output(process))
        assert (a.wait(), b.wait()) == (0, 0)
    assert won == Counter({str(n): 1 for n in range(10)})
    ledger = opened(where)
    assert len(decision_ids(ledger)) == 500
    assert check(ledger, T, key=KEY) is None
    ledger.close()


def test_a_full_disk_refuses_and_heals(root: Path, path: Path) -> None:
    """Promises P6, P15 and P21: not ready while it is full, and ready by itself once it is not."""
    with child(root, "full", str(path), "f") as process:
        served = [line.strip() for line in output(process)]
        assert process.wait() == 0
    assert (served[0], served[-1]) == ("f-before", "f-after")
    with sqlite_ledger(path) as ledger:
        assert Counter(served) <= Counter(decision_ids(ledger))
        assert check(ledger, T, key=KEY) is None
        assert ledger.commit(entry("d-1")) == "yes"


def test_a_disk_that_does_not_sync_gives_nobody_a_reply(root: Path, path: Path, tmp_path: Path) -> None:
    """P1, P3, attack case 222: EIO for one sync in four; whatever was answered is there, and stays used.

    What was refused may be there too: nobody knows, and nobody holds anything for it.
    """
    if not (strace := shutil.which("strace")):
        pytest.skip("no strace is installed: nothing is known about failing disks")
    log = tmp_path / "strace.log"
    every = ["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=10+4"]
    under = [strace, "-f", "-qq", *every, "-o", str(log)]
    with child(root, "unsteady", str(path), "u", under=under) as process:
        said = Counter(line.strip() for line in output(process))
        assert process.wait() == 0
    assert log.read_text("utf-8").count("(INJECTED)") > 5
    assert said.pop("refused") > 5
    with sqlite_ledger(path) as ledger:
        assert said <= Counter(decision_ids(ledger))
        assert check(ledger, T, key=KEY) is None
        again = {ledger.commit(entry(f"again-{reply}", on_success=(jti(reply),))) for reply in said}
        assert again == {"lost"}
        assert ledger.commit(entry("fresh", on_success=(jti("fresh"),))) == "yes"
