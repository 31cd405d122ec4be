"""What a serving process does beside its requests: checkpoints, housekeeping; and keys rotated under it."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from idjag.kek_ring import load_keks
from idjag.ledger.expiry import KEPT
from tests.ledger.parts import sql
from tests.processes.acme import Acme

KILLS = [pytest.param(12, id="12 kills", marks=pytest.mark.soak)]


def database(acme: Acme) -> Path:
    return acme.folder / "idp" / "idjag.db"


def lines(file: Path) -> int:
    """How many there are; a server writes one more in between when its thread looks between two requests."""
    return len(file.read_text("ascii").splitlines())


@contextmanager
def command(acme: Acme, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that may be killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "idjag.cli", *arguments],
        env=dict(acme.environ),
        cwd=acme.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.soak
def test_checkpoints_outlive_a_kill_and_find_an_older_table(acme: Acme) -> None:
    """Promise P2: heads outside the database, and a killed process has written where it began."""
    heads = acme.folder / "heads"
    acme = replace(acme, environ={**acme.environ, "IDJAG_AUDIT_CHECKPOINT": str(heads)})
    acme.apply()
    with acme.serve() as server:
        acme.exchange(acme.sign_in())
        server.kill()
    begun = lines(heads)
    assert begun >= 1
    with acme.serve() as server:
        acme.exchange(acme.sign_in())
        server.stop()
    assert heads.stat().st_mode & 0o777 == 0o600
    ended = lines(heads)
    assert ended >= begun + 2  # at the start, and at the end
    verified = acme.here("audit", "verify", "--checkpoint", str(heads))
    assert (verified.code, verified.out) == (0, f"verified against {ended} checkpoints\n")
    newest = sql(database(acme), "SELECT max(no) AS no FROM audit")[0]["no"]
    sql(database(acme), "DELETE FROM audit WHERE no = ?", newest)
    assert acme.here("audit", "verify", "--checkpoint", str(heads)).code == 1


def test_checkpoints_may_go_to_the_log(acme: Acme) -> None:
    acme = replace(acme, environ={**acme.environ, "IDJAG_AUDIT_CHECKPOINT": "stderr"})
    acme.apply()
    with acme.serve() as server:
        acme.exchange(acme.sign_in())
        said = server.stop()
    log = acme.folder / "shipped.log"
    log.write_text(said, "utf-8")
    said = acme.here("audit", "verify", "--checkpoint", str(log)).out
    written = re.fullmatch(r"verified against (\d+) checkpoints\n", said)
    assert written is not None, said
    assert int(written[1]) >= 2  # at the start, and at the end


@pytest.mark.soak
def test_checkpoints_that_cannot_be_written_stop_the_start_and_end_no_server(acme: Acme) -> None:
    folder = acme.folder / "mounted"
    acme = replace(acme, environ={**acme.environ, "IDJAG_AUDIT_CHECKPOINT": str(folder / "heads")})
    acme.apply()
    refused = acme.command("serve")
    assert (refused.code, "no such file or directory" in refused.err) == (2, True)
    folder.mkdir()
    with acme.serve() as server:
        acme.exchange(acme.sign_in())
        (folder / "heads").unlink()
        folder.rmdir()
        acme.exchange(acme.sign_in())
        assert "the last checkpoint failed" in server.stop()


def test_a_serving_process_removes_what_is_dead_and_serves_meanwhile(acme: Acme) -> None:
    """Issue 5: small steps; nothing that is needed goes."""
    acme.apply()
    dead = int(time.time()) - KEPT
    tenant = sql(database(acme), "SELECT id FROM tenant")[0]["id"]
    rows = [("dead", dead), ("needed", dead + 3600)]
    for name, end in rows:
        sql(
            database(acme),
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
            "INSERT INTO one_time SELECT ? || i, ?, 'jti', 'h', ? FROM n",
            name, tenant, end,
        )  # fmt: skip
    with acme.serve():
        id_token = acme.sign_in()
        while sql(database(acme), "SELECT count(*) AS n FROM one_time WHERE id LIKE 'dead%'")[0]["n"]:
            acme.exchange(id_token)
    assert sql(database(acme), "SELECT count(*) AS n FROM one_time WHERE id LIKE 'needed%'") == [{"n": 3000}]
    assert acme.here("audit", "verify").code == 0


@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.timeout(1200)
def test_a_rotation_of_the_kek_that_is_killed_leaves_everything_served(acme: Acme, kills: int) -> None:
    """Attack case 208: processes of before and after read every row at every moment."""
    acme.apply()
    chance = random.Random(7)  # noqa: S311 - where to kill
    with acme.serve():
        id_token = acme.sign_in()
        first = load_keks(acme.folder / "idp" / "kek")[0].key
        for _ in range(kills):
            with command(acme, "kek", "rotate") as rotation:
                time.sleep(chance.uniform(0.8, 2.0))
                rotation.send_signal(signal.SIGKILL)
            # another policy makes the serving process read its keys again
            assert acme.here("keys", "rotate", "--alg", "ES256", "--now").code == 0
            acme.exchange(id_token)
        assert acme.here("kek", "rotate").code == 0
        assert acme.here("kek", "retire").code == 0
        assert acme.here("keys", "rotate", "--now").code == 0
        acme.exchange(id_token)
    assert first not in [kek.key for kek in load_keks(acme.folder / "idp" / "kek")]
    with acme.serve():
        acme.exchange(id_token)
    assert acme.here("kek", "status").code == 0
    assert acme.here("audit", "verify").code == 0


@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.timeout(1200)
def test_a_backup_that_is_killed_leaves_no_file_with_its_name(acme: Acme, kills: int) -> None:
    acme.apply()
    chance = random.Random(11)  # noqa: S311 - where to kill
    for n in range(kills):
        copy = acme.folder / f"copy-{n}.db"
        with command(acme, "db", "backup", str(copy)) as process:
            time.sleep(chance.uniform(0.3, 1.5))
            os.kill(process.pid, signal.SIGKILL)
        if copy.exists():
            [row] = sql(copy, "PRAGMA quick_check(1)")
            assert row["quick_check"] == "ok"
    assert acme.here("db", "backup", str(acme.folder / "last.db")).code == 0
