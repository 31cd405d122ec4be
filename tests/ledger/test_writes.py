"""Which facts a write may change: wrongly yes costs a transaction, wrongly no would be a lie."""

from __future__ import annotations

import pytest

from idjag.ledger.entry import Delete, Expire, Insert, Key, Update, Upsert, Write
from idjag.ledger.writes import may_reach

ALICE, RED = Key("people", "id", "alice"), Key("people", "team", "red")

REACHES = [
    pytest.param(Insert("people", {"id": "alice", "team": "blue"}), True, False, id="insert by id"),
    pytest.param(Insert("people", {"id": "bob", "team": "red"}), False, True, id="insert by column"),
    pytest.param(Insert("people", {"id": "bob"}), False, True, id="a default may be anything"),
    pytest.param(Insert("People", {"id": "alice", "team": "red"}), True, True, id="the table in capitals"),
    pytest.param(Insert("rules", {"id": "alice", "team": "red"}), False, False, id="another table"),
    pytest.param(Upsert("people", {"id": "alice", "team": "blue"}), True, True, id="it may have been red"),
    pytest.param(Upsert("people", {"id": "bob", "team": "blue"}), False, True, id="so may another"),
    pytest.param(Update("people", {"id": "bob"}, {"team": "red"}), False, True, id="update by id"),
    pytest.param(Update("people", {"team": "blue"}, {"team": "red"}), True, True, id="update by column"),
    pytest.param(Delete("people", {"id": "alice"}), True, True, id="delete by id"),
    pytest.param(Delete("people", {"team": None}), True, True, id="delete by column"),
    pytest.param(Expire("people", "epoch", 7, 10), True, True, id="whoever is too old"),
]


@pytest.mark.parametrize(("write", "alice", "red"), REACHES)
def test_a_write_may_reach_what_it_does_not_surely_miss(write: Write, *, alice: bool, red: bool) -> None:
    assert (may_reach(write, ALICE), may_reach(write, RED)) == (alice, red)


def test_a_number_may_be_stored_as_its_text() -> None:
    assert may_reach(Insert("people", {"id": "a", "team": 7}), Key("people", "team", "7"))
    assert may_reach(Insert("people", {"id": "a", "team": b"7"}), Key("people", "team", "7"))
    assert not may_reach(Insert("people", {"id": "a", "team": 8}), Key("people", "team", "7"))
