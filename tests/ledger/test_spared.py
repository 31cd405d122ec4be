"""A verdict that spares what came with a request: nothing of it is used up."""

from __future__ import annotations

from dataclasses import replace

from tests.ledger.parts import AnyLedger, already, audit, code, entry, jti, no


def test_a_verdict_that_spares_burns_nothing_at_all(ledger: AnyLedger) -> None:
    """Attack case 38: who is told to wait may come again with what they brought; recorded all the same."""
    waiting = replace(no("d-1"), spares=True)
    spared = entry("d-1", already(waiting), always=(code("c"),), on_success=(jti("a"),))
    assert ledger.commit(spared) == "no"
    assert len(audit(ledger)) == 1
    assert ledger.commit(entry("d-2", always=(code("c"),), on_success=(jti("a"),))) == "yes"
    assert ledger.commit(entry("d-3", already(waiting), always=(code("c"),))) == "lost"
