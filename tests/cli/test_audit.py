"""`idjag audit export` and `verify`: what leaves is recorded and signed, and what was changed is found."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from idjag.idp.settings import Settings
from idjag.idp.store.kek import open_sealer
from idjag.ledger import checkpoint
from idjag.ledger.entry import Head
from idjag.protocol.jose import KeySet, jws
from tests.cli.deployment import Deployment, deployed
from tests.ledger.parts import sql


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    return deployed(tmp_path)


def database(acme: Deployment) -> Path:
    return acme.folder / "data" / "idjag.db"


def published(acme: Deployment) -> KeySet:
    rows = sql(database(acme), "SELECT public FROM signing_key")
    return KeySet.parse({"keys": [json.loads(row["public"]) for row in rows]})[0]


def receipt_of(acme: Deployment, text: str) -> dict[str, Any]:
    """The claims of a receipt, verified with our published keys alone."""
    token = jws.parse(text.strip(), max_bytes=10_000)
    assert token.typ == "idjag-audit-export+jwt"
    jws.verify(token, keys=published(acme), algorithms=["ES256"])
    return dict(token.claims)


def test_an_export_is_signed_and_tells_of_itself(acme: Deployment) -> None:
    """Attack case 202, contract section 9: who, and what range."""
    *lines, last = acme.run("audit", "export").out.splitlines(keepends=True)
    claims = receipt_of(acme, json.loads(last)["receipt"])

    assert claims["sha256"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert (claims["lines"], claims["after"], claims["last"]) == (len(lines), 0, len(lines))
    assert [json.loads(line)["id"] for line in lines] == list(range(1, len(lines) + 1))
    event = json.loads(acme.run("audit", "export").out.splitlines()[len(lines)])
    assert (event["event"], event["decision_id"]) == ("audit.exported", claims["jti"])
    assert event["actor"]["kind"] == "operator"
    assert event["after"] == {"after": 0, "last": len(lines), "format": "ndjson"}


def test_an_export_goes_on_where_the_last_one_ended(acme: Deployment) -> None:
    whole = acme.run("audit", "export").out.splitlines()
    rest = acme.run("audit", "export", "--after", "5").out.splitlines()
    assert rest[: len(whole) - 6] == whole[5:-1]


def test_csv_has_the_same_events_and_nothing_that_a_spreadsheet_carries_out(
    acme: Deployment, tmp_path: Path
) -> None:
    hold = acme.run("hold", "user", "alice", "--reason", "=cmd|' /C calc'!A0")
    assert hold.code == 0, hold.err
    receipt = tmp_path / "receipt"
    said = acme.run("audit", "export", "--csv", "--receipt", str(receipt))
    rows = list(csv.DictReader(io.StringIO(said.out, newline="")))

    assert said.code == 0
    assert [int(row["id"]) for row in rows] == list(range(1, len(rows) + 1))
    assert json.loads(rows[-1]["after"])["reason"].startswith("=cmd")  # inside JSON it is text
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())
    claims = receipt_of(acme, receipt.read_text("ascii"))
    assert claims["sha256"] == hashlib.sha256(said.out.encode()).hexdigest()
    assert receipt.stat().st_mode & 0o777 == 0o600


def test_nothing_leaves_when_the_receipt_cannot_be_written(acme: Deployment, tmp_path: Path) -> None:
    said = acme.run("audit", "export", "--receipt", str(tmp_path / "no" / "receipt"))
    assert (said.code, said.out) == (3, "")
    assert "no such file or directory" in said.err
    events = [json.loads(line)["event"] for line in acme.run("audit", "export").out.splitlines()]
    assert "audit.exported" not in events[:-1]


MUTATIONS = [
    pytest.param(
        'UPDATE audit SET body = replace(body, \'"event":"\', \'"event":"x\') WHERE no = 4', id="edited"
    ),
    pytest.param("DELETE FROM audit WHERE no = 3", id="deleted"),
    pytest.param(
        "INSERT INTO audit SELECT tenant, (SELECT max(no) + 1 FROM audit), time, event, decision_id, "
        "subject, requesting_app, resource_app, jti, reason, body, salts, prev_hash, hash "
        "FROM audit WHERE no = 2",
        id="inserted",
    ),
    pytest.param(
        "UPDATE audit SET no = CASE no WHEN 2 THEN -3 ELSE -2 END WHERE no IN (2, 3);"
        "UPDATE audit SET no = -no WHERE no < 0",
        id="reordered",
    ),
    pytest.param("DELETE FROM audit WHERE no = (SELECT max(no) FROM audit)", id="truncated"),
]


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_what_was_changed_in_the_table_is_found(acme: Deployment, mutation: str) -> None:
    """Promise P2, attack case 201."""
    assert acme.run("audit", "verify").out == "verified\n"
    for statement in mutation.split(";"):
        sql(database(acme), statement)
    said = acme.run("audit", "verify")
    assert (said.code, said.out.split(" at row ")[0]) == (1, "broken")


def checkpointed(acme: Deployment, file: Path) -> Head:
    """A checkpoint as a serving process writes it."""
    environ = {"IDJAG_ISSUER": "https://idp.acme.example", "IDJAG_DATA_DIR": str(acme.folder / "data")}
    _, key = open_sealer(Settings.load(environ), now=1)
    [row] = sql(database(acme), "SELECT * FROM ledger_head")
    head = Head(row["epoch"], row["policy_seq"], row["audit_no"], row["link"])
    checkpoint.append(file, checkpoint.line(head, tenant=row["tenant"], now=1_800_000_000, key=key))
    return head


def test_an_older_table_restored_is_found_by_its_checkpoints(acme: Deployment, tmp_path: Path) -> None:
    """Promise P2: heads outside the database."""
    file, copy = tmp_path / "heads", tmp_path / "copy.db"
    assert acme.run("db", "backup", str(copy)).code == 0
    checkpointed(acme, file)
    acme.run("hold", "user", "alice", "--reason", "left")
    head = checkpointed(acme, file)
    assert acme.run("audit", "verify", "--checkpoint", str(file)).out == "verified against 2 checkpoints\n"

    copy.replace(database(acme))
    for end in ("-wal", "-shm"):
        Path(f"{database(acme)}{end}").unlink(missing_ok=True)
    assert acme.run("audit", "verify").code == 0  # by itself it is whole
    said = acme.run("audit", "verify", "--checkpoint", str(file))
    assert (said.code, said.out) == (1, f"broken at row {head.audit_no}: rows are missing at the end\n")


@pytest.mark.parametrize("content", [None, "", "no checkpoint\n"])
def test_a_file_without_checkpoints_does_not_verify(
    acme: Deployment, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "heads"
    if content is not None:
        file.write_text(content, "utf-8")
    said = acme.run("audit", "verify", "--checkpoint", str(file))
    assert (said.code, said.out) == (2, "")


def test_what_verifying_finds_is_kept_for_the_console(acme: Deployment) -> None:
    def kept() -> dict[str, Any]:
        (row,) = sql(database(acme), "SELECT note FROM audit_verified")
        return dict(json.loads(row["note"]))

    assert acme.run("audit", "verify").code == 0
    rows = kept()["whole_no"]
    assert rows == sql(database(acme), "SELECT audit_no FROM ledger_head")[0]["audit_no"]
    assert "@" in kept()["by"]
    sql(database(acme), "UPDATE audit SET reason = 'x' WHERE no = 3")
    assert acme.run("audit", "verify").code == 1
    assert kept()["broken_no"] == 3
    told = [json.loads(line) for line in acme.run("audit", "export").out.splitlines()]
    assert [event["after"]["row"] for event in told if event["event"] == "audit.broken"] == [3]
