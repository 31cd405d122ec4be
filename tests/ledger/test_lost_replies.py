"""A COMMIT whose fate nobody knows: the ledger in PostgreSQL behind a network that loses one message."""

from __future__ import annotations

import time

import pytest

from idjag.ledger.entry import Facts, Unavailable, Verdict
from idjag.ledger.postgres import PostgresLedger
from idjag.ledger.trail import check
from tests.ledger.parts import KEY, LONG, Policy, T, decision_ids, entry, is_ready, jti, postgres_ledger, yes
from tests.ledger.proxy import Loses, between


def answered(ledger: PostgresLedger[Policy], decision_id: str, *, value: str) -> str:
    """Ask for one id until there is an answer."""
    until = time.monotonic() + LONG
    while True:
        try:
            return ledger.commit(entry(decision_id, on_success=(jti(value),)))
        except Unavailable:
            assert time.monotonic() < until


@pytest.mark.parametrize(
    ("loses", "durable"),
    [(Loses.NOTHING, True), (Loses.MESSAGE, False), (Loses.REPLY, True), (Loses.REPLY_IN_SILENCE, True)],
    ids=lambda value: value.name.lower() if isinstance(value, Loses) else "",
)
def test_a_commit_whose_outcome_is_unknown_gives_no_reply_and_is_not_tried_again(
    url: str, loses: Loses, *, durable: bool
) -> None:
    """P1, P4, P6, architecture section 4.3: whichever way it went, nobody holds what is used or unrecorded.

    What the database has made durable stays so: the id is used, though nobody had anything for it.
    """
    decided = list[str]()

    def decide(_policy: Policy, _facts: Facts) -> Verdict[str]:
        decided.append("d-1")
        return yes("d-1")

    with between(url) as (proxy, through), postgres_ledger(through, deadline=LONG) as ledger:
        assert ledger.commit(entry("d-0", on_success=(jti("z"),))) == "yes"
        proxy.loses = loses
        asked = entry("d-1", decide, on_success=(jti("a"),))
        if loses is Loses.NOTHING:
            assert ledger.commit(asked) == "yes"
        else:
            with pytest.raises(Unavailable):
                ledger.commit(asked)
            assert proxy.lost.is_set()
        assert answered(ledger, "d-2", value="a") == ("lost" if durable else "yes")
        assert decided == ["d-1"]
        assert decision_ids(ledger) == ["d-0", *["d-1"] * durable, "d-2"]
        assert is_ready(ledger)
        assert check(ledger, T, key=KEY) is None


def test_entries_that_come_while_an_answer_is_waited_for_have_their_turn_on_the_next_connection(
    url: str,
) -> None:
    """P6: a lost reply costs its own batch, and nobody behind it."""
    with between(url) as (proxy, through), postgres_ledger(through, deadline=LONG) as ledger:
        proxy.loses = Loses.REPLY_IN_SILENCE
        first = ledger.submit(entry("d-1", on_success=(jti("a"),)))
        assert proxy.lost.wait(LONG)
        later = [ledger.submit(entry(f"later-{n}", on_success=(jti(f"b-{n}"),))) for n in range(5)]
        with pytest.raises(Unavailable):
            first.result(LONG)
        assert [each.result(LONG) for each in later] == ["yes"] * 5
        assert decision_ids(ledger) == ["d-1", *(f"later-{n}" for n in range(5))]
