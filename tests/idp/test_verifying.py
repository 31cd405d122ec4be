"""The audit log is verified while everything serves: by one node, a little at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from idjag.idp.app import assemble
from idjag.idp.store.listing import Listing
from idjag.idp.verifications import TABLE, Verifications
from idjag.idp.verifying import EVERY, Verifying
from idjag.ledger.entry import Unavailable
from idjag.ledger.verification import verify
from idjag.ledger.verified import Known
from tests.idp.api.bureau import Bureau
from tests.idp.grants.acme import CHAIN_KEY, TENANT, Acme, acme
from tests.idp.logged import record
from tests.ledger.parts import sql

DAY = 86_400


@dataclass(slots=True)
class Watched:
    """A running IdP on a file, whose log is verified."""

    acme: Acme
    path: Path
    kept: Verifications
    verifying: Verifying

    def record(self, rows: int) -> None:
        """So many rows, in batches of ten."""
        record(self.acme, rows)

    def look(self, seconds: int = EVERY) -> Known:
        """What is known so many seconds later, after a node had its turn."""
        self.acme.clock.now += seconds
        self.verifying.run(lambda _seconds: False)
        known = self.kept.known()
        assert known is not None
        return known

    def edit(self, no: int, reason: str | None = "x") -> None:
        """What somebody with the file does."""
        sql(self.path, "UPDATE audit SET reason = ? WHERE no = ?", reason, no)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    path = tmp_path / "idjag.db"
    tmp_path.chmod(0o700)
    with acme(database=path) as running:
        kept = Verifications(running.ledger, TENANT, CHAIN_KEY, running.clock, running.new_id)
        yield Watched(running, path, kept, Verifying(running.ledger, kept, f"sqlite:///{path}", "node-1"))


def test_a_short_log_is_read_from_end_to_end_every_few_minutes(watched: Watched) -> None:
    assert watched.kept.known() is None
    watched.record(20)
    first = watched.look()
    assert (first.no, first.whole_no, first.by) == (watched.acme.ledger.head(TENANT).audit_no,) * 2 + (
        "node-1",
    )
    watched.record(10)
    assert watched.look(EVERY - 1) == first
    later = watched.look(1)
    assert (later.no, later.whole_time) == (first.no + 10, watched.acme.clock.now)
    assert verify(watched.acme.ledger, TENANT, key=CHAIN_KEY).broken is None


def test_nothing_that_is_quiet_is_written_but_the_time(watched: Watched) -> None:
    """An idle server leaves no events."""
    watched.look()
    rows = watched.acme.ledger.head(TENANT).audit_no
    assert watched.look().time == watched.acme.clock.now
    assert watched.acme.ledger.head(TENANT).audit_no == rows


def test_a_tampered_row_is_told_once_in_the_log_and_to_the_operator(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """Attack case 202."""
    watched.record(20)
    watched.look()
    assert watched.acme.events("audit.broken") == []
    watched.edit(7)
    with caplog.at_level(logging.ERROR, logger="idjag.idp.verifying"):
        assert (watched.look().broken_no, watched.look().broken_no) == (7, 7)
    assert [record.getMessage() for record in caplog.records] == [
        "the audit log is broken row=7 why='its columns do not agree with its body'"
    ]
    [event] = watched.acme.events("audit.broken")
    assert (event["after"]["row"], event["after"]["by"]) == (7, "node-1")
    watched.edit(7, None)
    assert watched.look().broken_no == 0
    [mended] = watched.acme.events("audit.mended")
    assert mended["after"]["row"] == 7


def test_a_long_log_is_read_by_a_process_of_its_own_and_again_for_who_asks(watched: Watched) -> None:
    watched.record(50)
    watched.verifying = replace(watched.verifying, few=20)
    known = watched.look()
    assert (known.whole_no, known.broken_no) == (watched.acme.ledger.head(TENANT).audit_no, 0)
    watched.edit(9)
    assert watched.look().broken_no == 0  # only what is new
    watched.kept.ask()
    known = watched.look(60)
    assert (known.broken_no, known.wanted) == (9, False)


def test_a_long_log_is_read_again_every_day(watched: Watched) -> None:
    watched.record(50)
    watched.look()
    watched.verifying = replace(watched.verifying, few=20)
    watched.edit(9)
    assert watched.look(DAY - 1).broken_no == 0
    assert watched.look(EVERY).broken_no == 9


def test_a_process_that_fails_is_a_failure_and_nothing_is_said_to_be_verified(watched: Watched) -> None:
    watched.record(50)
    watched.verifying = replace(watched.verifying, few=20, url=f"sqlite:///{watched.path.parent / 'no.db'}")
    with pytest.raises(Unavailable, match="process"):
        watched.look()
    assert watched.kept.known() is None


def test_a_process_is_ended_when_the_server_stops(watched: Watched) -> None:
    watched.record(50)
    watched.acme.clock.now += EVERY
    watched.verifying = replace(watched.verifying, few=20)
    with pytest.raises(Unavailable):
        watched.verifying.run(lambda _seconds: True)
    assert watched.kept.known() is None


def test_more_than_waits_for_its_time_is_read_at_once(watched: Watched) -> None:
    watched.verifying = replace(watched.verifying, most=10)
    first = watched.look()
    watched.record(10)
    assert watched.look(60) == first
    watched.record(10)
    assert watched.look(60).no == first.no + 20


def test_of_two_nodes_one_verifies(watched: Watched) -> None:
    watched.acme.clock.now += EVERY
    now = watched.acme.clock.now
    assert (watched.kept.claim(now=now), watched.kept.claim(now=now)) == (True, False)
    watched.verifying.run(lambda _seconds: False)
    assert watched.kept.known() is None
    assert watched.kept.claim(now=now + 60)


def test_what_others_have_written_is_no_verification(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever writes to the database cannot say that it was verified."""
    watched.record(20)
    watched.look()
    watched.edit(7)
    (row,) = sql(watched.path, f"SELECT note FROM {TABLE}")  # noqa: S608
    forged = row["note"].replace('"broken_no":0', '"broken_no":0 ').replace('"no":', '"no":1')
    sql(watched.path, f"UPDATE {TABLE} SET note = ?", forged)  # noqa: S608
    with pytest.raises(ValueError, match="not written with this database's key"):
        watched.kept.known()
    assert watched.look().broken_no == 7
    assert "beginning anew" in caplog.text


def test_the_admin_api_says_what_is_known(watched: Watched) -> None:
    services = replace(watched.acme.services, verifications=watched.kept)
    with closing(Listing(f"sqlite:///{watched.path}", TENANT)) as lookups:
        office = Bureau(watched.acme, assemble(services, lookups=lookups))

        def said() -> dict[str, object]:
            return dict(office("auditor", "GET", "/audit/chain").json())

        assert (said()["standing"], said()["verified_up_to"]) == ("first", None)
        known = watched.look()
        assert (said()["standing"], said()["verified_up_to"]) == ("verified", known.no)
        watched.edit(3)
        watched.look()
        assert (said()["standing"], said()["broken_row"]) == ("broken", 3)
        assert office("viewer", "GET", "/audit/chain").status_code == 403
