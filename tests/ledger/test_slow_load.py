"""A snapshot that takes long to make, of many keys or on a busy machine: who reads holds no lock."""

from __future__ import annotations

import time

import pytest

from idjag.ledger.entry import Facts, Head, Reader, Unavailable, Verdict
from idjag.ledger.postgres import PostgresLedger
from idjag.ledger.postgres_wire import PATIENCE
from tests.ledger.parts import KEY, Policy, T, already, entry, load, postgres_ledger, yes
from tests.ledger.test_interleaved import rule

SLOW = PATIENCE + 1


def slowly(reader: Reader, tenant: str, head: Head) -> Policy:
    """Longer between two questions than a transaction that writes may stand still."""
    policy = load(reader, tenant, head)
    time.sleep(SLOW)
    return policy


def standing_still(_policy: Policy, _facts: Facts) -> Verdict[str]:
    time.sleep(SLOW)
    return yes("d-2")


@pytest.mark.soak
def test_a_snapshot_may_take_longer_than_a_lock_may_be_held(url: str) -> None:
    """P6: else a node with many signing keys could never start; a transaction that writes is still ended."""
    with postgres_ledger(url) as quick, PostgresLedger(url, load=slowly, chain_key=KEY, deadline=30) as slow:
        assert slow.fresh(T).seq == 0
        assert quick.commit(entry("rule", already(rule("rule", "s")))) == "yes"
        assert slow.commit(entry("d-1")) == "yes"
        assert slow.snapshot(T).scopes == {"s"}
        with pytest.raises(Unavailable):
            slow.commit(entry("d-2", standing_still))
