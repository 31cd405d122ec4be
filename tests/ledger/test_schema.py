"""The ledger's own tables, and the ids of one-time values."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from idjag.ledger.entry import Head, OneTime, Value
from idjag.ledger.schema import AUDIT_COLUMNS, OWN_TABLES, head_of, new_epoch, one_time_id, statements

ID = OneTime("jti", "https://idp.acme.example", "a", 7)


def test_the_statements_make_the_three_tables_and_may_run_twice() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in (*statements("sqlite"), *statements("sqlite")):
            connection.execute(statement)
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        columns = [row[1] for row in connection.execute("PRAGMA table_info(audit)")]
    assert tables == OWN_TABLES
    assert tuple(columns) == AUDIT_COLUMNS


def test_the_dialects_differ_in_the_name_of_octets_alone() -> None:
    sqlite, postgresql = statements("sqlite"), statements("postgresql")
    assert tuple(statement.replace("BLOB", "BYTEA") for statement in sqlite) == postgresql
    assert sqlite != postgresql


def test_equal_values_have_equal_ids_and_until_is_no_part() -> None:
    assert one_time_id("acme", replace(ID, until=9)) == one_time_id("acme", ID)
    assert len(one_time_id("acme", ID)) == 64


OTHERS = [
    pytest.param("other", ID, id="tenant"),
    pytest.param("acme", replace(ID, kind="code"), id="kind"),
    pytest.param("acme", replace(ID, scope="https://idp.acme.example/"), id="scope"),
    pytest.param("acme", replace(ID, value="b"), id="value"),
    pytest.param("acme", OneTime("jt", "ihttps://idp.acme.example", "a", 7), id="a letter moved"),
    pytest.param("acme", OneTime("jti", "https://idp.acme.examplea", "", 7), id="the value moved"),
]


@pytest.mark.parametrize(("tenant", "one_time"), OTHERS)
def test_every_part_makes_another_id(tenant: str, one_time: OneTime) -> None:
    assert one_time_id(tenant, one_time) != one_time_id("acme", ID)


def test_a_head_is_read_from_its_row() -> None:
    row: dict[str, Value] = {"tenant": "acme", "epoch": "e", "policy_seq": 1, "audit_no": 2, "link": b"l"}
    assert head_of(row) == Head("e", 1, 2, b"l")
    with pytest.raises(TypeError):
        head_of({**row, "link": "l"})


def test_epochs_are_random() -> None:
    assert new_epoch() != new_epoch()
