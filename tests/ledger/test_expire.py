"""Rows that have expired leave in small steps, in both ledgers alike."""

from __future__ import annotations

import pytest

from idjag.ledger.entry import Expire, Key, Unavailable, Upsert, Write
from tests.ledger.parts import AnyLedger, entry, yes

RED = Key("people", "team", "red")


def commit(ledger: AnyLedger, decision_id: str, *writes: Write) -> None:
    verdict = yes(decision_id, writes=writes)
    assert ledger.commit(entry(decision_id, lambda _policy, _facts: verdict)) == "yes"


def left(ledger: AnyLedger) -> set[str]:
    return {str(row["id"]) for row in ledger.read([RED])(RED)}


def test_at_most_so_many_rows_go_at_once_and_none_that_is_alive(ledger: AnyLedger) -> None:
    """``epoch`` stands for the instant at which a row dies; that very instant is too late."""
    people = [
        Upsert("people", {"id": f"p{n}", "status": "active", "epoch": n, "team": "red"}) for n in range(1, 8)
    ]
    commit(ledger, "d-1", *people)
    expire = Expire("people", "epoch", now=5, limit=3)
    commit(ledger, "d-2", expire)
    assert len(left(ledger)) == 4
    commit(ledger, "d-3", expire)
    assert left(ledger) == {"p6", "p7"}
    commit(ledger, "d-4", expire)
    assert left(ledger) == {"p6", "p7"}


def test_an_expiry_says_how_many_and_never_reaches_the_ledger_s_own_tables(ledger: AnyLedger) -> None:
    """A limit below one means none to some databases, and all to others."""
    commit(ledger, "d-1", Expire("people", "epoch", now=5, limit=1))
    for wrong in (Expire("people", "epoch", now=5, limit=0), Expire("audit", "time", now=5, limit=1)):
        with pytest.raises(Unavailable):
            commit(ledger, "d-2", wrong)
