"""`idjag db backup` and `after-restore`: a copy without the key, and a restore that resurrects nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from idjag.idp.store import schema
from tests.cli.deployment import Deployment, deployed
from tests.ledger.parts import sql


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    return deployed(tmp_path)


def database(acme: Deployment) -> Path:
    return acme.folder / "data" / "idjag.db"


def restore(acme: Deployment, copy: Path) -> None:
    for end in ("-wal", "-shm"):
        Path(f"{database(acme)}{end}").unlink(missing_ok=True)
    copy.replace(database(acme))


def test_a_backup_is_whole_private_and_without_the_key(acme: Deployment, tmp_path: Path) -> None:
    """Promise P9: nothing in it can be used without the key, which stands elsewhere."""
    copy = tmp_path / "copy.db"
    said = acme.run("db", "backup", str(copy))
    rows = len(sql(database(acme), "SELECT no FROM audit"))
    assert (said.code, said.err) == (0, "")
    assert said.out == f"{copy}: schema {schema.head()}, {rows} audit rows; the key is not in it\n"
    assert copy.stat().st_mode & 0o777 == 0o600
    content = copy.read_bytes()
    kek = (acme.folder / "data" / "kek").read_text("ascii").strip()
    for secret in (kek, "wiki-secret-0123456789", "PRIVATE KEY"):
        assert secret.encode() not in content
    assert bytes.fromhex(kek) not in content
    with closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("SELECT count(*) FROM audit").fetchone() == (rows,)
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert {path.name for path in tmp_path.iterdir() if "copy" in path.name} == {"copy.db"}


def test_a_backup_takes_the_place_of_no_file(acme: Deployment, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("precious", "utf-8")
    said = acme.run("db", "backup", str(copy))
    assert (said.code, said.out, said.err) == (3, "", f"idjag: {copy} is there already: name a new file\n")
    assert copy.read_text("utf-8") == "precious"
    away = acme.run("db", "backup", str(tmp_path / "no" / "copy.db"))
    assert (away.code, away.out, away.err.count("\n")) == (3, "", 1)


def test_postgresql_is_told_what_to_use(acme: Deployment, tmp_path: Path) -> None:
    config = tmp_path / "idjag.toml"
    config.write_text("database_url = 'postgresql://u:s3cret@db.example/idjag'\nkek_file = '/k'\n", "utf-8")
    said = acme.run("--config", str(config), "db", "backup", str(tmp_path / "copy.db"))
    assert (said.code, said.out) == (2, "")
    assert "pg_basebackup" in said.err
    assert "after-restore" in said.err
    assert "s3cret" not in said.err


def test_a_backup_of_a_database_that_is_written_is_of_one_moment(acme: Deployment, tmp_path: Path) -> None:
    """Its audit log verifies by itself, whatever was going on."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            acme.run("hold", "user", "alice", "--reason", "x")
            acme.run("release", "user", "alice", "--reason", "x")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = [tmp_path / f"copy-{n}.db" for n in range(5)]
        for copy in copies:
            assert acme.run("db", "backup", str(copy)).code == 0
    finally:
        stop.set()
        writer.join()
    for copy in copies:
        restore(acme, copy)
        assert acme.run("audit", "verify").out == "verified\n"


def test_after_a_restore_every_key_is_another_and_the_log_tells_of_it(
    acme: Deployment, tmp_path: Path
) -> None:
    """Promise P10: a key that was revoked after the backup is not trusted again."""
    kids = {key["kid"] for key in json.loads(acme.run("keys", "list", "--json").out)}
    epoch = sql(database(acme), "SELECT epoch FROM ledger_head")
    copy = tmp_path / "copy.db"
    acme.run("db", "backup", str(copy))
    assert acme.run("keys", "rotate", "--alg", "ES256").code == 0
    restore(acme, copy)

    said = acme.run("db", "after-restore")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("ended: 0 sessions, 0 families of tokens, 3 signing keys; ")
    keys = json.loads(acme.run("keys", "list", "--json").out)
    assert {key["kid"] for key in keys if key["status"] == "revoked"} == kids
    assert sorted(key["alg"] for key in keys if key["status"] == "active") == ["ES256", "Ed25519", "RS256"]
    assert sql(database(acme), "SELECT epoch FROM ledger_head") != epoch
    assert acme.run("audit", "verify").out == "verified\n"
    [event] = [event for event in acme.events() if event["event"] == "database.restored"]
    assert event["after"]["epoch"] == epoch[0]["epoch"]
    assert event["actor"]["kind"] == "operator"
    assert acme.run("db", "after-restore").code == 0  # and again, as after a kill


def test_a_restored_database_needs_its_own_key(acme: Deployment, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    acme.run("db", "backup", str(copy))
    restore(acme, copy)
    kek = acme.folder / "data" / "kek"
    kek.write_text(os.urandom(32).hex(), "ascii")
    said = acme.run("db", "after-restore")
    assert (said.code, said.out) == (3, "")
    assert "not the key-encryption key of the database" in said.err
