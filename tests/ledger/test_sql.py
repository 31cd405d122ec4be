"""The SQL of the owners' rows."""

from __future__ import annotations

import pytest

from idjag.ledger.entry import Delete, Insert, Row, Update, Upsert, Write
from idjag.ledger.sql import Statement, select, select_any, write_statement

STATEMENTS = [
    pytest.param(
        Insert("people", {"id": "a", "team": None}),
        ('INSERT INTO "people" ("id", "team") VALUES (%s, %s)', ("a", None)),
        id="insert",
    ),
    pytest.param(
        Upsert("t", {"id": "a", "b": "c"}),
        (
            'INSERT INTO "t" ("id", "b") VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET "b" = excluded."b"',
            ("a", "c"),
        ),
        id="upsert",
    ),
    pytest.param(
        Upsert("people", {"id": "a"}),
        ('INSERT INTO "people" ("id") VALUES (%s) ON CONFLICT (id) DO NOTHING', ("a",)),
        id="upsert of an id alone",
    ),
    pytest.param(
        Update("people", {"team": None, "id": "a"}, {"team": "red", "epoch": 2}),
        ('UPDATE "people" SET "team" = %s, "epoch" = %s WHERE "team" IS NULL AND "id" = %s', ("red", 2, "a")),
        id="update",
    ),
    pytest.param(
        Delete("people", {"id": "a"}), ('DELETE FROM "people" WHERE "id" = %s', ("a",)), id="delete"
    ),
]


@pytest.mark.parametrize(("write", "statement"), STATEMENTS)
def test_a_write_is_one_statement(write: Write, statement: Statement) -> None:
    assert write_statement(write, mark="%s") == statement


@pytest.mark.parametrize(
    ("where", "statement"),
    [
        (None, ('SELECT * FROM "people"', ())),
        ({"id": "a"}, ('SELECT * FROM "people" WHERE "id" = ?', ("a",))),
        ({"id": None}, ('SELECT * FROM "people" WHERE "id" IS NULL', ())),
    ],
)
def test_rows_are_selected_by_equality(where: Row | None, statement: Statement) -> None:
    assert select("people", where, mark="?") == statement


@pytest.mark.parametrize("name", ['people" --', "people;", "", "a b", "a.b", 'a"'])
def test_what_is_no_identifier_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        select(name, None, mark="?")
    with pytest.raises(ValueError, match="identifier"):
        select("people", {name: "a"}, mark="?")
    with pytest.raises(ValueError, match="identifier"):
        write_statement(Insert("people", {"id": "a", name: "b"}), mark="?")
    with pytest.raises(ValueError, match="identifier"):
        write_statement(Update("people", {"id": "a"}, {name: "b"}), mark="?")


@pytest.mark.parametrize(
    ("values", "marks", "filled"),
    [
        pytest.param(["a"], "?", ("a",), id="one"),
        pytest.param(["a", "b"], "?, ?", ("a", "b"), id="two"),
        pytest.param(["a", "b", "c"], "?, ?, ?, ?", ("a", "b", "c", "c"), id="three in the room of four"),
    ],
)
def test_many_values_are_asked_for_by_few_texts(
    values: list[str], marks: str, filled: tuple[str, ...]
) -> None:
    text, given = select_any("people", "id", values, mark="?")
    assert text.split(" WHERE ") == ['SELECT * FROM "people"', f'"id" IN ({marks})']
    assert given == filled
