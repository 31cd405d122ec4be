"""Rows that no batch has counted are counted once, in the order of the log, while others go on writing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import text

from idjag.idp.store import schema
from idjag.idp.store.counting import Counting
from idjag.ledger.entry import Row
from idjag.ledger.postgres import PostgresLedger
from idjag.ledger.sqlite import SqliteLedger
from tests.cluster import Cluster
from tests.ledger.parts import KEY, OWNERS_TABLES, Policy, T, audit, load
from tests.ledger.test_counts import counted, record, same

AnyDurable = SqliteLedger[Policy] | PostgresLedger[Policy]


@dataclass(slots=True)
class Place:
    """A database, an idjag that counts, and an older one beside it that does not."""

    url: str
    node: AnyDurable
    older: AnyDurable

    @property
    def counting(self) -> Counting:
        return Counting(self.node, self.url, T)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        tmp_path.chmod(0o700)
        path = tmp_path / "idjag.db"
        url = f"sqlite:///{path}"
    else:
        postgres: Cluster = request.getfixturevalue("postgres")
        url = postgres.schema()
    schema.upgrade(url)
    with schema.writing(url) as connection:
        for statement in OWNERS_TABLES:
            connection.execute(text(statement))

    def ledger(*, counting: bool) -> AnyDurable:
        if request.param == "sqlite":
            return SqliteLedger(path, load=load, chain_key=KEY, counting=counting)
        return PostgresLedger(url, load=load, chain_key=KEY, counting=counting)

    with ExitStack() as stack:
        nodes = [ledger(counting=True), ledger(counting=False)]
        nodes[0].open_tenant(T)
        for each in nodes:
            stack.enter_context(each)
        yield Place(url, *nodes)


def test_what_an_older_idjag_wrote_is_counted_and_then_every_batch_counts_again(place: Place) -> None:
    for number in range(3):
        record(place.node, number)
    for number in range(3, 9):
        record(place.older if number % 2 else place.node, number)
    before = counted(place.node)
    place.counting.run()
    same(place.node)
    assert counted(place.node) != before
    record(place.node, 10)
    same(place.node)


def test_to_count_twice_changes_nothing(place: Place) -> None:
    record(place.older, 1)
    for _ in range(2):
        place.counting.run()
        same(place.node)


@pytest.mark.parametrize("page", [1, 3])
def test_pages_of_any_size_come_to_the_same(place: Place, page: int) -> None:
    for number in range(10):
        record(place.older, number)
    replace(place.counting, page=page).run()
    same(place.node)


def test_two_nodes_may_count_while_others_write(place: Place) -> None:
    """Each row once, however they get in each other's way."""
    for number in range(40):
        record(place.older, number)

    def write() -> None:
        for number in range(100, 140):
            record(place.node if number % 3 else place.older, number)

    threads = [threading.Thread(target=each) for each in (write, place.counting.run, place.counting.run)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    place.counting.run()
    same(place.node)
    assert len(audit(place.node)) == 80


class Overtaken:
    """A log, whose reader is overtaken by another node as soon as it has a page."""

    def __init__(self, place: Place) -> None:
        self.place, self.first = place, True

    def audit_rows(self, tenant: str, *, after_no: int, limit: int) -> list[Row]:
        """A page, and what happened meanwhile."""
        rows = self.place.node.audit_rows(tenant, after_no=after_no, limit=limit)
        if self.first:
            self.first = False
            self.place.counting.run()
        return rows


def test_a_page_that_another_node_has_counted_is_left_alone(place: Place) -> None:
    for number in range(10):
        record(place.older, number)
    Counting(Overtaken(place), place.url, T, page=4).run()
    same(place.node)


def test_what_is_about_forgotten_times_alone_goes(place: Place) -> None:
    for number in range(30):
        record(place.node, number)
    times = sorted(int(str(row["time"])) for row in audit(place.node))
    before = times[15]
    place.counting.forget(before)
    left = counted(place.node)
    assert left
    assert all(key[2] > before - 3600 for key in left if key[0] == "hour")
    assert all(last >= before for key, (_, _, last) in left.items() if key[0] == "ever")
    kept = sum(tally[0] for key, tally in left.items() if key[0] == "hour")
    assert kept >= 15
