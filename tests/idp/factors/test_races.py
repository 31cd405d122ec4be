"""Factors on SQLite, by many threads at once: whatever the order, each secret is used up by one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from idjag.idp.factors import operations, recovery
from idjag.idp.factors.proof import Proof, Wrong
from idjag.ledger.entry import Facts
from idjag.protocol.errors import Reason, Refused
from tests.authenticator import Authenticator
from tests.idp.factors.acme import ADMIN, ALICE, ISSUER, Acme, acme

T = TypeVar("T")
THREADS = 12


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Acme]:
    with acme(tmp_path / "idjag.db") as here:
        yield here


def at_once(*calls: Callable[[], T]) -> list[T]:
    """What the calls give, each made by a thread of its own, all at the same time."""
    start, results = threading.Barrier(len(calls)), []

    def run(call: Callable[[], T]) -> None:
        start.wait()
        results.append(call())

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def proofs(outcomes: list[Proof | Wrong | None]) -> int:
    return sum(isinstance(outcome, Proof) for outcome in outcomes)


def test_a_code_of_an_app_is_accepted_once(here: Acme) -> None:
    """Promise P4: single use, counted under a race."""
    id_ = here.add_totp()
    here.now += 60
    code = here.code(id_)
    assert proofs(at_once(*[lambda: here.show_code(code)] * THREADS)) == 1
    here.now += 30
    assert isinstance(here.show_code(here.code(id_)), Proof)


def test_a_recovery_code_is_accepted_once(here: Acme) -> None:
    here.add_totp()
    codes = operations.regenerate(here, here.person(), source=here.source())
    once = recovery.once(ALICE, codes[0], now=here.now)

    def check(found: Facts) -> Proof | Wrong:
        return recovery.check(found, ALICE, codes[0])

    assert proofs(at_once(*[lambda: here.show(check, once)] * THREADS)) == 1
    assert recovery.left(here.found(), ALICE) == 9


def test_an_answer_of_a_passkey_is_accepted_once(here: Acme) -> None:
    key = Authenticator(counts=False)
    here.add_passkey(key)
    answer = key.get(here.request_options(here.ceremony(), ALICE), ISSUER)
    assert proofs(at_once(*[lambda: here.show_passkey(answer)] * THREADS)) == 1


def test_of_two_answers_with_one_counter_one_is_accepted(here: Acme) -> None:
    """An authenticator and its copy sign in at the same moment."""
    key = Authenticator()
    here.add_passkey(key)
    answers = [key.get(here.request_options(here.ceremony(), ALICE), ISSUER)]
    key.residents[0].counter -= 1
    answers += [key.get(here.request_options(here.ceremony(), ALICE), ISSUER)]
    outcomes = at_once(*[lambda answer=answer: here.show_passkey(answer) for answer in answers])
    assert proofs(outcomes) == 1
    assert [each.reason for each in outcomes if isinstance(each, Wrong)] == [Reason.PASSKEY_COUNTER]


def test_somebody_who_removes_everything_at_once_keeps_one(here: Acme) -> None:
    ids = [here.add_totp(label=f"App {number}") for number in range(4)]
    who = here.person()

    def remove(id_: str) -> Reason | None:
        try:
            operations.remove(here, who, id_, required=True, source=here.source())
        except Refused as refused:
            return refused.reason
        return None

    outcomes = at_once(*[lambda id_=id_: remove(id_) for id_ in ids])
    assert set(outcomes) <= {None, Reason.FACTOR_LAST, Reason.FACTOR_CHANGED}
    assert len(here.factors()) == len(ids) - outcomes.count(None) >= 1


def test_a_reset_beside_enrolments_leaves_what_came_after_it_and_nothing_else(here: Acme) -> None:
    """Whatever the order: no factor of the old epoch stays."""
    who = here.person()

    def enrol() -> bool:
        key = Authenticator()
        try:
            here.add_passkey(key)
        except Refused:
            return False
        return True

    def reset() -> bool:
        operations.reset(here, ALICE, source=here.source(), actor=ADMIN)
        return True

    at_once(enrol, enrol, reset, enrol)
    events = [event for event in here.events() if str(event["event"]).startswith("factor.")]
    names = [event["event"] for event in events]
    after = events[names.index("factor.reset") + 1 :]
    assert {one.id for one in here.factors()} == {event["after"]["row"] for event in after}
    assert here.person().epoch == who.epoch + 1
