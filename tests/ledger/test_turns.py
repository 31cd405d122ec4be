"""Clients take turns in the line before the writer: one that floods it keeps nobody else out."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace

import pytest

from idjag.ledger.committer import Committer
from idjag.ledger.entry import Facts, Unavailable, Verdict
from idjag.ledger.waiting import MOST_OF_ONE_CLIENT
from tests.ledger.parts import LONG, Policy, entry, yes
from tests.ledger.writer import opened, recorded, writer


class Busy:
    """An entry that keeps the writer until ``done``."""

    def __init__(self, committer: Committer[Policy]) -> None:
        self._begun, self._done = threading.Event(), threading.Event()
        committer.submit(entry("busy", self._decide))
        assert self._begun.wait(LONG)

    def done(self) -> None:
        self._done.set()

    def _decide(self, _policy: Policy, _facts: Facts) -> Verdict[str]:
        self._begun.set()
        assert self._done.wait(LONG)
        return yes("busy")


def ask(committer: Committer[Policy], client: str, name: str, *, urgent: bool = False) -> Future[str]:
    return committer.submit(replace(entry(name, urgent=urgent), client=client))


def test_clients_take_turns_and_each_keeps_its_own_order() -> None:
    """Promise P13, architecture section 4."""
    store = opened()
    with writer(lambda: store) as committer:
        busy = Busy(committer)
        futures = [ask(committer, "a", f"a{n}") for n in range(4)]
        futures += [ask(committer, "b", "b0"), ask(committer, "", "page"), ask(committer, "b", "b1")]
        futures += [ask(committer, "a", "kill", urgent=True)]
        busy.done()
        assert {future.result(LONG) for future in futures} == {"yes"}
    assert recorded(store) == ["busy", "kill", "a0", "b0", "page", "a1", "b1", "a2", "a3"]


def test_a_client_with_too_many_waiting_keeps_nobody_else_out() -> None:
    """Promise P13: 64 for one client; people at pages are no client."""
    store = opened()
    with writer(lambda: store) as committer:
        busy = Busy(committer)
        flood = [ask(committer, "a", f"a{n}") for n in range(MOST_OF_ONE_CLIENT)]
        with pytest.raises(Unavailable, match="of this client"):
            ask(committer, "a", "one more").result(LONG)
        others = [ask(committer, "b", "b"), *(ask(committer, "", f"p{n}") for n in range(100))]
        busy.done()
        assert {future.result(LONG) for future in [*flood, *others]} == {"yes"}
        assert ask(committer, "a", "afterwards").result(LONG) == "yes"
    assert "one more" not in recorded(store)
