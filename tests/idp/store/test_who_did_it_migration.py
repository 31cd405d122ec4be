"""Revision 0008 over a log in use: what was there is found, and a row that was spoilt ends no upgrade."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from idjag.idp.store import schema
from idjag.idp.store.listing import Listing
from tests.cluster import Cluster
from tests.idp.store.large import NOW, event, fill

SPOILT = (
    "gone",
    "[1]",
    '{"actor":{"id":"a","kind":',
    '{"actor":7}',
    "",
    "{}",
    '{"actor":{"id":"a","kind":null}}',
)
ALICE = {"kind": "person", "id": "alice"}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a schema."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'idp.db'}"
    postgres: Cluster = request.getfixturevalue("postgres")
    return postgres.schema()


def found(url: str, value: str) -> list[object]:
    """The numbers of what they did."""
    with closing(Listing(url, "t")) as listing:
        rows = listing.audit(about={"actor": value}, since=None, until=None, before_no=None, limit=9)
    return [row["no"] for row in rows]


def test_a_log_of_before_is_found_and_goes_on(url: str) -> None:
    """Promise P11: who writes without knowing of the index, an older idjag, is found as well."""
    schema.upgrade(url)
    with schema.writing(url) as connection:
        command.downgrade(schema._config(connection), "0007")
    fill(url, "t", [event("login.succeeded", NOW + no, actor=ALICE) for no in range(len(SPOILT) + 1)], {})
    for no, body in enumerate(SPOILT, start=1):
        with schema.writing(url) as connection:
            told = {"body": body, "no": no}
            connection.execute(text("UPDATE audit SET body = :body WHERE no = :no"), told)
    assert schema.upgrade(url) == schema.head()
    assert found(url, "person:alice") == [len(SPOILT) + 1]
    with schema.writing(url) as connection:
        again = (
            "INSERT INTO audit SELECT tenant, no + 1, time + 1, event, decision_id, subject, requesting_app, "
        )
        more = "resource_app, jti, reason, body, salts, prev_hash, hash FROM audit WHERE no = :no"
        connection.execute(text(again + more), {"no": len(SPOILT) + 1})
    assert found(url, "person:alice") == [len(SPOILT) + 2, len(SPOILT) + 1]
    assert found(url, "person:a") == found(url, "system") == []
