"""`idjag audit verify --export`: what an auditor with the file and our public keys can tell (promise P2)."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest

from idjag import cli
from idjag.idp.app import open_store
from idjag.idp.settings import Settings
from tests.cli.deployment import Deployment, Said, deployed
from tests.cli.test_audit import checkpointed, database
from tests.ledger.parts import sql


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    made = deployed(tmp_path)
    made.run("hold", "user", "alice", "--reason", "left")
    return made


def published(acme: Deployment) -> Path:
    """Our JWK Set, as anybody fetches it."""
    file = acme.folder / "jwks.json"
    environ = {"IDJAG_ISSUER": "https://idp.acme.example", "IDJAG_DATA_DIR": str(acme.folder / "data")}
    with open_store(Settings.load(environ)) as store:
        keys = store.ledger.fresh(store.tenant).keys.published(int(time.time()))
    file.write_text(json.dumps({"keys": keys}), "ascii")
    return file


def exported(acme: Deployment, *options: str) -> Path:
    file = acme.folder / "audit.ndjson"
    file.write_text(acme.run("audit", "export", *options).out, "utf-8")
    return file


def checked(acme: Deployment, file: Path, jwks: Path, *options: str) -> Said:
    """With no setting at all: neither database nor key can be found."""
    out, err = io.StringIO(), io.StringIO()
    line = ["audit", "verify", "--export", str(file), "--jwks", str(jwks), *options]
    code = cli.run(line, environ={}, out=out, err=err)
    return Said(code, out.getvalue(), err.getvalue())


def test_an_export_verifies_without_database_and_key(acme: Deployment) -> None:
    """Through a checkpoint too; and it says what it could not check."""
    heads = acme.folder / "heads"
    head = checkpointed(acme, heads)
    said = checked(acme, exported(acme), published(acme), "--checkpoint", str(heads))
    assert (said.code, said.err) == (0, "")
    receipt, links, hashes = said.out.splitlines()
    assert receipt.startswith("the receipt is of https://idp.acme.example, and numbers follow")
    assert int(receipt.split()[-1]) == head.audit_no
    assert links == "links follow each other, through 1 checkpoints"
    assert "with the key alone" in hashes


def test_lines_that_were_changed_removed_or_added_are_not_what_the_receipt_is_of(acme: Deployment) -> None:
    file, jwks = exported(acme), published(acme)
    lines = file.read_text("utf-8").splitlines(keepends=True)
    for wrong in (
        [lines[0].replace("created", "creatad", 1), *lines[1:]],
        lines[1:],
        [lines[0], *lines],
        [*lines[:-2], lines[-1]],
    ):
        assert wrong != lines
        file.write_text("".join(wrong), "utf-8")
        said = checked(acme, file, jwks)
        assert (said.code, said.out) == (1, "the receipt is not of these lines\n")


def test_a_receipt_of_another_issuer_is_none(acme: Deployment) -> None:
    file, jwks = exported(acme), published(acme)
    keys = json.loads(jwks.read_text("ascii"))["keys"]
    jwks.write_text(json.dumps({"keys": [key for key in keys if key["alg"] != "ES256"]}), "ascii")
    assert checked(acme, file, jwks).out == "the receipt is not of these lines\n"


@pytest.mark.parametrize(
    "mutation",
    [
        pytest.param("DELETE FROM audit WHERE no = 3", id="deleted"),
        pytest.param(
            "UPDATE audit SET no = CASE no WHEN 2 THEN -3 ELSE -2 END WHERE no IN (2, 3);"
            "UPDATE audit SET no = -no WHERE no < 0",
            id="reordered",
        ),
        pytest.param("UPDATE audit SET hash = prev_hash WHERE no = 2", id="another hash"),
    ],
)
def test_what_was_done_to_the_table_before_the_export_shows_in_its_links(
    acme: Deployment, mutation: str
) -> None:
    """The receipt is right then: it says who exported, not that nobody tampered before."""
    jwks = published(acme)
    for statement in mutation.split(";"):
        sql(database(acme), statement)
    said = checked(acme, exported(acme), jwks)
    assert (said.code, said.out.split(" at row ")[0]) == (1, "broken")


def test_a_checkpoint_that_the_log_does_not_go_through_shows(acme: Deployment) -> None:
    heads = acme.folder / "heads"
    checkpointed(acme, heads)
    other = heads.read_text("ascii")
    link = json.loads(other)["link"]
    heads.write_text(other.replace(link, "00" * 32), "ascii")
    said = checked(acme, exported(acme), published(acme), "--checkpoint", str(heads))
    assert (said.code, "the head has another link" in said.out) == (1, True)


def test_an_export_from_within_is_checked_as_far_as_it_goes(acme: Deployment) -> None:
    said = checked(acme, exported(acme, "--after", "2"), published(acme))
    assert (said.code, "links follow" in said.out) == (0, False)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("{}\n", ("--jwks", "JWKS"), "its last line is no receipt"),
        ("nothing\n", ("--jwks", "JWKS"), "a line is no event"),
        (None, ("--jwks", "JWKS"), "no such file or directory"),
        ("{}\n", (), "name the issuer's JWK Set"),
    ],
)
def test_what_is_no_export_is_refused(
    acme: Deployment, content: str | None, options: tuple[str, ...], message: str
) -> None:
    file, jwks = acme.folder / "some.ndjson", published(acme)
    if content is not None:
        file.write_text(content, "utf-8")
    given = [str(jwks) if each == "JWKS" else each for each in options]
    err = io.StringIO()
    code = cli.run(["audit", "verify", "--export", str(file), *given], environ={}, out=io.StringIO(), err=err)
    assert (code, message in err.getvalue()) == (2, True)
