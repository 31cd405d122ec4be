"""`kek rotate` reaches the seeds of authenticator apps, all of them, and their codes are good afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmodel import SQLModel

from idjag.idp.factors.proof import Proof
from idjag.idp.store.kek_rewrap import TABLES, Rewrapping
from idjag.kek_ring import Kek, KekRing
from idjag.ledger.entry import Insert
from idjag.seal import KekSealer, SealBroken, context_of, key_id_of
from tests.idp.factors.acme import SEALER, TENANT, Acme, acme

OLD, NEW = bytes(range(1, 33)), bytes(range(101, 133))
MANY = 120  # more than are brought over at a time


def fill(here: Acme) -> None:
    """Seeds of many people."""
    for number in range(MANY):
        id_ = f"c-{number:03}"
        sealed = SEALER.seal(b"s" * 20, context=context_of(TENANT, "credential", "sealed", id_))
        row = here.new(f"p-{number}").row("totp", sealed=sealed).row
        here.write(Insert("credential", {**row, "id": id_}))


def test_a_rotation_reaches_every_seed(tmp_path: Path) -> None:
    """Architecture section 7: passwords and passkeys, in the same table, have nothing sealed."""
    path = tmp_path / "idjag.db"
    ring, new = KekRing(lambda: (Kek("current", OLD), Kek("next", NEW))), KekSealer(NEW)
    rewrap = Rewrapping(f"sqlite:///{path}")
    with acme(path) as here:
        id_ = here.add_totp()
        fill(here)
        passwords = here.rows("password")
        assert {key_id_of(row.sealed) for row in rewrap.rows("credential")} == {SEALER.key_id}
        assert rewrap(ring, new) == MANY + 1
        assert rewrap(ring, new) == 0
        assert {key_id_of(row.sealed) for row in rewrap.rows("credential")} == {new.key_id}
        assert len(list(rewrap.rows("credential"))) == MANY + 1
        assert here.rows("password") == passwords
        here.now += 60
        with pytest.raises(SealBroken):
            here.show_code_with(SEALER, here.code(id_))
        assert isinstance(here.show_code_with(new, here.code(id_)), Proof)


def test_a_rotation_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "idjag.db"
    ring, new = KekRing(lambda: (Kek("current", OLD), Kek("next", NEW))), KekSealer(NEW)
    rewrap = Rewrapping(f"sqlite:///{path}")
    with acme(path) as here:
        fill(here)
        page = next(rewrap._pages("credential"))
        rewrap._write("credential", page, ring=ring, to=new)
        assert 0 < len(page) < MANY
        assert rewrap(ring, new) == MANY - len(page)


def test_every_table_with_something_sealed_is_known() -> None:
    """A column that nobody re-wraps would lose its contents with the old key."""
    tables = {name for name, table in SQLModel.metadata.tables.items() if "sealed" in table.columns}
    assert tables == set(TABLES)
