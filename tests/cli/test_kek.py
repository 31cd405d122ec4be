"""`idjag kek`: rotated while others hold the old key, cut off at every step, and everything is readable."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest

from idjag.idp.keys import load as load_keys
from idjag.idp.settings import Settings
from idjag.idp.store.kek import open_sealer
from idjag.idp.store.kek_rewrap import Rewrapping
from idjag.kek_ring import KekRing, changing, file_ring, load_keks
from idjag.kek_rotation import retire, rotate
from idjag.seal import KekRefused, SealBroken, key_id_of
from tests.cli.deployment import Deployment, deployed
from tests.ledger.parts import sql


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    return deployed(tmp_path)


def file_of(acme: Deployment) -> Path:
    return acme.folder / "data" / "kek"


def rewrapping(acme: Deployment) -> Rewrapping:
    return Rewrapping(f"sqlite:///{acme.folder / 'data' / 'idjag.db'}")


def readable(acme: Deployment, ring: KekRing) -> bool:
    """Whether a process with this ring can read every sealed value there is."""
    rows = sql(acme.folder / "data" / "idjag.db", "SELECT * FROM signing_key")
    settings = Settings.load(
        {"IDJAG_ISSUER": "https://idp.acme.example", "IDJAG_DATA_DIR": str(acme.folder / "data")}
    )
    open_sealer(settings, now=1)
    return len(load_keys(rows, ring).verifying(now=1).to_dict()["keys"]) == len(rows)  # type: ignore[arg-type]


def key_ids(acme: Deployment) -> set[bytes]:
    path = acme.folder / "data" / "idjag.db"
    rows = sql(path, "SELECT sealed FROM signing_key UNION ALL SELECT sealed FROM kek_check")
    return {key_id_of(row["sealed"]) for row in rows}


def test_a_rotation_brings_everything_under_the_new_key(acme: Deployment) -> None:
    """Attack case 208."""
    [before] = load_keks(file_of(acme))
    said = acme.run("kek", "rotate")
    assert (said.code, said.err) == (0, "")
    after = {kek.role: kek for kek in load_keks(file_of(acme))}
    assert after["old"].key == before.key
    assert key_ids(acme) == {after["current"].sealer.key_id} != {before.sealer.key_id}
    assert file_of(acme).stat().st_mode & 0o777 == 0o600
    assert acme.run("kek", "retire").out == f"1 old keys are gone from {file_of(acme)}\n"
    assert [kek.key for kek in load_keks(file_of(acme))] == [after["current"].key]
    assert acme.run("audit", "verify").out == "verified\n"
    names = [event["event"] for event in acme.events() if event["event"].startswith("kek.")]
    assert names == ["kek.activated", "kek.retired"]


@pytest.mark.parametrize("steps", range(5))
def test_a_rotation_that_was_cut_off_anywhere_leaves_everything_readable_and_goes_on(
    acme: Deployment, steps: int
) -> None:
    """Attack case 208: for processes that have read the file before, and for new ones."""
    serving = file_ring(file_of(acme))
    for _ in itertools.islice(rotate(file_of(acme), rewrapping(acme)), steps):
        assert readable(acme, serving)
    assert readable(acme, serving)
    assert readable(acme, file_ring(file_of(acme)))
    assert acme.run("kek", "rotate").code == 0
    assert readable(acme, serving)
    assert acme.run("kek", "retire").code == 0
    assert readable(acme, serving)
    assert len(key_ids(acme)) == 1


@pytest.mark.parametrize("values", range(5))
def test_a_rotation_that_was_cut_off_between_two_values_leaves_everything_readable(
    acme: Deployment, values: int
) -> None:
    serving = file_ring(file_of(acme))

    class Cut(Exception):
        """As a kill would be."""

    left = itertools.count(values, -1)

    def rewrap(ring: KekRing, to: object) -> int:
        one = Rewrapping(rewrapping(acme).url)

        class OneByOne(KekRing):
            def rewrap(self, sealed: bytes, *, context: str, to: object) -> bytes:
                if next(left) == 0:
                    raise Cut
                return super().rewrap(sealed, context=context, to=to)  # type: ignore[arg-type]

        return one(OneByOne(lambda: load_keks(file_of(acme))), to)  # type: ignore[arg-type]

    with pytest.raises(Cut):
        for _ in rotate(file_of(acme), rewrap):
            pass
    assert readable(acme, serving)
    assert readable(acme, file_ring(file_of(acme)))
    assert acme.run("kek", "rotate").code == 0
    assert readable(acme, serving)


def test_what_was_sealed_with_the_old_key_meanwhile_is_not_lost(acme: Deployment) -> None:
    """A process that read the file before seals under the old key; nothing retires that key then."""
    before = load_keks(file_of(acme))
    late = KekRing(lambda: before)
    acme.run("kek", "rotate")
    path = acme.folder / "data" / "idjag.db"
    [row] = sql(path, "SELECT * FROM kek_check WHERE id = 'kek'")
    current = file_ring(file_of(acme))
    plain = current.open(row["sealed"], context="/kek_check/sealed/kek")
    sealed = late.seal(plain, context="/kek_check/sealed/kek")
    sql(path, "UPDATE kek_check SET sealed = ? WHERE id = 'kek'", sealed)
    assert len(key_ids(acme)) == 2
    assert acme.run("kek", "retire").code == 0
    assert len(key_ids(acme)) == 1
    assert readable(acme, file_ring(file_of(acme)))


def test_a_key_that_is_still_needed_and_not_there_is_said(acme: Deployment) -> None:
    kek = file_of(acme)
    before = kek.read_text("ascii")
    next(itertools.islice(rotate(kek, rewrapping(acme)), 1, None))  # values are under the next key
    kek.write_text(before, "ascii")
    status = acme.run("kek", "status", "--json")
    assert (status.code, {row["role"] for row in status.json}) == (1, {"current", "missing"})
    started = acme.run("apply", "-f", str(acme.folder / "state.yaml"))
    assert (started.code, "not the key-encryption key of the database" in started.err) == (3, True)


def test_status_counts_what_is_under_which_key(acme: Deployment) -> None:
    acme.run("kek", "rotate")
    status = acme.run("kek", "status", "--json")
    assert (status.code, {row["role"]: row["values"] for row in status.json}) == (0, {"current": 5, "old": 0})


def test_two_rotations_at_once_are_one(acme: Deployment) -> None:
    with changing(file_of(acme)):
        said = acme.run("kek", "rotate")
    assert (said.code, said.err.count("\n"), "another rotation" in said.err) == (3, 1, True)
    assert len(load_keks(file_of(acme))) == 1


def test_retiring_waits_for_the_rotation(acme: Deployment) -> None:
    assert acme.run("kek", "prepare").code == 0
    said = acme.run("kek", "retire")
    assert (said.code, "a rotation is under way" in said.err) == (3, True)
    with pytest.raises(KekRefused, match="under way"):
        retire(file_of(acme), rewrapping(acme))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("next {a}\n", "one line must be a key alone", id="nothing seals"),
        pytest.param("{a}\n{b}\n", "one line must be a key alone", id="two that seal"),
        pytest.param("{a}\nnext {b}\nnext {c}\n", "one line must be a key alone", id="two that come"),
        pytest.param("{a}\nolder {b}\n", "a line is a key", id="an unknown word"),
        pytest.param("{a}\nold {a}\n", "the same key stands there twice", id="one key twice"),
    ],
)
def test_a_file_that_leaves_open_what_is_meant_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "kek"
    path.touch(mode=0o600)
    a, b, c = (os.urandom(32).hex() for _ in range(3))
    path.write_text(text.format(a=a, b=b, c=c), "ascii")
    with pytest.raises(KekRefused, match=why) as refused:
        file_ring(path)
    assert a not in str(refused.value)
    path.write_text(f"{a}\nnext {b}\nold {c}\n", "ascii")
    assert [kek.role for kek in file_ring(path).keks] == ["current", "next", "old"]


def test_a_key_that_is_in_no_ring_opens_nothing(tmp_path: Path) -> None:
    rings = [file_ring(tmp_path / name, create=True) for name in ("a", "b")]
    sealed = rings[0].seal(b"x", context="p")
    assert rings[0].open(sealed, context="p") == b"x"
    with pytest.raises(SealBroken, match="another key-encryption key"):
        rings[1].open(sealed, context="p")
    assert json.dumps(repr(rings[0])).count((tmp_path / "a").read_text("ascii").strip()) == 0
