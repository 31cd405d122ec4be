"""`idjag audit erase`: one person's data leaves the log, which goes on to verify."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.deployment import STATE, Deployment, deployed
from tests.ledger.parts import sql


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    made = deployed(tmp_path)
    for user in ("alice", "bob"):
        assert made.run("hold", "user", user, "--reason", f"{user} was seen").code == 0
    return made


def log_of(acme: Deployment) -> str:
    rows = sql(acme.folder / "data" / "idjag.db", "SELECT * FROM audit WHERE event NOT LIKE 'audit.%'")
    return "\n".join(str(row) for row in rows)


def person(acme: Deployment, username: str) -> str:
    [row] = sql(acme.folder / "data" / "idjag.db", "SELECT id FROM person WHERE username = ?", username)
    return str(row["id"])


def test_a_person_leaves_the_log_and_others_stay(acme: Deployment) -> None:
    """Contract section 9: one person can be erased and the chain still verifies."""
    alice, bob = person(acme, "alice"), person(acme, "bob")
    assert (alice in log_of(acme), "alice was seen" in log_of(acme)) == (True, True)
    rows = len(sql(acme.folder / "data" / "idjag.db", "SELECT no FROM audit"))
    said = acme.run("audit", "erase", "--user", "alice")
    assert (said.code, said.err) == (0, "")
    for trace in (alice, "alice was seen", "alice@"):
        assert trace not in log_of(acme)
    assert (bob in log_of(acme), "bob was seen" in log_of(acme)) == (True, True)
    assert acme.run("audit", "verify").out == "verified\n"
    held = [event for event in acme.events() if event["event"] == "hold.placed"]
    assert [(event["subject"], event["after"] is None) for event in held] == [(None, True), (bob, False)]
    [erased] = [event for event in acme.events() if event["event"] == "audit.erased"]
    assert (erased["id"], erased["actor"]["kind"], erased["subject"]) == (rows + 1, "operator", None)
    assert alice not in str(erased)


def test_nothing_of_the_person_is_left_in_the_file_of_the_database(acme: Deployment) -> None:
    """The person's row is another matter: that is for the state file."""
    folder = acme.folder / "data"
    assert acme.run("audit", "erase", "--user", "alice").code == 0
    content = b"".join(path.read_bytes() for path in folder.iterdir() if path.name.startswith("idjag.db"))
    assert b"bob was seen" in content
    assert content.count(b"alice was seen") <= 1  # the hold itself still stands


def test_a_person_who_is_gone_is_still_found_by_the_name(acme: Deployment) -> None:
    carol = person(acme, "carol")
    without = STATE.replace("  - {username: carol, groups: [engineering], status: disabled}\n", "")
    assert acme.apply(without, "--prune").code == 0
    assert (carol in log_of(acme), "carol" in log_of(acme)) == (True, True)
    assert acme.run("audit", "erase", "--user", "carol").code == 0
    assert carol not in log_of(acme)
    assert "'carol'" not in log_of(acme)
    assert '"carol"' not in log_of(acme)
    assert acme.run("audit", "verify").code == 0


def test_nobody_is_exit_1_and_records_nothing(acme: Deployment) -> None:
    before = acme.events()
    assert acme.run("audit", "erase", "--user", "mallory").code == 1
    assert acme.events() == before


def test_erasing_again_finds_nothing_more(acme: Deployment) -> None:
    alice = person(acme, "alice")
    assert acme.run("audit", "erase", "--user", alice).code == 0
    assert acme.run("audit", "erase", "--user", alice).code == 1
