"""`idjag ras kek`: rotated beside a server that serves, cut off at every step, on both stores."""

from __future__ import annotations

import itertools
import json
from contextlib import closing
from pathlib import Path

import pytest

from idjag.kek_ring import load_keks
from idjag.kek_rotation import rotate
from idjag.ras.places import places
from idjag.ras.store_sql import open_database
from idjag.ras.store_sql.rewrapping import Rewrapping
from idjag.seal import KekRefused, key_id_of
from tests.cli.ras_deployment import FILE, RasDeployment, ras_deployment
from tests.cluster import Cluster
from tests.ras.stores import kek_in
from tests.ras.world import NOW


@pytest.fixture(params=["sqlite", "postgresql"])
def chat(request: pytest.FixtureRequest, tmp_path: Path) -> RasDeployment:
    """A deployment that has been served once."""
    kek = kek_in(tmp_path)
    text = f"{FILE}kek_file: {kek}\n"
    if request.param == "postgresql":
        postgres: Cluster = request.getfixturevalue("postgres")
        text += f'database_url: "{postgres.schema()}"\n'
    else:
        kek.unlink()  # it makes its own
    made = ras_deployment(tmp_path, text)
    with made.serving():
        pass
    return made


def file_of(chat: RasDeployment) -> Path:
    return places(chat.file).kek_file


def sealed_under(chat: RasDeployment) -> set[bytes]:
    """The keys that values are under; opening the database proves that all of them can be read."""
    with closing(open_database(places(chat.file).database, kek_file=file_of(chat))) as database:
        assert database.keys.signing(now=NOW) is not None
        return {key_id_of(value) for value in Rewrapping(database, NOW).sealed()}


def test_a_rotation_beside_a_server_brings_everything_under_the_new_key(chat: RasDeployment) -> None:
    """Attack case 208; the audit log has it, and verifies under the same key of its own."""
    [before] = load_keks(file_of(chat))
    with chat.serving() as server:
        token = server.token()
        assert chat.run("kek", "prepare").code == 0
        said = chat.run("kek", "rotate")
        assert (said.code, said.err) == (0, "")
        assert server.active(token)
        assert server.redeem().status == 200
        after = {kek.role: kek for kek in load_keks(file_of(chat))}
        assert after["old"].key == before.key
        assert sealed_under(chat) == {after["current"].sealer.key_id}
        assert chat.run("kek", "retire").out == f"1 old keys are gone from {file_of(chat)}\n"
        assert server.redeem().status == 200
    assert [kek.key for kek in load_keks(file_of(chat))] == [after["current"].key]
    with chat.serving() as server:
        assert server.active(token)
    names = [event["event"] for event in chat.events() if event["event"].startswith("kek.")]
    assert names == ["kek.created", "kek.activated", "kek.retired"]
    assert chat.run("audit", "verify").out == "verified\n"


@pytest.mark.parametrize("steps", range(1, 5))
def test_a_rotation_that_was_cut_off_leaves_everything_readable_and_goes_on(
    chat: RasDeployment, steps: int
) -> None:
    """Attack case 208."""
    with closing(open_database(places(chat.file).database, kek_file=file_of(chat))) as database:
        for _ in itertools.islice(rotate(file_of(chat), Rewrapping(database, NOW)), steps):
            assert sealed_under(chat)
    assert chat.run("kek", "prepare").code == 0
    assert chat.run("kek", "rotate").code == 0
    assert chat.run("kek", "retire").code == 0
    [only] = load_keks(file_of(chat))
    assert sealed_under(chat) == {only.sealer.key_id}


def test_the_status_says_when_a_key_is_missing(chat: RasDeployment) -> None:
    rows = json.loads(chat.run("kek", "status", "--json").out)
    assert [(row["role"], row["values"]) for row in rows] == [("current", 3)]
    assert chat.run("kek", "prepare").code == 0
    assert chat.run("kek", "rotate").code == 0
    lines = file_of(chat).read_text("ascii").splitlines()
    file_of(chat).write_text("".join(f"{line}\n" for line in lines if not line.startswith("old")), "ascii")
    assert chat.run("kek", "status").code == 0  # everything is under the new one
    file_of(chat).write_text(f"{lines[-1].removeprefix('old ')}\n", "ascii")
    with pytest.raises(KekRefused):
        open_database(places(chat.file).database, kek_file=file_of(chat))


def test_other_nodes_have_the_key_first(chat: RasDeployment, request: pytest.FixtureRequest) -> None:
    """Where the file is copied, nothing is sealed under a key that a node may not have."""
    said = chat.run("kek", "rotate")
    shared = "postgresql" in request.node.name
    assert said.code == (2 if shared else 0)
    assert ("idjag ras kek prepare" in said.err) == shared
