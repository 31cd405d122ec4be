"""Retention: the oldest part of the audit log goes, and what stays verifies from a signed new start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from idjag.idp.retention import Retention
from idjag.ledger import chain
from idjag.ledger.entry import Event, Unavailable
from idjag.ledger.events import ready_event
from idjag.ledger.schema import AUDIT_COLUMNS
from idjag.ledger.verification import Verified, verify
from tests.idp.grants.acme import CHAIN_KEY, NOW, TENANT, Acme, acme
from tests.idp.logged import record
from tests.ledger.parts import sql

DAY = 86_400


@dataclass(slots=True)
class Kept:
    """A running IdP on a file, whose log is kept for ten days."""

    acme: Acme
    path: Path
    retention: Retention

    def record(self, rows: int) -> None:
        """So many rows, in batches of ten."""
        record(self.acme, rows)

    def prune(self, *, stop_after: int = 1_000_000) -> None:
        """One run, told to stop after so many steps."""
        steps = iter(range(stop_after))
        self.retention.run(lambda _seconds: next(steps, None) is None)

    def verified(self) -> Verified:
        return verify(self.acme.ledger, TENANT, key=CHAIN_KEY)

    def numbers(self) -> list[int]:
        return [int(row["no"]) for row in sql(self.path, "SELECT no FROM audit ORDER BY no")]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    path = tmp_path / "idjag.db"
    tmp_path.chmod(0o700)
    with acme(database=path) as running:
        retention = Retention(
            running.ledger, f"sqlite:///{path}", TENANT, 10 * DAY, CHAIN_KEY, running.clock, running.new_id
        )
        yield Kept(running, path, retention)


def test_what_is_too_old_goes_and_the_rest_verifies(kept: Kept) -> None:
    kept.record(1500)
    old = kept.verified().last
    kept.acme.clock.now = NOW + 11 * DAY
    kept.record(20)
    kept.prune()
    assert kept.numbers() == list(range(old + 1, old + 22))
    done = kept.verified()
    assert (done.broken, done.first, done.last) == (None, old + 1, old + 21)
    assert done.start is not None
    assert done.start.until == NOW + DAY
    [event] = kept.acme.events("audit.pruned")
    assert event["after"]["no"] == old


def test_nothing_that_is_younger_goes(kept: Kept) -> None:
    kept.record(1500)
    kept.acme.clock.now = NOW + 10 * DAY - 1
    kept.prune()
    assert (kept.numbers()[0], kept.acme.events("audit.pruned")) == (1, [])
    kept.acme.clock.now += 1
    kept.prune()
    assert kept.numbers()[0] > 1000


def test_a_quiet_log_is_pruned_once_a_day_at_the_most(kept: Kept) -> None:
    kept.record(20)
    kept.acme.clock.now = NOW + 11 * DAY - 1
    kept.prune()
    assert kept.numbers()[0] == 1
    kept.acme.clock.now += 1
    kept.prune()
    kept.prune()
    assert len(kept.acme.events("audit.pruned")) == 1
    assert kept.verified().broken is None


def test_a_batch_is_not_cut_in_two(kept: Kept) -> None:
    """Entries of one batch may have different times: a start in its middle would verify nothing."""
    kept.record(1000)
    before = kept.acme.ledger.head(TENANT)
    prev, rows = before.link, []
    for no, time in ((1, NOW), (2, NOW + 11 * DAY)):
        event = ready_event(Event("login.failed", {"decision_id": "d"}), tenant=TENANT, now=time)
        rows.append(chain.row(event, no=before.audit_no + no, prev=prev, key=CHAIN_KEY))
        prev = bytes.fromhex(str(rows[-1]["hash"]))
    names = ", ".join("?" * len(AUDIT_COLUMNS))
    for row in rows:
        sql(kept.path, f"INSERT INTO audit VALUES ({names})", *(row[name] for name in AUDIT_COLUMNS))  # noqa: S608
    link = chain.link_after(before.link, prev)
    sql(kept.path, "UPDATE ledger_head SET audit_no = audit_no + 2, link = ?", link)
    assert kept.verified().broken is None
    kept.acme.clock.now = NOW + 12 * DAY
    kept.prune()
    assert kept.numbers()[0] == before.audit_no + 1
    assert kept.verified().broken is None


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_run_that_is_cut_off_leaves_a_log_that_verifies_and_the_next_one_ends_it(
    kept: Kept, steps: int
) -> None:
    kept.record(3000)
    kept.acme.clock.now = NOW + 11 * DAY
    kept.record(10)
    kept.prune(stop_after=6 + steps)  # six pages are read before
    assert 1 < kept.numbers()[0] < 3000
    assert kept.verified().broken is None
    kept.prune()
    assert kept.numbers()[0] > 3000
    assert kept.verified().broken is None


def test_a_log_that_was_tampered_with_is_not_pruned(kept: Kept) -> None:
    """What is forgotten could never be found any more."""
    kept.record(1500)
    kept.acme.clock.now = NOW + 11 * DAY
    sql(kept.path, "UPDATE audit SET reason = 'x' WHERE no = 700")
    with pytest.raises(Unavailable, match="broken at row 700"):
        kept.prune()
    assert kept.numbers()[0] == 1
    assert kept.acme.events("audit.pruned") == []


def test_one_start_follows_another(kept: Kept) -> None:
    for _ in range(3):
        kept.record(1200)
        kept.acme.clock.now += 11 * DAY
        kept.prune()
    kept.record(10)
    assert kept.verified().broken is None
    assert len(kept.numbers()) < 1300
